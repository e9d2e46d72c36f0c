from tests.formats.datadog import encoders
from tests.formats.datadog.reading import of_chunk, of_fields
from viewer.formats.base import Decoded
from viewer.formats.datadog.payload import Chunk, TracerPayload
from viewer.formats.datadog.resources import MAX_TAGS, Resources
from viewer.formats.datadog.spans import add_payload
from viewer.trace.span import Scope


def test_tags_about_the_process_go_to_the_resource_of_the_whole_chunk() -> None:
    tags = {
        "env": "prod",
        "version": "1.2",
        "language": "python",
        "runtime-id": "r1",
        "_dd.hostname": "web-1",
        "color": "blue",
    }
    first, second, other = of_chunk(
        encoders.root(1, meta=tags), encoders.span(2), encoders.span(3, service="postgres")
    )
    shared = (
        ("telemetry.sdk.name", "Datadog"),
        ("deployment.environment.name", "prod"),
        ("service.version", "1.2"),
        ("telemetry.sdk.language", "python"),
        ("runtime-id", "r1"),
        ("host.name", "web-1"),
    )
    assert first.resource == second.resource
    assert first.resource.attributes == (("service.name", "shop"), *shared)
    assert other.resource.attributes == (
        ("service.name", "postgres"),
        *(pair for pair in shared if pair[0] != "service.version"),
    )
    assert dict(first.attributes).keys() == {*("operation.name", "span.type", "_dd.p.tid", "color")}


def test_what_a_span_says_itself_wins() -> None:
    _, second = of_chunk(
        encoders.root(1, meta={"env": "prod"}), encoders.span(2, meta={"env": "test"})
    )
    assert dict(second.resource.attributes)["deployment.environment.name"] == "test"


def test_another_process_in_the_same_file_has_a_resource_of_its_own() -> None:
    resources = Resources({})
    resources.enter([encoders.span(meta={"env": "prod"})])
    assert len(resources.of("shop", {}).attributes) == 3
    resources.enter([encoders.span()])
    assert len(resources.of("shop", {}).attributes) == 2


def test_the_service_is_the_spans_own() -> None:
    span = of_fields(meta={"service": "configured", "_dd.base_service": "base"})
    assert (span.service, dict(span.resource.attributes)["service.name"]) == ("shop", "shop")
    assert dict(span.attributes)["service"] == "configured"
    assert dict(span.attributes)["_dd.base_service"] == "base"
    nameless = of_fields(service="")
    assert nameless.service == ""
    assert "service.name" not in dict(nameless.resource.attributes)


def test_the_header_says_the_language_and_the_tag_stays() -> None:
    resources = Resources({"language_name": ".NET", "tracer_version": "3.2.1"})
    resources.enter([])
    attributes = dict(resources.of("shop", {"language": "csharp"}).attributes)
    assert attributes["telemetry.sdk.language"] == "dotnet"
    assert attributes["telemetry.sdk.version"] == "3.2.1"
    assert resources.scope == Scope("Datadog", "3.2.1")


def test_hostile_descriptions_of_the_sender_do_no_harm() -> None:
    resources = Resources(
        {"env": [1], "tags": {"service.name": "x", 5: {"a": 1}}, "hostname": None}
    )
    resources.enter([None, 5, {"meta": []}, {"meta": {"env": {}}}])
    assert resources.of("shop", {}).attributes == (
        ("service.name", "shop"),
        ("telemetry.sdk.name", "Datadog"),
        ("5", {"a": 1}),
    )


def test_many_tags_of_the_sender_and_many_versions_take_no_room_together() -> None:
    about = {"tags": {f"tag {number}": "v" for number in range(MAX_TAGS + 5)}}
    sent = [encoders.span(number, meta={"version": str(number)}) for number in range(1, 5_001)]
    decoded = Decoded()
    add_payload(TracerPayload([Chunk(sent)], about), decoded)
    assert decoded.notes[0].reason == "tags of the sender beyond 200 were left out"
    resources = decoded.batch.resources
    assert len(resources) == 5_000
    assert len(resources[0].attributes) > MAX_TAGS
    assert dict(resources[-1].attributes)["service.version"] == "5000"
    assert sum(len(resource.attributes) for resource in resources) < 600_000
