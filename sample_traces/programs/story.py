"""A story: several services, each a real OpenTelemetry SDK of its own, on a clock the story moves.

Nothing sleeps: spans get explicit times from the story's clock, so that a story is exact and takes
no longer than its spans do to send. Everything else is the SDK's: IDs and context travel from
service to service in W3C ``traceparent`` headers, spans leave through the batch processor and one
of OpenTelemetry's exporters. IDs and jitter come from a seed: a story recorded twice has the same spans.

Where spans go is said by the environment: SAMPLE_FORMAT (otlp-proto, otlp-json or zipkin-v2) and
SAMPLE_ENDPOINT (a whole URL; default http://localhost:4318/v1/traces). SAMPLE_NOW=1 lets a story
happen now and not on its own day, to try it against a running collector.
"""

import os
import random
import time
import traceback
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

Attributes = Mapping[str, AttributeValue]
DEFAULT_ENDPOINT = "http://localhost:4318/v1/traces"
_HERE = str(Path(__file__).resolve().parent)


class Clock:
    """The story's time in nanoseconds since 1970."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def pass_ms(self, milliseconds: float) -> None:
        """Let time go by."""
        self.now_ns += round(milliseconds * 1_000_000)

    @contextmanager
    def together(self) -> Iterator["Lanes"]:
        """Do several things at once: afterwards it is as late as the last of them ended."""
        lanes = Lanes(self, self.now_ns)
        yield lanes
        self.now_ns = max(lanes.latest_ns, self.now_ns)


class Lanes:
    """Things done at once; see Clock.together."""

    def __init__(self, clock: Clock, begin_ns: int) -> None:
        self._clock, self._begin_ns = clock, begin_ns
        self.latest_ns = begin_ns

    @contextmanager
    def lane(self, after_ms: float = 0.0) -> Iterator[None]:
        """Do one of them, beginning that much later than the first."""
        self._clock.now_ns = self._begin_ns + round(after_ms * 1_000_000)
        yield
        self.latest_ns = max(self.latest_ns, self._clock.now_ns)
        self._clock.now_ns = self._begin_ns


class SeededIds(IdGenerator):
    """Random IDs that are the same in every run of a story."""

    def __init__(self, random_: random.Random) -> None:
        self._random = random_

    def generate_span_id(self) -> int:
        return self._random.getrandbits(64) or 1

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128) or 1


class Story:
    """The clock, the seed and the services of one recording."""

    def __init__(self, name: str, begins: str) -> None:
        """``begins`` is an ISO 8601 time with its zone."""
        now = bool(os.environ.get("SAMPLE_NOW"))
        start_ns = (
            time.time_ns() if now else int(datetime.fromisoformat(begins).timestamp()) * 10**9
        )
        seed = f"{name} {start_ns}" if now else name
        self.random = random.Random(seed)
        self.clock = Clock(start_ns + self.random.randrange(10**9))
        self.ids = SeededIds(random.Random(seed + " ids"))
        self._services: list[Service] = []

    def service(
        self,
        name: str,
        version: str,
        *,
        skew_ms: float = 0.0,
        exports: bool = True,
        host: str | None = None,
        **resource: AttributeValue,
    ) -> "Service":
        """Start a service. ``skew_ms``: how far its host's clock is ahead. ``exports=False``: its
        spans never reach a collector."""
        made = Service(self, name, version, skew_ms, exports, host, resource)
        self._services.append(made)
        return made

    def jitter(self, milliseconds: float, share: float = 0.25) -> float:
        """Return about so many milliseconds, with a tail towards the slow side as in real life."""
        return milliseconds * (1 - share / 2 + self.random.expovariate(1 / share))

    def end(self) -> None:
        """Send what is left and stop all SDKs."""
        for service in self._services:
            service.provider.force_flush()
        for service in self._services:
            service.provider.shutdown()


class Service:
    """One process of the story: a TracerProvider with its own resource."""

    def __init__(
        self,
        story: Story,
        name: str,
        version: str,
        skew_ms: float,
        exports: bool,
        host: str | None,
        resource: Attributes,
    ) -> None:
        self.story, self.name = story, name
        self._skew_ns = round(skew_ms * 1_000_000)
        pod = f"{name}-{story.random.getrandbits(40):010x}-{story.random.getrandbits(20):05x}"
        attributes: dict[str, AttributeValue] = {
            "service.name": name,
            "service.version": version,
            "service.namespace": "shop",
            "service.instance.id": str(uuid.UUID(int=story.random.getrandbits(128), version=4)),
            "deployment.environment.name": "production",
            "host.name": host or f"node-{story.random.randrange(1, 9)}.eu-central.internal",
            "k8s.pod.name": pod,
            **{key.replace("__", "."): value for key, value in resource.items()},
        }
        self.provider = TracerProvider(resource=Resource.create(attributes), id_generator=story.ids)
        if exports:
            self.provider.add_span_processor(
                BatchSpanProcessor(_exporter(), max_queue_size=16_384, schedule_delay_millis=60_000)
            )
        self._tracer = self.provider.get_tracer(f"{name}.instrumentation", version)

    @property
    def now_ns(self) -> int:
        """What this service's host believes the time to be."""
        return self.story.clock.now_ns + self._skew_ns

    @contextmanager
    def span(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        links: Sequence[Link] = (),
    ) -> Iterator[Span]:
        """Open a span for as long as the block lasts; its parent is the current span or, with
        ``headers``, whatever a caller has sent ({} = none: a root)."""
        # A process knows nothing of another's current span: only headers may carry it over.
        parent = None if headers is None else extract(headers, context=otel_context.Context())
        span = self._tracer.start_span(
            name, parent, kind, dict(attributes or {}), list(links), start_time=self.now_ns
        )
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            finally:
                span.end(self.now_ns)

    def event(self, name: str, attributes: Attributes | None = None) -> None:
        """Add an event to the current span."""
        trace.get_current_span().add_event(name, dict(attributes or {}), self.now_ns)

    def failed(self, error: BaseException, message: str = "") -> None:
        """Record an exception on the current span and set its status to error."""
        span = trace.get_current_span()
        lines = "".join(traceback.format_exception(error)).replace(_HERE, f"/srv/{self.name}")
        span.record_exception(error, {"exception.stacktrace": lines}, self.now_ns)
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR, message or str(error)))

    def work(self, milliseconds: float) -> None:
        """Be busy for about so long."""
        self.story.clock.pass_ms(self.story.jitter(milliseconds))


def headers() -> dict[str, str]:
    """Return the current span's context as a request's headers."""
    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier


@dataclass(slots=True)
class Call:
    """A call under way: both halves, and the answer that the callee is going to give."""

    client: Span
    server: Span
    status: int = 200
    message: str = ""


@contextmanager
def http(
    caller: Service,
    callee: Service,
    method: str,
    route: str,
    *,
    path: str = "",
    port: int = 8080,
    network_ms: float = 0.7,
    attributes: Attributes | None = None,
) -> Iterator[Call]:
    """Call another service by HTTP: a client span here, a server span there; the block is what the
    callee does. Attributes as in OpenTelemetry's HTTP semantic conventions."""
    clock = caller.story.clock
    path = path or route
    client_side: dict[str, AttributeValue] = {
        "http.request.method": method,
        "url.full": f"http://{callee.name}:{port}{path}",
        "server.address": callee.name,
        "server.port": port,
        "network.protocol.version": "1.1",
    }
    server_side: dict[str, AttributeValue] = {
        "http.request.method": method,
        "http.route": route,
        "url.path": path,
        "url.scheme": "http",
        "server.address": callee.name,
        "server.port": port,
        "user_agent.original": f"{caller.name}/1.0 (httpx)",
        **(attributes or {}),
    }
    with caller.span(method, SpanKind.CLIENT, client_side) as client:
        sent = headers()
        clock.pass_ms(caller.story.jitter(network_ms))
        with callee.span(f"{method} {route}", SpanKind.SERVER, server_side, headers=sent) as server:
            call = Call(client, server)
            yield call
            server.set_attribute("http.response.status_code", call.status)
            if call.status >= 500:
                server.set_attribute("error.type", str(call.status))
                server.set_status(Status(StatusCode.ERROR, call.message or None))
        clock.pass_ms(caller.story.jitter(network_ms))
        client.set_attribute("http.response.status_code", call.status)
        if call.status >= 400:
            client.set_attribute("error.type", str(call.status))
            client.set_status(Status(StatusCode.ERROR, call.message or None))


@dataclass(frozen=True, slots=True)
class Database:
    """A database that a service asks."""

    system: str
    namespace: str
    address: str
    port: int

    @contextmanager
    def query(
        self,
        service: Service,
        operation: str,
        collection: str,
        text: str,
        milliseconds: float,
        **attributes: AttributeValue,
    ) -> Iterator[Span]:
        """Ask it; attributes as in OpenTelemetry's database semantic conventions."""
        said: dict[str, AttributeValue] = {
            "db.system.name": self.system,
            "db.namespace": self.namespace,
            "db.operation.name": operation,
            "db.collection.name": collection,
            "db.query.text": text,
            "server.address": self.address,
            "server.port": self.port,
            **{key.replace("__", "."): value for key, value in attributes.items()},
        }
        with service.span(f"{operation} {collection}", SpanKind.CLIENT, said) as span:
            service.work(milliseconds)
            yield span

    def ask(
        self,
        service: Service,
        operation: str,
        collection: str,
        text: str,
        milliseconds: float,
        **attributes: AttributeValue,
    ) -> None:
        """Ask it, and have nothing to add to the span."""
        with self.query(service, operation, collection, text, milliseconds, **attributes):
            pass


def _exporter() -> SpanExporter:
    """Return the exporter that the environment asks for."""
    endpoint = os.environ.get("SAMPLE_ENDPOINT", DEFAULT_ENDPOINT)
    match os.environ.get("SAMPLE_FORMAT", "otlp-proto"):
        case "otlp-proto":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            return OTLPSpanExporter(endpoint)
        case "otlp-json":
            from opentelemetry.exporter.otlp.json.http.trace_exporter import (
                OTLPSpanExporter as OTLPJson,
            )

            return OTLPJson(endpoint=endpoint)
        case "zipkin-v2":
            from opentelemetry.exporter.zipkin.json import ZipkinExporter

            return ZipkinExporter(endpoint=endpoint, max_tag_value_length=4_096)
        case other:
            raise SystemExit(f"SAMPLE_FORMAT={other}: expected otlp-proto, otlp-json or zipkin-v2")
