"""Jaeger JSON → spans: what the UI and the query API give (`model/json/model.go`), what is stored
in Elasticsearch, and the protobuf model as JSON (`model.proto`).

What it means in OpenTelemetry's terms is `jaeger.mapping`'s. Only the IDs of references are read,
not the whole spans that Jaeger's UI nests in them.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from viewer.formats.base import Decoded
from viewer.formats.jaeger.mapping import (
    WARNING,
    Reference,
    log_event,
    process_resource,
    relate,
    tagged_span,
)
from viewer.formats.jaeger.tags import read_tags
from viewer.formats.loose_json import (
    first_of,
    read_span_id,
    read_trace_id,
    to_count,
    to_dict,
    to_int,
    to_list,
    to_text,
)
from viewer.search.parse import QueryError, parse_duration
from viewer.trace.ids import InvalidId
from viewer.trace.span import Event, Link, Resource, Span

_BULK_ACTIONS = ("index", "create", "update", "delete")
TRACE_WARNING = "warning of the trace"
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadField(ValueError):
    """A field without which a span cannot be placed is unreadable."""


class JaegerJson:
    """The format `jaeger-json`."""

    name = "jaeger-json"
    title = "Jaeger JSON"

    def claims(self, value: object) -> bool:
        """Recognise an API answer, a trace, a span, and what surrounds spans in Elasticsearch."""
        if not isinstance(value, dict):
            return False
        if _is_span(value) or _is_trace(value) or _bulk_action(value):
            return True
        data = value.get("data")
        if isinstance(data, list):
            return any(isinstance(item, dict) and _is_trace(item) for item in data[:1])
        source = value.get("_source")
        return (isinstance(source, dict) and _is_span(source)) or bool(_hits(value))

    def decode_value(self, value: object, decoded: Decoded, lenient: bool) -> None:
        """Append the value's spans."""
        fields = to_dict(value)
        if _is_span(fields):
            _add_span(fields, {}, decoded, lenient, [])
        elif _is_trace(fields):
            _add_trace(fields, decoded, lenient)
        elif "data" in fields:
            for trace in to_list(fields["data"]):
                _add_trace(to_dict(trace), decoded, lenient)
        elif not _bulk_action(fields):
            for hit in _hits(fields) or [fields]:
                _add_span(to_dict(to_dict(hit).get("_source")), {}, decoded, lenient, [])


def _is_span(value: Mapping[str, object]) -> bool:
    return "operationName" in value and _has_ids(value)


def _has_ids(value: Mapping[str, object]) -> bool:
    return ("traceID" in value or "traceId" in value) and ("spanID" in value or "spanId" in value)


def _is_trace(value: Mapping[str, object]) -> bool:
    spans = value.get("spans")
    if not isinstance(spans, list):
        return False
    if any(isinstance(span, dict) for span in spans[:1]):
        return _is_span(to_dict(spans[0])) or ("processes" in value and _has_ids(to_dict(spans[0])))
    return not spans and ("processes" in value or "traceID" in value)


def _bulk_action(value: Mapping[str, object]) -> bool:
    """Say whether this is a line between documents in the body of an Elasticsearch bulk request."""
    return len(value) == 1 and any(
        isinstance(value.get(action), dict) and not _is_span(to_dict(value[action]))
        for action in _BULK_ACTIONS
    )


def _hits(value: Mapping[str, object]) -> list[object]:
    """Return the hits of an Elasticsearch search answer that holds spans."""
    hits = to_list(to_dict(value.get("hits")).get("hits"))
    return hits if hits and _is_span(to_dict(to_dict(hits[0]).get("_source"))) else []


def _add_trace(trace: Mapping[str, object], decoded: Decoded, lenient: bool) -> None:
    processes = {
        str(name): _resource(to_dict(process))
        for name, process in to_dict(trace.get("processes")).items()
    }
    # Protobuf's model.Batch and Trace: a process for the whole batch, or a list of mappings.
    if isinstance(trace.get("process"), dict):
        processes[""] = _resource(to_dict(trace["process"]))
    for mapping in to_list(trace.get("processMap")):
        name = to_text(first_of(to_dict(mapping), "processId", "processID"))
        processes[name] = _resource(to_dict(to_dict(mapping).get("process")))
    warnings = [(TRACE_WARNING, to_text(warning)) for warning in to_list(trace.get("warnings"))]
    for span in to_list(trace.get("spans")):
        _add_span(to_dict(span), processes, decoded, lenient, warnings)
        warnings = []


def _resource(process: Mapping[str, object]) -> Resource:
    service = to_text(process["serviceName"]) if "serviceName" in process else None
    return process_resource(service, read_tags(process.get("tags"), process.get("tag")))


def _add_span(
    span: Mapping[str, object],
    processes: Mapping[str, Resource],
    decoded: Decoded,
    lenient: bool,
    warnings: list[tuple[str, str]],
) -> None:
    try:
        decoded.batch.add(_span(span, processes, decoded, lenient, warnings))
    except (InvalidId, BadField) as error:
        decoded.reject(str(error))


def _span(
    span: Mapping[str, object],
    processes: Mapping[str, Resource],
    decoded: Decoded,
    lenient: bool,
    as_sent: list[tuple[str, str]],
) -> Span:
    as_sent = list(as_sent)
    trace_id = _trace_id(span, lenient, as_sent)
    sent = first_of(span, "spanID", "spanId")
    span_id, made_up = read_span_id(sent, lenient)
    if made_up:
        as_sent.append(("spanID", str(sent)))
    parent_id, links = _references(span, trace_id, decoded, lenient, as_sent)
    as_sent += [(WARNING, to_text(warning)) for warning in to_list(span.get("warnings"))]
    resource = _process(span, processes, as_sent)
    tags = list(read_tags(span.get("tags"), span.get("tag")))
    return tagged_span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        links=links,
        name=to_text(span.get("operationName")),
        start_ns=_time(span.get("startTime"), "startTime"),
        duration_ns=_duration(span.get("duration")),
        resource=resource,
        tags=tags,
        events=[_event(to_dict(log)) for log in to_list(span.get("logs"))],
        flags=to_count(span.get("flags")),
        as_sent=as_sent,
    )


def _trace_id(span: Mapping[str, object], lenient: bool, as_sent: list[tuple[str, str]]) -> str:
    sent = first_of(span, "traceID", "traceId")
    trace_id, made_up = read_trace_id(sent, lenient)
    if made_up:
        as_sent.append(("traceID", str(sent)))
    return trace_id


def _process(
    span: Mapping[str, object],
    processes: Mapping[str, Resource],
    as_sent: list[tuple[str, str]],
) -> Resource:
    if isinstance(span.get("process"), dict):
        return _resource(to_dict(span["process"]))
    name = to_text(first_of(span, "processID", "processId"))
    if name in processes:
        return processes[name]
    if name:
        as_sent.append(("processID", name))
    return Resource()


def _references(
    span: Mapping[str, object],
    trace_id: str,
    decoded: Decoded,
    lenient: bool,
    as_sent: list[tuple[str, str]],
) -> tuple[int, tuple[Link, ...]]:
    """Return the parent and the links; the legacy field is the parent where no reference is."""
    references: list[Reference] = []
    for reference in to_list(span.get("references")):
        fields = to_dict(reference)
        nested = to_dict(fields.get("span"))
        try:
            other, _ = read_trace_id(
                first_of(fields, "traceID", "traceId") or first_of(nested, "traceID"), lenient
            )
            sent = first_of(fields, "spanID", "spanId") or first_of(nested, "spanID")
            span_id, made_up = read_span_id(sent, lenient)
        except InvalidId as error:
            decoded.note(f"a reference was left out: {error}")
            continue
        if made_up:
            as_sent.append(("reference", str(sent)))
        child_of = fields.get("refType") not in ("FOLLOWS_FROM", 1)
        references.append(Reference(child_of, other, span_id))
    if any(reference.trace_id == trace_id for reference in references):
        return relate(trace_id, references)
    return relate(trace_id, references, _legacy_parent(span, lenient))


def _legacy_parent(span: Mapping[str, object], lenient: bool) -> int:
    sent = first_of(span, "parentSpanID", "parentSpanId")
    if not isinstance(sent, str) or not sent.strip("0"):
        return 0
    return read_span_id(sent, lenient)[0]


def _time(value: object, field: str) -> int:
    """Return nanoseconds of a time in microseconds (number or digits) or RFC 3339."""
    if value is None or value == "":
        return 0
    number = to_int(value)
    if number is not None:
        return number * 1_000
    text = _RFC3339.fullmatch(value) if isinstance(value, str) and len(value) < 60 else None
    if text is None:
        raise BadField(f"{field} is neither microseconds nor an RFC 3339 time")
    try:
        moment = datetime.fromisoformat(f"{text[1]}+00:00")
    except ValueError:
        raise BadField(f"{field} is no possible time") from None
    nanoseconds = (moment - _EPOCH) // timedelta(seconds=1) * 1_000_000_000
    nanoseconds += int((text[2] or "0").ljust(9, "0"))
    if text[3]:
        offset = (int(text[4]) * 60 + int(text[5])) * 60 * 1_000_000_000
        nanoseconds += -offset if text[3] == "+" else offset
    return nanoseconds


def _duration(value: object) -> int:
    """Return nanoseconds of a duration in microseconds, or with a unit ("5000ns", "0.5s")."""
    if value is None or value == "":
        return 0
    number = to_int(value)
    if number is not None:
        return number * 1_000
    try:
        return parse_duration(value if isinstance(value, str) else "")
    except QueryError:
        raise BadField("duration is neither microseconds nor like 0.5s") from None


def _event(log: Mapping[str, object]) -> Event:
    fields = list(read_tags(log.get("fields")))
    try:
        time_ns = _time(log.get("timestamp"), "timestamp")
    except BadField:
        time_ns = 0
    return log_event(time_ns, fields)
