"""What the query API must answer, and what it does: spans as plain values that can be compared."""

import json
import re
from typing import Any, TypeAlias

Json: TypeAlias = "dict[str, Any]"
Tags: TypeAlias = "set[tuple[str, str, str]]"
_AHEAD = re.compile(r"starts [0-9.e+-]+µs before its parent")
_TYPES = {
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    list: "string",
    dict: "string",
}


def tag(key: str, value: Any) -> tuple[str, str, str]:
    """Return an attribute as Jaeger's key, type and value."""
    shown = value
    if isinstance(value, list | dict):
        shown = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    elif type(value) is int and abs(value) >= 1 << 53:
        # Beyond what JavaScript holds exactly it is written as text.
        shown = str(value)
    return key, _TYPES[type(value)], repr(shown)


def typed(attributes: Json) -> Tags:
    """Return all attributes that are not None."""
    return {tag(key, value) for key, value in attributes.items() if value is not None}


def answered(trace: Json) -> list[Json]:
    """Return a trace's spans as the query API answers it, in the order of their starts."""
    return in_order([_span(span, trace["processes"]) for span in trace["spans"]])


def in_order(spans: list[Json]) -> list[Json]:
    return sorted(spans, key=lambda span: (span["start_us"], span["service"], span["name"]))


def _span(span: Json, processes: Json) -> Json:
    process = processes[span["processID"]]
    return {
        "trace_id": span["traceID"],
        "id": span["spanID"],
        "name": span["operationName"],
        "service": process["serviceName"],
        "process": _tags(process["tags"]),
        "references": [
            (reference["refType"], reference["traceID"], reference["spanID"])
            for reference in span["references"]
        ],
        "start_us": span["startTime"],
        "duration_us": span["duration"],
        "tags": _tags(span["tags"]),
        "logs": [(log["timestamp"], _tags(log["fields"])) for log in span["logs"]],
        # That a client's clock puts a child ahead of its parent is remarked on, but not the client's.
        "warnings": [text for text in span["warnings"] or () if not _AHEAD.match(text)] or None,
    }


def _tags(listed: list[Json]) -> Tags:
    found = {(tag["key"], tag["type"], repr(tag["value"])) for tag in listed}
    assert len(found) == len(listed)
    return found
