"""The agent's trace API as a receiver (datadog-agent: `pkg/trace/api`).

Traces of versions 0.3 to 1.0. What tracers send besides, unasked (telemetry, statistics, a request
for configuration), is taken and answered empty, since a 404 is logged in the application each time.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus

from viewer import __version__
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.datadog.msgpack import VERSIONS, read_body
from viewer.formats.datadog.payload import TracerPayload
from viewer.formats.datadog.spans import add_payload
from viewer.formats.datadog.trace_ids import UpperHalves
from viewer.formats.datadog.v04 import from_json
from viewer.formats.loose_json import load, paused_gc, to_int
from viewer.formats.receiver import HttpAnswer, HttpRequest, WrongMediaType
from viewer.trace.attributes import show_value
from viewer.trace.span import Resource

_VERSION_OF = {f"/{version}/traces": version for version in VERSIONS}
_WITH_JSON = ("v0.3", "v0.4")
_JSON_TYPES = ("application/json", "text/json")
_MSGPACK_TYPES = ("application/msgpack", "application/x-msgpack", "application/octet-stream", "")
_INFO, _TELEMETRY = "/info", "/telemetry/proxy/api/v2/apmtelemetry"
_POST, _PUT_OR_POST = ("POST",), ("PUT", "POST")
_TEXT = "text/plain; charset=utf-8"
# Headers that say who sends, by the names the same has in v0.7's payload.
_HEADERS = {
    "datadog-meta-lang": "language_name",
    "datadog-meta-lang-version": "language_version",
    "datadog-meta-tracer-version": "tracer_version",
    "datadog-container-id": "container_id",
}
_PORT = 8126
# An empty chunk is three bytes of JSON, and hundreds in memory.
_MAX_CHUNKS = 200_000
# A tracer believes what stands here, so nothing does that is not so: traces of all versions, whole
# (no statistics in place of spans), with native events.
_ABOUT = {
    "version": __version__,
    "endpoints": list(_VERSION_OF),
    "feature_flags": [],
    "client_drop_p0s": False,
    "span_meta_structs": True,
    "long_running_spans": False,
    "span_events": True,
    "peer_tags": [],
    "config": {"receiver_port": _PORT, "statsd_port": 0, "default_env": "none"},
}


class DatadogReceiver:
    """The HttpReceiver of Datadog's tracers."""

    name = "Datadog"
    flag = "--datadog"
    port = _PORT
    shown_path = "/v0.4/traces"
    paths: Mapping[str, tuple[str, ...]] = {
        **dict.fromkeys(_VERSION_OF, _PUT_OR_POST),
        _INFO: ("GET",),
        _TELEMETRY: _POST,
        "/v0.7/config": _POST,
        "/v0.6/stats": _PUT_OR_POST,
    }

    def __init__(self) -> None:
        self._upper_halves = UpperHalves()

    def decode(self, request: HttpRequest) -> Decoded | None:
        """Return a body's spans; None for what has none: another path, or a probe without body."""
        version = _VERSION_OF.get(request.path)
        if version is None or not request.body:
            return None
        decoded = Decoded()
        with paused_gc():
            payload = _payload(request, version, decoded)
            for header, name in _HEADERS.items():
                if request.headers.get(header):
                    payload.about[name] = request.headers[header]
            announced = to_int(request.headers.get("x-datadog-trace-count"))
            if announced is not None and announced != len(payload.chunks):
                decoded.note("other than X-Datadog-Trace-Count chunks of a trace came")
            add_payload(payload, decoded, self._upper_halves)
        return decoded

    def answer(self, request: HttpRequest, decoded: Decoded | None) -> HttpAnswer:
        """Answer with the sampling rates, all of them 1, and each path as the agent does."""
        if request.path == _INFO:
            return HttpAnswer(body=json.dumps(_ABOUT).encode())
        if request.path == _TELEMETRY:
            return HttpAnswer(HTTPStatus.ACCEPTED, b"{}")
        version = _VERSION_OF.get(request.path)
        if version is None:
            return HttpAnswer(body=b"{}")
        if version == "v0.3":
            return HttpAnswer(body=b"OK\n", media_type=_TEXT)
        resources = decoded.batch.resources if decoded is not None else ()
        rates = {"service:,env:": 1} | {_pattern(resource): 1 for resource in resources}
        return HttpAnswer(body=json.dumps({"rate_by_service": rates}).encode())

    def refuse(
        self,
        request: HttpRequest,  # noqa: ARG002 - another protocol's answer depends on it
        status: HTTPStatus,
        message: str,
    ) -> HttpAnswer:
        """Answer in one line of text, as the agent does."""
        return HttpAnswer(status, f"{message}\n".encode("utf-8", "replace"), _TEXT)


def _payload(request: HttpRequest, version: str, decoded: Decoded) -> TracerPayload:
    if _is_json(request, version):
        value = load(request.body)
        if isinstance(value, list) and len(value) > _MAX_CHUNKS:
            raise DecodeError(f"more than {_MAX_CHUNKS:,} trace chunks in one request")
        return from_json(value)
    if request.media_type not in _MSGPACK_TYPES:
        wanted = "application/msgpack"
        if version in _WITH_JSON:
            wanted += " or application/json"
        raise WrongMediaType(f"expected {wanted}, got {request.media_type}")
    payload = TracerPayload()
    rest = read_body(version, request.body, payload)
    if rest:
        decoded.note("something follows the payload", f"byte {len(request.body) - rest}")
    return payload


def _is_json(request: HttpRequest, version: str) -> bool:
    if version not in _WITH_JSON:
        return False
    # No array of MessagePack begins with this byte, and old tracers send JSON without its type.
    untyped = not request.media_type and request.body.lstrip()[:1] == b"["
    return request.media_type in _JSON_TYPES or untyped


def _pattern(resource: Resource) -> str:
    attributes = dict(resource.attributes)
    env = show_value(attributes.get("deployment.environment.name", ""))
    return f"service:{resource.service},env:{env}"
