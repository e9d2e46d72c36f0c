"""Who made a segment: its service, the SDK and the place in AWS where it ran.

As the Collector's translator has it (contrib `receiver/awsxrayreceiver`: `aws.go`, `sdk.go`), with
more fields kept, and the SDK's language in OpenTelemetry's spelling ("X-Ray for Node.js": nodejs).
"""

from collections.abc import Mapping

from viewer.formats.loose_json import to_dict, to_text
from viewer.formats.xray.fields import XRAY, put, put_all, put_object
from viewer.trace.attributes import Value, show_value
from viewer.trace.span import Resource

# Fields of `aws` that say where a segment ran, and the names of what they hold.
PLACES: Mapping[str, Mapping[str, str]] = {
    "ec2": {
        "availability_zone": "cloud.availability_zone",
        "instance_id": "host.id",
        "instance_size": "host.type",
        "ami_id": "host.image.id",
    },
    "ecs": {
        "container": "container.name",
        "container_id": "container.id",
        "availability_zone": "cloud.availability_zone",
        "task_arn": "aws.ecs.task.arn",
        "task_family": "aws.ecs.task.family",
        "cluster_arn": "aws.ecs.cluster.arn",
        "container_arn": "aws.ecs.container.arn",
        "launch_type": "aws.ecs.launchtype",
    },
    "eks": {
        "cluster_name": "k8s.cluster.name",
        "pod": "k8s.pod.name",
        "container_id": "container.id",
    },
    "elastic_beanstalk": {
        "environment_name": "service.namespace",
        "version_label": "service.version",
        "deployment_id": "service.instance.id",
    },
}
LOGS = "cloudwatch_logs"
SDK = "xray"
RULE = "sampling_rule_name"
"""The one field of ``aws.xray`` that is about a segment, not about its SDK."""
_SERVICE = {
    "version": "service.version",
    "runtime": "process.runtime.name",
    "runtime_version": "process.runtime.version",
}
_LOG = {"log_group": "aws.log.group.names", "arn": "aws.log.group.arns"}
_SDK = {"sdk": "telemetry.sdk.name", "sdk_version": "telemetry.sdk.version"}
_LANGUAGES = {"node.js": "nodejs", ".net": "dotnet", ".net core": "dotnet"}


def resource_of_segment(segment: Mapping[str, object]) -> Resource:
    """Return what a segment, and all that is nested in it, comes from."""
    service = to_text(segment.get("name"))
    attributes: dict[str, Value] = {"service.name": service}
    aws = segment.get("aws")
    attributes["cloud.provider"] = "unknown" if aws is None else "aws"
    put_object(attributes, f"{XRAY}service", segment.get("service"), _SERVICE)
    if isinstance(aws, Mapping):
        put(attributes, "cloud.account.id", aws.get("account_id"), "aws.account_id")
        _put_places(attributes, aws)
        _put_sdk(attributes, aws)
    for field in ("origin", "resource_arn"):
        put(attributes, XRAY + field, segment.get(field), XRAY + field)
    return Resource(service, tuple(attributes.items()))


def resource_of_subsegment(subsegment: Mapping[str, object]) -> Resource:
    """Return what a subsegment that was sent by itself says of its sender: at most its SDK."""
    attributes: dict[str, Value] = {}
    _put_sdk(attributes, to_dict(subsegment.get("aws")))
    return Resource("", tuple(attributes.items()))


def _put_places(attributes: dict[str, Value], aws: Mapping[str, object]) -> None:
    for place, names in PLACES.items():
        put_object(attributes, f"aws.{place}", aws.get(place), names)
    number = attributes.get("service.instance.id")
    if isinstance(number, int):
        attributes["service.instance.id"] = str(number)
    logs = aws.get(LOGS)
    if not isinstance(logs, list) or not all(
        isinstance(log, dict) and _LOG.keys() >= log.keys() for log in logs
    ):
        put(attributes, f"aws.{LOGS}", logs, f"aws.{LOGS}")
        return
    for field, name in _LOG.items():
        texts = [to_text(log.get(field)) for log in logs]
        if any(texts):
            attributes[name] = [text for text in texts if text]


def _put_sdk(attributes: dict[str, Value], aws: Mapping[str, object]) -> None:
    sdk = aws.get(SDK)
    if isinstance(sdk, Mapping):
        sdk = {field: value for field, value in sdk.items() if field != RULE}
        put_all(attributes, sdk, _SDK, XRAY)
    else:
        put(attributes, f"aws.{SDK}", sdk, f"aws.{SDK}")
    _, known, language = show_value(attributes.get("telemetry.sdk.name")).lower().partition("for ")
    if known and language:
        attributes["telemetry.sdk.language"] = _LANGUAGES.get(language, language)
