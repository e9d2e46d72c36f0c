"""Jaeger's query API as of v2.20 (`cmd/jaeger/internal/extension/jaegerquery`): parameters, units,
envelope and errors as there, so that Jaeger's own UI and Grafana's data source work unchanged."""

import json
from collections.abc import Callable, Sequence
from urllib.parse import unquote_plus

from flask import Blueprint, Response, request

from viewer.formats.base import DecodeError
from viewer.formats.jaeger.encode import encode_trace
from viewer.formats.loose_json import read_trace_id
from viewer.formats.otlp.json import decode_request
from viewer.search.parse import QueryError, parse_duration, parse_micros, parse_tags_json
from viewer.search.query import MAX_LIMIT, TraceQuery
from viewer.store.base import StoreError
from viewer.store.cancel import TooSlow
from viewer.trace.attributes import dump_json
from viewer.trace.ids import InvalidId, format_trace_id
from viewer.trace.span import Span, SpanKind
from viewer.trace.summary import DependencyLink
from viewer.ui.adjusted_trace import load_adjusted
from viewer.ui.current import current_now_ns, current_store

DEFAULT_LIMIT = 100
MAX_TRANSFORM = 64 << 20
_SEARCHED_NS = 48 * 3_600_000_000_000
_DEPENDENCIES_MS = 24 * 3_600_000
_MAX_MS = (1 << 63) // 1_000_000
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

blueprint = Blueprint("api", __name__, url_prefix="/api")


class ApiError(Exception):
    """A request that is answered with Jaeger's error shape."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@blueprint.get("/services")
def services() -> Response:
    """The names of all services."""
    names = current_store().services()
    return _answer(names, total=len(names))


@blueprint.get("/services/<path:service>/operations")
def service_operations(service: str) -> Response:
    """A service's distinct span names, of all kinds."""
    # Jaeger unescapes the path once more than the router has done.
    found = current_store().operations(unquote_plus(service))
    names = sorted({operation.name for operation in found})
    return _answer(names, total=len(names))


@blueprint.get("/operations")
def operations() -> Response:
    """A service's span names with their kinds."""
    service = request.args.get("service", "")
    if not service:
        raise ApiError(400, "parameter 'service' is required")
    found = current_store().operations(service, _span_kind(request.args.get("spanKind", "")))
    data = [{"name": operation.name, "spanKind": _kind_name(operation.kind)} for operation in found]
    return _answer(data, total=len(data))


@blueprint.get("/traces")
def traces() -> Response:
    """Whole traces, by search or by their IDs."""
    raw = _bool("raw")
    wanted = [_trace_id(text) for text in request.args.getlist("traceID")]
    if wanted:
        _read_hints()
        return _answer_traces(wanted, raw)
    page = current_store().find_traces(_query())
    return _answer_traces([summary.trace_id for summary in page.traces], raw, searched=True)


@blueprint.get("/traces/<path:trace_id>")
def trace(trace_id: str) -> Response:
    """One trace, in a list."""
    raw, wanted = _bool("raw"), _trace_id(trace_id)
    _read_hints()
    encoded = _load(wanted, raw)
    if encoded is None:
        raise ApiError(404, "trace not found")
    return _answer([encoded])


@blueprint.get("/dependencies")
def dependencies() -> Response:
    """Calls between services, per pair, for the time before ``endTs`` (milliseconds)."""
    end_ms = _milliseconds("endTs", current_now_ns() // 1_000_000)
    lookback_ms = _milliseconds("lookback", _DEPENDENCIES_MS)
    links = current_store().dependencies(
        max(end_ms - lookback_ms, 0) * 1_000_000, end_ms * 1_000_000 + 1
    )
    service = request.args.get("service", "")
    return _answer(
        [
            {"parent": link.parent, "child": link.child, "callCount": link.calls}
            for link in links
            if not service or _concerns(link, service)
        ]
    )


@blueprint.post("/transform")
def transform() -> Response:
    """OTLP JSON as Jaeger's traces, without storing it."""
    body = request.get_data(cache=False)
    if len(body) > MAX_TRANSFORM:
        raise ApiError(413, f"the body is larger than {MAX_TRANSFORM >> 20} MiB")
    try:
        decoded = decode_request(body)
    except DecodeError as error:
        raise ApiError(400, str(error)) from error
    by_trace: dict[str, list[Span]] = {}
    for span in decoded.batch.spans():
        by_trace.setdefault(span.trace_id, []).append(span)
    return _answer([encode_trace(trace_id, spans) for trace_id, spans in by_trace.items()])


@blueprint.post("/archive/<path:trace_id>")
def archive(trace_id: str) -> Response:
    """Jaeger's answer where no archive storage is configured: here every trace is kept alike."""
    _trace_id(trace_id)
    raise ApiError(500, "archive span storage was not configured")


@blueprint.get("/metrics/<path:name>")
def metrics(name: str) -> Response:
    """Jaeger's answer where no metrics storage is configured."""
    if name not in ("latencies", "calls", "errors", "minstep"):
        return unknown(name)
    raise ApiError(501, "metrics querying is currently disabled")


@blueprint.route("/", defaults={"rest": ""}, methods=_METHODS)
@blueprint.route("/<path:rest>", methods=_METHODS)
def unknown(rest: str) -> Response:
    """Any other path, and any other method, as Go's router answers it."""
    del rest
    return Response("404 page not found\n", 404, content_type="text/plain; charset=utf-8")


@blueprint.errorhandler(ApiError)
def _answer_api_error(error: ApiError) -> Response:
    return _answer_error(error.code, error.message)


@blueprint.errorhandler(StoreError)
def _answer_store_error(error: StoreError) -> Response:
    return _answer_error(504 if isinstance(error, TooSlow) else 500, str(error))


def _answer_error(code: int, message: str) -> Response:
    # Go's http.Error, through which Jaeger writes its JSON, says text/plain and ends the line.
    text = dump_json(_envelope(None, errors=[{"code": code, "msg": message}])) + "\n"
    return Response(text, code, content_type="text/plain; charset=utf-8")


def _envelope(
    data: object, total: int = 0, errors: list[dict[str, object]] | None = None
) -> dict[str, object]:
    return {"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}


def _answer(
    data: object, total: int = 0, errors: list[dict[str, object]] | None = None
) -> Response:
    envelope = _envelope(data, total, errors)
    if request.args.get("prettyPrint", "false") in ("", "false"):
        text = dump_json(envelope)
    else:
        text = json.dumps(envelope, indent=4, ensure_ascii=False)
    return Response(text, content_type="application/json")


def _answer_traces(trace_ids: Sequence[str], raw: bool, searched: bool = False) -> Response:
    """Answer with these traces; a miss is an error beside the data, unless retention or a late
    write has come between search and look-up."""
    data: list[dict[str, object]] = []
    errors: list[dict[str, object]] = []
    for trace_id in dict.fromkeys(trace_ids):
        encoded = _load(trace_id, raw)
        if encoded is not None:
            data.append(encoded)
        elif not searched:
            errors.append({"msg": "trace not found", "traceID": format_trace_id(trace_id)})
    return _answer(data, errors=errors or None)


def _load(trace_id: str, raw: bool) -> dict[str, object] | None:
    if raw:
        spans = [stored.span for stored in current_store().get_spans(trace_id)]
        return encode_trace(trace_id, spans) if spans else None
    adjusted = load_adjusted(current_store(), trace_id, current_now_ns())
    return None if adjusted is None else encode_trace(trace_id, *adjusted)


def _query() -> TraceQuery:
    """Read a search's parameters; raises ApiError."""
    service = request.args.get("service", "")
    if not service:
        raise ApiError(400, "parameter 'service' is required")
    now_ns = current_now_ns()
    start_ns, end_ns = _read_hints()
    query = TraceQuery(
        service=service,
        operation=request.args.get("operation") or None,
        tags=_tags(),
        min_span_ns=_duration("minDuration"),
        max_span_ns=_duration("maxDuration"),
        start_ns=now_ns - _SEARCHED_NS if start_ns is None else start_ns,
        # Jaeger's range includes its end.
        end_ns=(now_ns if end_ns is None else end_ns) + 1,
        limit=_limit(),
    )
    if query.max_span_ns is not None and query.max_span_ns < (query.min_span_ns or 0):
        raise ApiError(400, "'maxDuration' should be greater than 'minDuration'")
    return query


def _read_hints() -> tuple[int | None, int | None]:
    """Read ``start`` and ``end``, microseconds since 1970, as nanoseconds."""
    times: list[int | None] = []
    for name in ("start", "end"):
        text = request.args.get(name, "")
        times.append(_parsed(name, parse_micros, text) if text else None)
    return times[0], times[1]


def _duration(name: str) -> int | None:
    text = request.args.get(name, "")
    return _parsed(name, parse_duration, text) if text else None


def _parsed(name: str, parse: Callable[[str], int], text: str) -> int:
    try:
        return parse(text)
    except QueryError as error:
        raise ApiError(400, f"unable to parse param '{name}': {error}") from error


def _tags() -> tuple[tuple[str, str], ...]:
    """Read ``tag=key:value`` and ``tags={…}``; of a repeated key the last one holds."""
    tags: dict[str, str] = {}
    for text in request.args.getlist("tag"):
        key, colon, value = text.partition(":")
        if not colon:
            raise ApiError(400, f"malformed 'tag' parameter, expecting key:value, received: {text}")
        tags[key] = value
    for text in request.args.getlist("tags"):
        try:
            tags.update(parse_tags_json(text))
        except QueryError as error:
            raise ApiError(
                400, f"malformed 'tags' parameter, cannot unmarshal JSON: {error}"
            ) from error
    return tuple(tags.items())


def _limit() -> int:
    text = request.args.get("limit", "")
    if not text:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:10]) <= MAX_LIMIT:
        raise ApiError(400, f"unable to parse param 'limit': expected 1 to {MAX_LIMIT}")
    return int(text[:10])


def _milliseconds(name: str, default: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 18 or int(text) > _MAX_MS:
        raise ApiError(400, f"unable to parse param '{name}': expected milliseconds")
    return int(text)


def _bool(name: str) -> bool:
    text = request.args.get(name, "")
    if text and text not in _TRUE | _FALSE:
        raise ApiError(400, f"unable to parse param '{name}': expected true or false")
    return text in _TRUE


def _trace_id(text: str) -> str:
    """Read an ID as Jaeger does: hex of either case, 1 to 32 digits, or base64 of 8 or 16 bytes."""
    try:
        return read_trace_id(text, lenient=False)[0]
    except InvalidId as error:
        raise ApiError(400, f"unable to parse param 'traceID': {error}") from error


def _span_kind(text: str) -> int | None:
    """Read a kind by name; empty means all of them."""
    if not text:
        return None
    if text.upper() not in SpanKind.__members__:
        raise ApiError(400, "unable to parse param 'spanKind': unknown span kind")
    return int(SpanKind[text.upper()])


def _kind_name(kind: int) -> str:
    return SpanKind(kind).name.lower() if kind else ""


def _concerns(link: DependencyLink, service: str) -> bool:
    return service in (link.parent, link.child)
