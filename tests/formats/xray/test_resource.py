import pytest

from tests.formats.xray.reading import LONE, read_all, read_segment


def resource_of(**fields: object) -> dict:
    return dict(read_segment(**fields).resource.attributes)


def test_the_segment_s_name_is_the_service() -> None:
    span = read_segment()
    assert (span.service, span.name) == ("shop", "shop")
    assert span.resource.attributes == (("service.name", "shop"), ("cloud.provider", "unknown"))


def test_the_places_of_aws_have_their_opentelemetry_names() -> None:
    aws = {
        "account_id": "123",
        "ec2": {
            "availability_zone": "us-east-2b",
            "instance_id": "i-1",
            "instance_size": "m4.large",
            "ami_id": "ami-1",
        },
        "ecs": {"container": "box", "container_id": "c1", "task_arn": "arn:t", "x": 1},
        "eks": {"cluster_name": "k", "pod": "p", "container_id": "c1"},
        "elastic_beanstalk": {
            "environment_name": "prod",
            "version_label": "v7",
            "deployment_id": 32,
        },
        "cloudwatch_logs": [{"log_group": "g1", "arn": "arn:g1"}, {"log_group": "g2"}],
    }
    assert resource_of(aws=aws) == {
        "service.name": "shop",
        "cloud.provider": "aws",
        "cloud.account.id": "123",
        "cloud.availability_zone": "us-east-2b",
        "host.id": "i-1",
        "host.type": "m4.large",
        "host.image.id": "ami-1",
        "container.name": "box",
        "container.id": "c1",
        "aws.ecs.task.arn": "arn:t",
        "aws.ecs.x": 1,
        "k8s.cluster.name": "k",
        "k8s.pod.name": "p",
        "service.namespace": "prod",
        "service.version": "v7",
        "service.instance.id": "32",
        "aws.log.group.names": ["g1", "g2"],
        "aws.log.group.arns": ["arn:g1"],
    }


def test_places_that_disagree_are_both_kept() -> None:
    aws = {"ec2": {"availability_zone": "a"}, "ecs": {"availability_zone": "b"}}
    resource = resource_of(aws=aws)
    assert resource["cloud.availability_zone"] == "a"
    assert resource["aws.ecs.availability_zone"] == "b"


def test_log_groups_of_another_shape_are_kept_whole() -> None:
    logs = [{"log_group": "g", "region": "eu"}]
    assert resource_of(aws={"cloudwatch_logs": logs})["aws.cloudwatch_logs"] == logs


@pytest.mark.parametrize(
    ("sdk", "language"),
    [
        ("X-Ray for Python", "python"),
        ("X-Ray for Node.js", "nodejs"),
        ("X-Ray for Java", "java"),
        ("X-Ray for Go", "go"),
        ("X-Ray for .NET", "dotnet"),
        ("opentelemetry for java", "java"),
        ("my own", None),
        (7, None),
    ],
)
def test_the_sdk_is_named_with_its_language(sdk: object, language: str | None) -> None:
    resource = resource_of(aws={"xray": {"sdk": sdk, "sdk_version": "2.15.0", "package": "p"}})
    assert resource["telemetry.sdk.name"] == sdk
    assert resource["telemetry.sdk.version"] == "2.15.0"
    assert resource["aws.xray.package"] == "p"
    assert resource.get("telemetry.sdk.language") == language


def test_the_service_s_version_goes_before_beanstalk_s_label() -> None:
    service = {"version": "2", "runtime": "CPython", "runtime_version": "3.11", "compiler": "gc"}
    resource = resource_of(
        service=service,
        aws={"elastic_beanstalk": {"version_label": "v7"}},
        origin="AWS::ECS::Container",
        resource_arn="arn:x",
    )
    assert resource["service.version"] == "2"
    assert resource["aws.elastic_beanstalk.version_label"] == "v7"
    assert resource["process.runtime.name"] == "CPython"
    assert resource["process.runtime.version"] == "3.11"
    assert resource["aws.xray.service.compiler"] == "gc"
    assert resource["aws.xray.origin"] == "AWS::ECS::Container"
    assert resource["aws.xray.resource_arn"] == "arn:x"


def test_a_lone_subsegment_tells_its_sdk_at_most() -> None:
    aws = {"account_id": "1", "xray": {"sdk": "X-Ray for Go", "sampling_rule_name": "Default"}}
    (span,) = read_all({**LONE, "aws": aws}).spans
    assert span.service == ""
    assert span.resource.attributes == (
        ("telemetry.sdk.name", "X-Ray for Go"),
        ("telemetry.sdk.language", "go"),
    )


@pytest.mark.parametrize("aws", ["text", 7, [], {"xray": "text", "ec2": 3, "cloudwatch_logs": 1}])
def test_what_is_no_object_is_kept_somewhere(aws: object) -> None:
    span = read_segment(aws=aws)
    kept = str(span.resource.attributes + span.attributes)
    sent = list(aws.values()) if isinstance(aws, dict) else [aws]
    assert all(str(value) in kept for value in sent)
