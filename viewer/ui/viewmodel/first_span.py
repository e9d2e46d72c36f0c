"""How to get a first trace into an empty store: settings to copy, with this server's real ports."""

from collections.abc import Sequence
from dataclasses import dataclass

from viewer.trace.report import DoorReport

_OTLP_PATH = "/v1/traces"


@dataclass(frozen=True, slots=True)
class Snippet:
    """Text to copy; ``id`` is its element's."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class FirstSpan:
    """What the search page shows while nothing is stored."""

    can_receive: bool
    can_upload: bool
    snippets: tuple[Snippet, ...]


def first_span(
    doors: Sequence[DoorReport], ui_url: str, *, read_only: bool, needs_token: bool
) -> FirstSpan:
    """Write the settings for the OTLP receiver; the UI's own port takes OTLP too, should it be closed.

    ``ui_url`` is how the visitor reaches this server, without a slash at its end.
    """
    if read_only:
        return FirstSpan(can_receive=False, can_upload=False, snippets=())
    endpoint = next(
        (door.address for door in doors if not door.closed and door.address.endswith(_OTLP_PATH)),
        ui_url + _OTLP_PATH,
    )
    lines = [
        "export OTEL_SERVICE_NAME=my-service",
        "export OTEL_TRACES_EXPORTER=otlp",
        "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        f"export OTEL_EXPORTER_OTLP_ENDPOINT={endpoint.removesuffix(_OTLP_PATH)}",
    ]
    if needs_token:
        lines.append('export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20$TRACEFALL_TOKEN"')
    return FirstSpan(
        can_receive=True,
        can_upload=True,
        snippets=(
            Snippet("snippet-env", "Any OpenTelemetry SDK", "\n".join(lines)),
            Snippet(
                "snippet-python",
                "A Python program, unchanged",
                "pip install opentelemetry-distro opentelemetry-exporter-otlp\n"
                "opentelemetry-bootstrap -a install\n"
                "opentelemetry-instrument python app.py",
            ),
            Snippet(
                "snippet-node",
                "A Node program, unchanged",
                "npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node\n"
                "node --require @opentelemetry/auto-instrumentations-node/register app.js",
            ),
            Snippet("snippet-curl", "One span by hand", _curl(endpoint, needs_token=needs_token)),
        ),
    )


def _curl(endpoint: str, *, needs_token: bool) -> str:
    """Write a command for a POSIX shell; single quotes end where a value is computed."""
    token = '  -H "Authorization: Bearer $TRACEFALL_TOKEN" \\\n' if needs_token else ""
    return (
        f"curl {endpoint} \\\n{token}"
        "  -H 'Content-Type: application/json' -d '{\"resourceSpans\": [{\n"
        '    "resource": {"attributes": [{"key": "service.name",\n'
        '      "value": {"stringValue": "my-service"}}]},\n'
        '    "scopeSpans": [{"spans": [{"name": "hello", "kind": 1,\n'
        '      "traceId": "\'$(openssl rand -hex 16)\'", "spanId": "\'$(openssl rand -hex 8)\'",\n'
        '      "startTimeUnixNano": "\'$(date +%s)\'000000000",\n'
        '      "endTimeUnixNano": "\'$(date +%s)\'042000000"}]}]}]}\''
    )
