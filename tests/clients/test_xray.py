"""AWS X-Ray's SDKs send their documents by UDP."""

from collections.abc import Iterator

import pytest

from bench.server import Server
from tests.clients.answers import Json, Tags, answered, in_order, tag, typed
from tests.clients.running import Client, get_trace, record

UDP, STREAMED = "AWS X-Ray UDP", {"STREAMED": "1"}
CLIENTS = {
    "python": Client("xray", "xray.py", UDP),
    "python-streamed": Client("xray", "xray.py", UDP, STREAMED),
    "python-sampled": Client("xray", "xray.py", UDP, {"SAMPLING": "1"}),
    "node": Client("node-xray", "xray.cjs", UDP),
    "node-streamed": Client("node-xray", "xray.cjs", UDP, STREAMED),
}
# What each of the story's fields is called in OpenTelemetry's terms.
HTTP = {
    ("request", "method"): "http.method",
    ("request", "url"): "http.url",
    ("request", "client_ip"): "http.client_ip",
    ("response", "status"): "http.status_code",
}
SQL = {"sanitized_query": "db.statement", "database_type": "db.system"}
RULE = "sampling_rule_name"
SDKS = {"X-Ray for Python": "python", "X-Ray for Node.js": "nodejs"}


@pytest.mark.parametrize(
    "name",
    [
        "python",
        "node",
        pytest.param("python-streamed", marks=pytest.mark.clients),
        pytest.param("node-streamed", marks=pytest.mark.clients),
    ],
)
def test_a_trace_is_answered_as_it_was_recorded(server: Server, name: str) -> None:
    check(server, record(CLIENTS[name], server))


@pytest.mark.clients
def test_a_client_that_asks_is_told_to_sample(server: Server) -> None:
    documents = record(CLIENTS["python-sampled"], server)
    check(server, documents)
    root = next(document for document in documents if document["name"] == "gateway")
    assert root["aws"]["xray"][RULE] == "Default"


def check(server: Server, documents: list[Json]) -> None:
    entities = [entity for document in documents for entity in flat(document)]
    by_id = {entity["id"]: entity for entity in entities}
    trace_id = plain(documents[0]["trace_id"])
    trace = get_trace(server, trace_id, len(entities))
    assert answered(trace) == in_order([expected(entity, by_id, trace_id) for entity in entities])
    assert len({span["service"] for span in answered(trace)}) == 6


def flat(entity: Json, parent_id: str | None = None) -> Iterator[Json]:
    """Yield a document's segment or subsegment, and all in it, each with its parent."""
    yield {"parent_id": parent_id, **entity}
    for inner in entity.get("subsegments", ()):
        yield from flat(inner, entity["id"])


def plain(trace_id: str) -> str:
    return trace_id.removeprefix("1-").replace("-", "")


def expected(entity: Json, by_id: dict[str, Json], trace_id: str) -> Json:
    start, end = (round(entity[key] * 1e6) for key in ("start_time", "end_time"))
    segment = entity
    while "service" not in segment:
        segment = by_id[segment["parent_id"]]
    parent_id = entity["parent_id"]
    return {
        "trace_id": trace_id,
        "id": entity["id"],
        "name": entity["name"],
        "service": segment["name"],
        "process": process(segment),
        "references": [("CHILD_OF", trace_id, parent_id)] if parent_id else [],
        "start_us": start,
        "duration_us": end - start,
        "tags": tags(entity, is_segment=segment is entity),
        "logs": [(end, exception(item)) for item in entity.get("cause", {}).get("exceptions", ())],
        "warnings": None,
    }


def process(segment: Json) -> Tags:
    """The SDK and its runtime; what else the SDK says of itself keeps its own name."""
    service, sdk = dict(segment["service"]), dict(segment["aws"]["xray"])
    name = sdk.pop("sdk")
    sdk.pop(RULE, None)
    attributes = {
        "cloud.provider": "aws",
        "process.runtime.name": service.pop("runtime"),
        "process.runtime.version": service.pop("runtime_version"),
        "telemetry.sdk.language": SDKS[name],
        "telemetry.sdk.name": name,
        "telemetry.sdk.version": sdk.pop("sdk_version"),
    }
    if "version" in service:
        attributes["service.version"] = service.pop("version")
    attributes |= {f"aws.xray.service.{key}": value for key, value in service.items()}
    return typed(attributes | {f"aws.xray.{key}": value for key, value in sdk.items()})


def tags(entity: Json, is_segment: bool) -> Tags:
    namespace = entity.get("namespace")
    outgoing = namespace in ("aws", "remote")
    kind = "server" if is_segment else "client" if outgoing else "internal"
    attributes: Json = {"span.kind": kind, "enduser.id": entity.get("user")}
    if is_segment:
        attributes[f"aws.xray.{RULE}"] = entity["aws"]["xray"].get(RULE)
    if namespace == "aws":
        attributes["aws.service"] = entity["name"]
    for (side, key), name in HTTP.items():
        attributes[name] = entity.get("http", {}).get(side, {}).get(key)
    attributes |= {SQL[key]: value for key, value in entity.get("sql", {}).items()}
    annotations = entity.get("annotations", {})
    if annotations:
        attributes["aws.xray.annotations"] = list(annotations)
    attributes |= annotations
    for name, values in entity.get("metadata", {}).items():
        attributes[f"aws.xray.metadata.{name}"] = values
    if entity.get("fault"):
        attributes |= {"aws.xray.fault": True, "error": True, "otel.status_code": "ERROR"}
    if cause := entity.get("cause"):
        attributes["aws.xray.cause.working_directory"] = cause["working_directory"]
        attributes["otel.status_description"] = cause["exceptions"][0]["message"]
    return typed(attributes)


def exception(item: Json) -> Tags:
    head = f"{item['type']}: {item['message']}\n"
    frames = (
        f"\tat {frame['label']}({frame['path']}: {frame.get('line') or '<unknown>'})\n"
        for frame in item["stack"]
    )
    return {
        tag("event", "exception"),
        tag("exception.type", item["type"]),
        tag("exception.message", item["message"]),
        tag("exception.stacktrace", head + "".join(frames)),
        tag("aws.xray.exception.id", item["id"]),
        tag("aws.xray.exception.remote", item["remote"]),
    }
