"""X-Ray's JSON in files: segment documents, answers of its API, what SDKs sent to its daemon."""

from collections.abc import Mapping

from viewer.formats.base import Decoded
from viewer.formats.xray.documents import sent_documents
from viewer.formats.xray.segments import add_documents

_OTHERS_IDS = ("span_id", "spanId", "traceId", "traceID")


class XrayJson:
    """The format `xray`."""

    name = "xray"
    title = "AWS X-Ray JSON"

    def claims(self, value: object) -> bool:
        """Recognise a document, what holds documents, a list that begins with one of these, and
        the line that precedes a document in a datagram."""
        if isinstance(value, list):
            return bool(value) and isinstance(value[0], dict) and _has_shape(value[0])
        return isinstance(value, dict) and (_has_shape(value) or is_header(value))

    def decode_value(self, value: object, decoded: Decoded, lenient: bool) -> None:
        """Append the value's spans."""
        if not is_header(value):
            add_documents(sent_documents(value), decoded, lenient)


def is_header(value: object) -> bool:
    """Say whether this is the first line of a datagram: its format and version."""
    if not isinstance(value, dict) or value.keys() != {"format", "version"}:
        return False
    wire_format, version = value["format"], value["version"]
    return isinstance(wire_format, str) and wire_format.lower() == "json" and version == 1


def _has_shape(value: Mapping[str, object]) -> bool:
    return (
        _is_document(value)
        or _is_trace(value)
        or isinstance(value.get("TraceSegmentDocuments"), list)
        or _is_answer(value)
    )


def _is_document(value: Mapping[str, object]) -> bool:
    if "id" not in value or "start_time" not in value:
        return False
    return ("trace_id" in value or "name" in value) and not any(id_ in value for id_ in _OTHERS_IDS)


def _is_trace(value: object) -> bool:
    return isinstance(value, dict) and "Id" in value and isinstance(value.get("Segments"), list)


def _is_answer(value: Mapping[str, object]) -> bool:
    traces = value.get("Traces")
    if not isinstance(traces, list):
        return False
    return _is_trace(traces[0]) if traces else "UnprocessedTraceIds" in value
