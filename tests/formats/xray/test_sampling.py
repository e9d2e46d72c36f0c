import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.strategies import objects_of
from viewer.formats.base import DecodeError
from viewer.formats.xray.sampling import rules, rules_asked_for, targets


def asked(*names: object) -> bytes:
    reports = [{"RuleName": name, "ClientID": "a" * 24, "Timestamp": 1} for name in names]
    return json.dumps({"SamplingStatisticsDocuments": reports}).encode()


def test_the_one_rule_keeps_everything_and_is_of_the_kind_that_sdks_take() -> None:
    (record,) = rules()["SamplingRuleRecords"]  # type: ignore[misc]
    rule = record["SamplingRule"]
    assert (rule["RuleName"], rule["FixedRate"], rule["Priority"]) == ("Default", 1.0, 10_000)
    # aws-xray-sdk (Python, Node): the checks of their service connectors.
    assert (rule["Version"], rule["ResourceARN"], rule["Attributes"]) == (1, "*", {})
    for field in ("ServiceType", "ServiceName", "Host", "HTTPMethod", "URLPath"):
        assert rule[field] == "*"
    assert isinstance(record["CreatedAt"], float)
    assert isinstance(record["ModifiedAt"], float)


def test_every_rule_asked_for_has_the_target_of_everything() -> None:
    answer = targets(rules_asked_for(asked("Default", "mine")))
    assert [
        (target["RuleName"], target["FixedRate"], target["Interval"])
        for target in answer["SamplingTargetDocuments"]  # type: ignore[attr-defined]
    ] == [("Default", 1.0, 10), ("mine", 1.0, 10)]
    assert isinstance(answer["LastRuleModification"], float)
    assert answer["UnprocessedStatistics"] == []


def test_none_asked_for_is_none_answered() -> None:
    assert targets(rules_asked_for(asked()))["SamplingTargetDocuments"] == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"no json", asked(None), asked(""), asked("a" * 300), asked(*["a"] * 1001)],
)
def test_a_request_without_names_is_refused(body: bytes) -> None:
    with pytest.raises(DecodeError):
        rules_asked_for(body)


@given(
    st.binary(max_size=50)
    | objects_of("SamplingStatisticsDocuments", "RuleName").map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_body_is_understood_or_refused(body: bytes) -> None:
    try:
        names = rules_asked_for(body)
    except DecodeError:
        return
    json.dumps(targets(names))
