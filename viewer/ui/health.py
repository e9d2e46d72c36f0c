"""/healthz for load balancers and scripts, /metrics for Prometheus: Tracefall about itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from flask import Blueprint, Response, jsonify

from viewer.store.base import SpanStore
from viewer.store.cancel import stopped_queries
from viewer.trace.report import DoorReport, PolicyReport, QuarantineReport

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """Knows whether the store can be written (``failure`` says why not) and what the doors count."""

    def __init__(
        self,
        store: SpanStore,
        failure: Callable[[], str],
        doors: Callable[[], Sequence[DoorReport]],
        policy: Callable[[], PolicyReport] = PolicyReport,
        quarantine: Callable[[], QuarantineReport] = QuarantineReport,
    ) -> None:
        self._store, self._failure, self._doors = store, failure, doors
        self._policy, self._quarantine = policy, quarantine

    def blueprint(self) -> Blueprint:
        """Return the two routes."""
        routes = Blueprint("health", __name__)
        routes.add_url_rule("/healthz", view_func=self.healthz, methods=["GET"])
        routes.add_url_rule("/metrics", view_func=self.metrics, methods=["GET"])
        return routes

    def healthz(self) -> tuple[Response, int]:
        """Answer 200 while all is well, 503 with the reason when the store cannot be written."""
        failure = self._failure()
        if failure:
            return jsonify(status="failing", reason=failure), 503
        return jsonify(status="ok", store=self._store.url.partition(":")[0]), 200

    def metrics(self) -> Response:
        """Answer in Prometheus' text format."""
        stats = self._store.stats()
        lines = [
            *_metric("store_span_rows", "gauge", "Stored span rows, re-deliveries included"),
            f"tracefall_store_span_rows {stats.span_rows}",
            *_metric("store_traces", "gauge", "Stored traces"),
            f"tracefall_store_traces {stats.traces}",
            *_metric("store_bytes", "gauge", "Size of the store on disk"),
            f"tracefall_store_bytes {stats.bytes}",
            *_metric("store_failing", "gauge", "1 while the store cannot be written"),
            f"tracefall_store_failing {int(bool(self._failure()))}",
            *_metric("store_refused_batches", "gauge", "Acknowledged batches that were put aside"),
            f"tracefall_store_refused_batches {self._quarantine().batches}",
            *_stopped_lines(),
            *_door_lines(self._doors()),
            *_policy_lines(self._policy()),
        ]
        return Response("\n".join(lines) + "\n", content_type=_TEXT)


def _stopped_lines() -> Iterator[str]:
    yield from _metric("queries_stopped_total", "counter", "Queries of pages that were stopped")
    for reason, count in stopped_queries().items():
        yield f'tracefall_queries_stopped_total{{reason="{_escape(reason)}"}} {count}'


def _door_lines(doors: Sequence[DoorReport]) -> Iterator[str]:
    """Yield the receivers' metrics; the format wants all lines of a metric in one group."""
    counters: tuple[tuple[str, str, Callable[[DoorReport], int]], ...] = (
        ("receiver_spans_total", "Spans accepted", lambda door: door.accepted_spans),
        (
            "receiver_bytes_total",
            "Bytes of accepted requests, decompressed",
            lambda door: door.bytes,
        ),
        ("receiver_requests_total", "Requests accepted", lambda door: door.requests),
        (
            "receiver_far_times_total",
            "Spans accepted that start before 2000 or after tomorrow",
            lambda door: door.far_times,
        ),
    )
    for name, text, count in counters:
        yield from _metric(name, "counter", text)
        for door in doors:
            yield f'tracefall_{name}{{receiver="{_escape(door.name)}"}} {count(door)}'
    yield from _metric("receiver_last_seen_seconds", "gauge", "When a client last sent, and which")
    for door in doors:
        if door.last_seen_ns:
            label = f'receiver="{_escape(door.name)}",client="{_escape(door.last_client)}"'
            seen = door.last_seen_ns // 10**9
            yield f"tracefall_receiver_last_seen_seconds{{{label}}} {seen}"
    yield from _metric("receiver_rejected_total", "counter", "Spans or requests rejected")
    for door in doors:
        for reason, rejected in sorted(door.rejected.items()):
            label = f'receiver="{_escape(door.name)}",reason="{_escape(reason)}"'
            yield f"tracefall_receiver_rejected_total{{{label}}} {rejected}"


def _policy_lines(policy: PolicyReport) -> Iterator[str]:
    """Yield what was redacted by each rule, and what tail sampling decided; nothing of what is off."""
    if policy.redacted:
        yield from _metric("redacted_values_total", "counter", "Values changed or dropped, by rule")
        for rule, count in policy.redacted:
            yield f'tracefall_redacted_values_total{{rule="{_escape(rule)}"}} {count}'
    if policy.sampling is None:
        return
    for name, value in asdict(policy.sampling).items():
        kind = "gauge" if name.startswith("undecided") else "counter"
        metric = f"sampling_{name}" + ("_total" if kind == "counter" else "")
        yield from _metric(metric, kind, f"Tail sampling: {name.replace('_', ' ')}")
        yield f"tracefall_{metric} {value}"


def _metric(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP tracefall_{name} {text}.", f"# TYPE tracefall_{name} {kind}"]


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
