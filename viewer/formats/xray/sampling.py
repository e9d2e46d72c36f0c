"""What SDKs are told about sampling: keep everything.

The shapes are those of X-Ray's service model ``2016-04-12`` (GetSamplingRules, GetSamplingTargets).
Its SDKs take a rule only with version 1, the resource ``*``, a service type and no attributes.
"""

from viewer.formats.base import DecodeError
from viewer.formats.loose_json import load, to_dict, to_text

EVERYTHING = 1.0
_MAX_RULES = 1_000
_LONGEST_NAME = 256
_REPORT_AFTER_S = 10
# SDKs compare it with their own clock, and fall back to the rate once it has passed.
_NEVER = 4_102_444_800
_ENOUGH = 1_000_000
_RULE = {
    "RuleName": "Default",
    "RuleARN": "arn:aws:xray:us-east-1:000000000000:sampling-rule/Default",
    "ResourceARN": "*",
    "Priority": 10_000,
    "FixedRate": EVERYTHING,
    "ReservoirSize": 1,
    "ServiceName": "*",
    "ServiceType": "*",
    "Host": "*",
    "HTTPMethod": "*",
    "URLPath": "*",
    "Version": 1,
    "Attributes": {},
}


def rules() -> dict[str, object]:
    """Return the one rule there is."""
    return {"SamplingRuleRecords": [{"SamplingRule": _RULE, "CreatedAt": 0.0, "ModifiedAt": 0.0}]}


def rules_asked_for(body: bytes) -> list[str]:
    """Return the names of the rules that an SDK reports on; raises DecodeError."""
    value = load(body)
    reports = value.get("SamplingStatisticsDocuments") if isinstance(value, dict) else None
    if not isinstance(reports, list):
        raise DecodeError('expected {"SamplingStatisticsDocuments": […]}')
    if len(reports) > _MAX_RULES:
        raise DecodeError(f"more than {_MAX_RULES} sampling rules in one request")
    names = [to_text(to_dict(report).get("RuleName")) for report in reports]
    if not all(0 < len(name) <= _LONGEST_NAME for name in names):
        raise DecodeError("each of the SamplingStatisticsDocuments needs the name of a rule")
    return names


def targets(names: list[str]) -> dict[str, object]:
    """Return the target of each rule: everything. That rules never changed saves new queries."""
    return {
        "SamplingTargetDocuments": [
            {
                "RuleName": name,
                "FixedRate": EVERYTHING,
                "ReservoirQuota": _ENOUGH,
                "ReservoirQuotaTTL": _NEVER,
                "Interval": _REPORT_AFTER_S,
            }
            for name in names
        ],
        "LastRuleModification": 0.0,
        "UnprocessedStatistics": [],
    }
