"""A made load of OTLP requests, the same for the same seed: `python -m bench.load FILE --spans N`.

Shaped like a Collector's batches in a mid-sized company: 60 services on 3 hosts each, 40 operations
a service (both by Zipf's law), traces of 3 to 200 spans and a few of thousands, 11 attributes and
about 580 bytes a span, an event on every fifth, 2.3 % errors, spread over six hours, in the order in
which spans end plus up to 5 s. Bodies hold 512 spans of many services, each service once.
"""

import argparse
import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, count
from pathlib import Path
from uuid import UUID

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

BODY_SPANS = 512
BEGIN_NS = 1_795_000_000_000_000_000
SPREAD_NS = 6 * 3600 * 10**9
LARGE_TRACES = (5_000, 8_000, 12_000, 25_000, 50_000)
_SERVICES, _OPERATIONS, _HOSTS = 60, 40, 3
_WORDS = "cart order price stock user review search media offer tax route label".split()  # noqa: SIM905
_VERBS = ("get", "list", "create", "update", "check", "publish")

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Operation:
    """What spans of one kind have in common: name, kind, and the six attributes that never vary."""

    name: str
    kind: int
    attributes: tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """A service, its resource on each of its hosts, and its operations by popularity."""

    name: str
    resources: tuple[tuple[KeyValue, ...], ...]
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A span on its way: from which service and host."""

    service: int
    host: int
    span: Span


class Load:
    """The generator; `bodies` is what there is to ask of it."""

    def __init__(self, seed: int, begin_ns: int = BEGIN_NS) -> None:
        self._random, self._begin_ns = random.Random(seed), begin_ns
        self._services = [self._service(number) for number in range(_SERVICES)]
        self._service_weights = _zipf(_SERVICES)
        self._operation_weights = _zipf(_OPERATIONS)
        self._cached: dict[tuple[str, Value], KeyValue] = {}

    def bodies(self, spans: int) -> Iterator[bytes]:
        """Yield serialized requests of 512 spans (the last of fewer), so many spans in all."""
        waiting: list[Arrival] = []
        for arrival in self._arrivals(spans):
            waiting.append(arrival)
            if len(waiting) == BODY_SPANS:
                yield self._body(waiting)
                waiting = []
        if waiting:
            yield self._body(waiting)

    def _body(self, arrivals: Iterable[Arrival]) -> bytes:
        request = ExportTraceServiceRequest()
        by_origin: dict[tuple[int, int], list[Span]] = {}
        for arrival in arrivals:
            by_origin.setdefault((arrival.service, arrival.host), []).append(arrival.span)
        for (number, host), spans in by_origin.items():
            service = self._services[number]
            resource_spans = request.resource_spans.add()
            resource_spans.resource.attributes.extend(service.resources[host])
            scope_spans = resource_spans.scope_spans.add()
            scope_spans.scope.name = f"io.opentelemetry.{service.name}"
            scope_spans.scope.version = "2.11.0"
            scope_spans.spans.extend(spans)
        return request.SerializeToString()

    def _arrivals(self, spans: int) -> Iterator[Arrival]:
        """Yield spans in the order in which they reach the collector."""
        pending: list[tuple[int, int, Arrival]] = []
        ticket = count()
        sizes = self._sizes(spans)
        for number, size in enumerate(sizes):
            start_ns = self._begin_ns + SPREAD_NS * number // len(sizes)
            for arrival in self._trace(start_ns, size):
                late_ns = self._random.randrange(5 * 10**9)
                arrives_ns = arrival.span.end_time_unix_nano + late_ns
                heapq.heappush(pending, (arrives_ns, next(ticket), arrival))
            while pending and pending[0][0] < start_ns:
                yield heapq.heappop(pending)[2]
        while pending:
            yield heapq.heappop(pending)[2]

    def _sizes(self, spans: int) -> list[int]:
        """Return how many spans each trace has, adding up to so many."""
        sizes: list[int] = []
        for large in LARGE_TRACES:
            if sum(sizes) + large <= spans // 20:
                sizes.append(large)
        left = spans - sum(sizes)
        while left:
            size = int(self._random.lognormvariate(2.9, 0.8))
            size = min(max(3, min(size, 200)), left)
            sizes.append(size)
            left -= size
        self._random.shuffle(sizes)
        return sizes

    def _trace(self, start_ns: int, size: int) -> Iterator[Arrival]:
        chance = self._random
        trace_id = chance.randbytes(16)
        common = [
            self._pair("enduser.id", f"u-{int(chance.paretovariate(0.6)) % 200_000:06d}"),
            self._pair("tenant.id", f"tenant-{int(chance.paretovariate(0.9)) % 400:03d}"),
            self._pair("session.id", str(UUID(int=chance.getrandbits(128), version=4))),
        ]
        duration_ns = int(chance.lognormvariate(18.6, 1.1)) + 200_000
        recent: list[Span] = []
        services = chance.choices(range(_SERVICES), cum_weights=self._service_weights, k=size)
        operations = chance.choices(range(_OPERATIONS), cum_weights=self._operation_weights, k=size)
        for service, operation in zip(services, operations, strict=True):
            what = self._services[service].operations[operation]
            span = Span(
                trace_id=trace_id,
                span_id=chance.randbytes(8),
                name=what.name,
                kind=what.kind,  # type: ignore[arg-type]
                flags=0x101,
            )
            if recent:
                above = recent[int(len(recent) * chance.random())]
                whole = above.end_time_unix_nano - above.start_time_unix_nano
                begin = above.start_time_unix_nano + int(whole * 0.6 * chance.random())
                span.parent_span_id = above.span_id
                span.start_time_unix_nano = begin
                left = above.end_time_unix_nano - begin
                span.end_time_unix_nano = begin + int(left * chance.uniform(0.05, 0.95))
            else:
                span.start_time_unix_nano = start_ns
                span.end_time_unix_nano = start_ns + duration_ns
            self._describe(span, what, common)
            recent.append(span)
            if len(recent) > 8:
                del recent[0]
            yield Arrival(service, chance.randrange(_HOSTS), span)

    def _describe(self, span: Span, what: Operation, common: list[KeyValue]) -> None:
        chance = self._random
        failed = chance.random() < 0.023
        span.attributes.extend(what.attributes)
        span.attributes.extend(common)
        span.attributes.append(self._pair("thread.id", chance.randrange(1, 65)))
        size = int(chance.lognormvariate(7, 1))
        span.attributes.append(
            KeyValue(key="http.response.body.size", value=AnyValue(int_value=size))
        )
        if failed:
            span.status.code = 2  # type: ignore[assignment]
            span.status.message = f"upstream timed out after {chance.randrange(1, 40) * 250} ms"
        if failed or chance.random() < 0.18:
            event = span.events.add()
            whole = span.end_time_unix_nano - span.start_time_unix_nano
            event.time_unix_nano = span.start_time_unix_nano + int(whole * chance.random())
            event.name = "exception" if failed else "cache.miss"
            if failed:
                event.attributes.append(self._pair("exception.type", "TimeoutError"))
                event.attributes.append(self._pair("exception.message", span.status.message))
            else:
                key = f"{what.name}:{chance.randrange(5_000)}"
                event.attributes.append(self._pair("cache.key", key))

    def _service(self, number: int) -> Service:
        name = f"{_WORDS[number % len(_WORDS)]}-{('api', 'worker', 'store', 'edge', 'sync')[number // 12]}"
        resources = tuple(
            (
                _pair("service.name", name),
                _pair("service.version", f"{1 + number % 7}.{number % 13}.{number % 5}"),
                _pair("service.instance.id", f"{name}-{self._random.getrandbits(40):010x}"),
                _pair("host.name", f"node-{(number * 3 + host) % 24}.eu-central.internal"),
                _pair("deployment.environment.name", "production"),
                _pair("cloud.region", "eu-central-1"),
                _pair("k8s.namespace.name", name.partition("-")[0]),
                _pair("k8s.pod.name", f"{name}-{self._random.getrandbits(60):015x}"),
                _pair("telemetry.sdk.language", ("go", "java", "python", "nodejs")[number % 4]),
                _pair("telemetry.sdk.name", "opentelemetry"),
            )
            for host in range(_HOSTS)
        )
        return Service(name, resources, tuple(_operations(name)))

    def _pair(self, key: str, value: Value) -> KeyValue:
        found = self._cached.get((key, value))
        if found is None:
            found = self._cached[key, value] = _pair(key, value)
        return found


def _operations(service: str) -> Iterator[Operation]:
    for number in range(_OPERATIONS):
        word = _WORDS[number % len(_WORDS)]
        verb = _VERBS[number % len(_VERBS)]
        if number % 4 == 0:
            route = f"/v{1 + number % 3}/{word}s/{{id}}/{verb}"
            pairs: dict[str, Value] = {
                "http.request.method": ("GET", "POST", "PUT")[number % 3],
                "http.route": route,
                "http.response.status_code": (200, 201, 204)[number % 3],
                "url.scheme": "https",
                "server.address": f"{service}.internal",
                "network.protocol.version": "1.1",
            }
            yield Operation(f"{pairs['http.request.method']} {route}", 2, _pairs(pairs))
        elif number % 4 == 1:
            text = f"SELECT id, {word}, updated_at FROM {word}s WHERE id = $1 AND tenant = $2"
            pairs = {
                "db.system.name": ("postgresql", "mysql", "redis")[number % 3],
                "db.namespace": service,
                "db.operation.name": "SELECT",
                "db.query.text": text,
                "server.address": f"{word}-db.internal",
                "server.port": 5432,
            }
            yield Operation(f"SELECT {word}s {number}", 3, _pairs(pairs))
        elif number % 4 == 2:
            pairs = {
                "messaging.system": "kafka",
                "messaging.destination.name": f"{word}.{verb}",
                "messaging.operation.type": "process",
                "messaging.consumer.group.name": service,
                "server.address": "kafka.internal",
                "app.retry": False,
            }
            yield Operation(f"process {word}.{verb} {number}", 5, _pairs(pairs))
        else:
            pairs = {
                "code.function.name": f"{service}.{word}.{verb}",
                "code.file.path": f"src/{word}/{verb}.py",
                "code.line.number": 40 + number,
                "app.feature": f"{word}-{verb}",
                "app.sample_ratio": 0.25,
                "app.shadow": True,
            }
            yield Operation(f"{verb}_{word}_{number}", 1, _pairs(pairs))


def _pairs(pairs: dict[str, Value]) -> tuple[KeyValue, ...]:
    return tuple(_pair(key, value) for key, value in pairs.items())


def _pair(key: str, value: Value) -> KeyValue:
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _zipf(size: int) -> list[float]:
    return list(accumulate(1 / rank for rank in range(1, size + 1)))


def write_load(path: Path, spans: int, seed: int, begin_ns: int = BEGIN_NS) -> int:
    """Write length-prefixed bodies (4 bytes, big endian) to a file; return how many. The spans start
    at ``begin_ns`` and in the six hours after it."""
    bodies = 0
    with path.open("wb") as file:
        for body in Load(seed, begin_ns).bodies(spans):
            file.write(len(body).to_bytes(4, "big"))
            file.write(body)
            bodies += 1
    return bodies


def read_load(path: Path) -> Iterator[bytes]:
    """Yield the bodies that write_load wrote."""
    with path.open("rb") as file:
        while head := file.read(4):
            yield file.read(int.from_bytes(head, "big"))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a made load of OTLP requests to a file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    bodies = write_load(arguments.file, arguments.spans, arguments.seed)
    size = arguments.file.stat().st_size
    print(f"{bodies:,} bodies, {size:,} bytes, {size / arguments.spans:.0f} a span")


if __name__ == "__main__":
    main()
