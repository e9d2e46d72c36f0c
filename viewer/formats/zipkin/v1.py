"""Zipkin v1 JSON → spans (openzipkin/zipkin-api: zipkin-api.yaml)."""

from collections.abc import Mapping

from viewer.formats.base import MAX_EVENTS, Decoded
from viewer.formats.loose_json import to_dict, to_int, to_list, to_text, to_value
from viewer.formats.zipkin.annotations import (
    BinaryAnnotation,
    V1Annotation,
    V1Span,
    to_zipkin_span,
)
from viewer.formats.zipkin.fields import BadField, read_endpoint, read_ids, read_micros
from viewer.formats.zipkin.span import Endpoint, TooManyTags, check_tags, to_span
from viewer.trace.attributes import Value
from viewer.trace.ids import InvalidId, base64_bytes


class ZipkinV1:
    """The format `zipkin-v1`."""

    name = "zipkin-v1"
    title = "Zipkin v1 JSON"

    def claims(self, value: object) -> bool:
        """Recognise a v1 span by its binary annotations, or by endpoints in its annotations; one
        without either reads the same in v2."""
        if not isinstance(value, dict) or "traceId" not in value or "id" not in value:
            return False
        if "spanId" in value:
            return False
        return "binaryAnnotations" in value or any(
            isinstance(item, dict) and "endpoint" in item
            for item in to_list(value.get("annotations"))
        )

    def decode_value(self, value: object, decoded: Decoded, lenient: bool) -> None:
        """Append the span."""
        try:
            v1 = _read(to_dict(value), decoded, lenient)
        except (InvalidId, BadField, TooManyTags) as error:
            decoded.reject(str(error))
            return
        decoded.batch.add(to_span(to_zipkin_span(v1), decoded))


def _read(span: Mapping[str, object], decoded: Decoded, lenient: bool) -> V1Span:
    as_sent: list[tuple[str, str]] = []
    trace_id, span_id, parent_id = read_ids(span, lenient, as_sent)
    start_us, duration_us = read_micros(span, "timestamp"), read_micros(span, "duration")
    tags = to_list(span.get("binaryAnnotations"))
    check_tags(len(tags))
    annotations, left_out = decoded.first(
        to_list(span.get("annotations")), MAX_EVENTS, "annotations"
    )
    return V1Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=to_text(span.get("name")),
        start_us=start_us,
        duration_us=duration_us,
        annotations=[_annotation(to_dict(item)) for item in annotations],
        binary_annotations=[_binary_annotation(to_dict(item)) for item in tags],
        debug=span.get("debug") is True,
        left_out=left_out,
        as_sent=as_sent,
    )


def _annotation(annotation: Mapping[str, object]) -> V1Annotation:
    return V1Annotation(
        to_int(annotation.get("timestamp")) or 0,
        to_text(annotation.get("value")),
        _host(annotation),
    )


def _binary_annotation(annotation: Mapping[str, object]) -> BinaryAnnotation:
    return BinaryAnnotation(
        to_text(annotation.get("key")),
        _typed(annotation.get("value"), annotation.get("type")),
        _host(annotation),
    )


def _host(annotation: Mapping[str, object]) -> Endpoint | None:
    endpoint = annotation.get("endpoint")
    return read_endpoint(endpoint) if isinstance(endpoint, dict) else None


def _typed(value: object, named: object) -> Value:
    """Return a value as its type says it, where it is text of that type; JSON's own types stand."""
    if not isinstance(value, str) or not isinstance(named, str):
        return to_value(value)
    if named in ("I16", "I32", "I64"):
        number = to_int(value)
        return to_value(value if number is None else number)
    if named == "DOUBLE":
        try:
            return float(value)
        except ValueError:
            return to_value(value)
    if named == "BYTES":
        raw = base64_bytes(value)
        return to_value(value) if raw is None else raw
    if named == "BOOL" and value in ("true", "false"):
        return value == "true"
    return to_value(value)
