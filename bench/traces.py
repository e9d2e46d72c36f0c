"""Made traces of given shapes and sizes, as OTLP requests: what the page and memory benchmarks open."""

import argparse
import random
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

BEGIN_NS = 1_795_000_000_000_000_000
LAST_SPAN = b"\xff" * 8
_SERVICES = 24


@dataclass(frozen=True, slots=True)
class Case:
    """A made trace: ``tree`` is realistic, ``chain`` has a level per span, ``wide`` one parent."""

    shape: str
    spans: int

    @property
    def name(self) -> str:
        return f"{self.shape} {self.spans:,}"

    @property
    def trace_id(self) -> bytes:
        return f"{self.shape:>5}{self.spans:>11}".encode()


def make_trace(case: Case) -> bytes:
    """Return a trace as an OTLP request; the last row that a waterfall draws is LAST_SPAN."""
    chance = random.Random(case.name)
    request = ExportTraceServiceRequest()
    scopes = [_service(request, number) for number in range(_SERVICES)]
    # What may still get children: ID, begin, end.
    parents = [(b"", BEGIN_NS, BEGIN_NS + 60 * 10**9)]
    for number in range(case.spans - 1):
        parent, begin, end = parents[_place(case.shape, len(parents), chance)]
        span = scopes[chance.randrange(_SERVICES)].spans.add()
        span.trace_id, span.span_id, span.parent_span_id = case.trace_id, _span_id(number), parent
        span.name = f"operation {chance.randrange(60)}"
        span.kind = 2 + number % 2  # type: ignore[assignment]
        if not number:
            parents.clear()
        elif case.shape == "chain":
            begin, end = begin + 1_000, end - 1_000
        else:
            begin += int((end - begin) * 0.9 * chance.random())
            end = begin + max(1_000, int((end - begin) * chance.uniform(0.05, 0.6)))
        span.start_time_unix_nano, span.end_time_unix_nano = begin, end
        _describe(span, number, chance)
        if not number or case.shape == "chain" or end - begin > 5_000_000:
            parents.append((span.span_id, begin, end))
        if len(parents) > 400:
            # The root stays: everything that is left hangs somewhere below it.
            del parents[chance.randrange(1, 400)]
    last = scopes[0].spans.add()
    # A chain ends with its deepest span, the others with the root's last child.
    parent, _, end = parents[-1] if case.shape == "chain" else parents[0]
    last.trace_id, last.span_id, last.parent_span_id = case.trace_id, LAST_SPAN, parent
    last.name = "the end"
    last.start_time_unix_nano, last.end_time_unix_nano = end - 1_000, end
    return request.SerializeToString()


def make_copies(case: Case, count: int) -> bytes:
    """Return so many traces of one kind as one OTLP request, under IDs from 1 on."""
    body = make_trace(case)
    # Messages of one type that follow each other are one with all their spans, and IDs have one
    # length, so each copy is the same trace under another ID.
    return b"".join(body.replace(case.trace_id, copy_id(number)) for number in range(1, count + 1))


def copy_id(number: int) -> bytes:
    """Return the trace ID of a copy."""
    return number.to_bytes(16, "big")


def _place(shape: str, count: int, chance: random.Random) -> int:
    if shape == "chain":
        return count - 1
    return 0 if shape == "wide" else chance.randrange(count)


def _service(request: ExportTraceServiceRequest, number: int) -> ScopeSpans:
    resource_spans = request.resource_spans.add()
    name = resource_spans.resource.attributes.add()
    name.key, name.value.string_value = "service.name", f"service-{number:02d}"
    return resource_spans.scope_spans.add()


def _span_id(number: int) -> bytes:
    return (number + 1).to_bytes(8, "big")


def _describe(span: Any, number: int, chance: random.Random) -> None:
    """Add eight attributes, and an event on every fifth span."""
    for key, value in (
        ("http.request.method", "GET"),
        ("http.route", f"/v1/things/{chance.randrange(60)}"),
        ("url.full", f"https://service.internal/v1/things/{number}"),
        ("server.address", "service.internal"),
        ("user_agent.original", "bench/1.0"),
        ("enduser.id", f"u-{chance.randrange(10_000)}"),
        ("thread.name", f"worker-{number % 16}"),
        ("app.tenant", f"tenant-{number % 40}"),
    ):
        attribute = span.attributes.add()
        attribute.key, attribute.value.string_value = key, value
    if number % 5 == 0:
        event = span.events.add()
        event.name, event.time_unix_nano = "cache.miss", span.start_time_unix_nano
    if number % 97 == 96:
        span.status.code, span.status.message = 2, "upstream timed out"


def parse_case(text: str) -> Case:
    """Read ``tree:100000``."""
    shape, _, spans = text.partition(":")
    if shape not in ("tree", "chain", "wide") or not spans.isdecimal() or int(spans) < 3:
        raise argparse.ArgumentTypeError("expected tree:N, chain:N or wide:N with at least 3 spans")
    return Case(shape, int(spans))
