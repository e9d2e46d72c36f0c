"""Datadog's tracers send MessagePack, in the agent's versions 0.4 and 0.5."""

import pytest

from bench.server import Server
from tests.clients.answers import Json, answered, in_order, typed
from tests.clients.running import Client, get_trace, record
from tests.collector.relay import relay_to

DOOR = "Datadog"
further = pytest.mark.clients


def python(major: int, version: str = "v0.5", complaint: str = "", **told: str) -> Client:
    told["DD_TRACE_API_VERSION"] = version
    return Client(f"ddtrace{major}", "datadog.py", DOOR, told, complaint)


def node(protocol: str) -> Client:
    return Client("node-ddtrace", "datadog.cjs", DOOR, {"PROTOCOL": protocol})


# It says so even if it has been set to v0.4.
NOT_V5 = "Setting api version to v0.4; DD_TRACE_NATIVE_SPAN_EVENTS is not compatible with v0.5"
CLIENTS = {
    "python4-v0.5": python(4),
    "python4-v0.4": python(4, "v0.4"),
    "python4-v0.4-events": python(4, "v0.4", NOT_V5, DD_TRACE_NATIVE_SPAN_EVENTS="1"),
    "python3-v0.5": python(3),
    "python3-v0.4": python(3, "v0.4"),
    "python2-v0.4": python(2, "v0.4"),
    "python2-v0.5-64bit": python(2, DD_TRACE_128_BIT_TRACEID_GENERATION_ENABLED="false"),
    "node-v0.4": node("0.4"),
    "node-v0.5": node("0.5"),
}
BY_DEFAULT = ("python4-v0.5", "node-v0.4")
EXCEPTION = {
    "message": "exception.message",
    "type": "exception.type",
    "stack": "exception.stacktrace",
}


@pytest.mark.parametrize(
    "name",
    [name if name in BY_DEFAULT else pytest.param(name, marks=further) for name in CLIENTS],
)
def test_a_trace_is_answered_as_it_was_recorded(server: Server, name: str) -> None:
    with relay_to(server.doors[DOOR].partition("/v0")[0]) as relay:
        recorded = record(CLIENTS[name], server, DD_TRACE_AGENT_URL=relay.url)
    method = "post" if name.startswith(("python4", "python3")) else "put"
    version = "v0.5" if "v0.5" in name else "v0.4"
    assert f"{method} /{version}/traces http/1.1\r\n" in relay.heads
    trace = get_trace(server, recorded[0]["traceId"], len(recorded))
    runtime_id = next(text for span in recorded if (text := span["meta"].get("runtime-id")))
    expected = in_order([of_tracer(span, runtime_id) for span in recorded])
    assert [without_notes(span) for span in answered(trace)] == expected


def without_notes(span: Json) -> Json:
    """Without the tags that a tracer adds for its agent; their names begin with an underscore."""
    return {**span, "tags": {tag for tag in span["tags"] if not tag[0].startswith("_")}}


def of_tracer(span: Json, runtime_id: str) -> Json:
    """A tracer's span: its name is its resource, its numbers are doubles, and what went wrong is
    an event at its end as well."""
    trace_id = span["traceId"].removeprefix("0" * 16)
    parent_id = span["parentId"].zfill(16)
    start, end = int(span["startNs"]), int(span["startNs"]) + int(span["durationNs"])
    error = {
        key: span["meta"][f"error.{key}"] for key in EXCEPTION if f"error.{key}" in span["meta"]
    }
    logs = [(int(when) // 1000, {"event": event, **own}) for event, when, own in span["events"]]
    if error:
        own = {name: error[key] for key, name in EXCEPTION.items()}
        logs.append((end // 1000, {"event": "exception", **own}))
    return {
        "trace_id": trace_id,
        "id": span["spanId"],
        "name": span["resource"],
        "service": span["service"],
        "process": typed(
            {
                "process.runtime.version": span["runtime"],
                "runtime-id": runtime_id,
                "telemetry.sdk.language": span["language"],
                "telemetry.sdk.name": "Datadog",
                "telemetry.sdk.version": span["tracer"],
            }
        ),
        "references": [
            *([("CHILD_OF", trace_id, parent_id)] if span["parentId"] else []),
            *(("FOLLOWS_FROM", of.removeprefix("0" * 16), to) for of, to, _ in span["links"]),
        ],
        "start_us": start // 1000,
        "duration_us": (end - start) // 1000,
        "tags": typed(tags(span, error)),
        "logs": [(when, typed(fields)) for when, fields in logs],
        "warnings": None,
    }


def tags(span: Json, error: dict[str, str]) -> Json:
    attributes: Json = {
        "operation.name": span["name"],
        "span.type": span["type"] or None,
        "otel.scope.name": "Datadog",
        "otel.scope.version": span["tracer"],
        "span.kind": span["meta"].get("span.kind"),
    }
    noted = {**span["meta"], **{key: float(value) for key, value in span["metrics"].items()}}
    attributes |= {
        key: value
        for key, value in noted.items()
        if not key.startswith("_") and key not in ("span.kind", "runtime-id")
    }
    if span["language"] == "python":
        attributes.pop("language", None)
    if error:
        attributes |= {
            "error": True,
            "otel.status_code": "ERROR",
            "otel.status_description": error["message"],
        }
    return attributes
