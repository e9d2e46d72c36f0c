"""Zipkin v2 JSON → spans (openzipkin/zipkin-api: zipkin2-api.yaml)."""

from collections.abc import Mapping

from viewer.formats.base import MAX_EVENTS, Decoded
from viewer.formats.loose_json import to_dict, to_int, to_list, to_text, to_value
from viewer.formats.zipkin.fields import BadField, read_endpoint, read_ids, read_micros
from viewer.formats.zipkin.span import Annotation, ZipkinSpan, to_span
from viewer.trace.attributes import clean_text
from viewer.trace.ids import InvalidId
from viewer.trace.span import SpanKind

_KINDS = {
    "CLIENT": SpanKind.CLIENT,
    "SERVER": SpanKind.SERVER,
    "PRODUCER": SpanKind.PRODUCER,
    "CONSUMER": SpanKind.CONSUMER,
}


class ZipkinV2:
    """The format `zipkin-v2`."""

    name = "zipkin-v2"
    title = "Zipkin v2 JSON"

    def claims(self, value: object) -> bool:
        """Recognise a v2 span; one of v1 has binary annotations, or endpoints in annotations."""
        if not isinstance(value, dict) or "traceId" not in value or "id" not in value:
            return False
        if "spanId" in value or "binaryAnnotations" in value:
            return False
        first = to_list(value.get("annotations"))[:1]
        return not any(isinstance(item, dict) and "endpoint" in item for item in first)

    def decode_value(self, value: object, decoded: Decoded, lenient: bool) -> None:
        """Append the span."""
        try:
            zipkin = _read(to_dict(value), decoded, lenient)
        except (InvalidId, BadField) as error:
            decoded.reject(str(error))
            return
        decoded.batch.add(to_span(zipkin, decoded))


def _read(span: Mapping[str, object], decoded: Decoded, lenient: bool) -> ZipkinSpan:
    as_sent: list[tuple[str, str]] = []
    trace_id, span_id, parent_id = read_ids(span, lenient, as_sent)
    start_us, duration_us = read_micros(span, "timestamp"), read_micros(span, "duration")
    annotations, left_out = decoded.first(
        to_list(span.get("annotations")), MAX_EVENTS, "annotations"
    )
    return ZipkinSpan(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=to_text(span.get("name")),
        kind=_kind(span.get("kind"), as_sent),
        start_us=start_us,
        duration_us=duration_us,
        local=read_endpoint(span.get("localEndpoint")),
        remote=read_endpoint(span.get("remoteEndpoint")),
        annotations=[_annotation(to_dict(item)) for item in annotations],
        tags={clean_text(key): to_value(value) for key, value in to_dict(span.get("tags")).items()},
        debug=span.get("debug") is True,
        shared=span.get("shared") is True,
        left_out=left_out,
        as_sent=as_sent,
    )


def _kind(value: object, as_sent: list[tuple[str, str]]) -> SpanKind:
    if not isinstance(value, str) or not value:
        return SpanKind.UNSPECIFIED
    kind = _KINDS.get(value.upper())
    if kind is None:
        as_sent.append(("kind", clean_text(value[:200])))
        return SpanKind.UNSPECIFIED
    return kind


def _annotation(annotation: Mapping[str, object]) -> Annotation:
    return Annotation(to_int(annotation.get("timestamp")) or 0, to_text(annotation.get("value")))
