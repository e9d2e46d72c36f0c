"""/healthz for load balancers and scripts, /metrics for Prometheus: Tracefall about itself."""

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, jsonify

from viewer.store.base import SpanStore
from viewer.trace.report import DoorReport

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """Knows whether the store can be written (``failure`` says why not) and what the doors count."""

    def __init__(
        self,
        store: SpanStore,
        failure: Callable[[], str],
        doors: Callable[[], Sequence[DoorReport]],
    ) -> None:
        self._store, self._failure, self._doors = store, failure, doors

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
            *_metric("receiver_spans_total", "counter", "Spans accepted"),
            *_metric("receiver_bytes_total", "counter", "Bytes of accepted requests, decompressed"),
            *_metric("receiver_requests_total", "counter", "Requests accepted"),
            *_metric("receiver_rejected_total", "counter", "Spans or requests rejected"),
        ]
        for door in self._doors():
            label = f'{{receiver="{_escape(door.name)}"}}'
            lines += [
                f"tracefall_receiver_spans_total{label} {door.accepted_spans}",
                f"tracefall_receiver_bytes_total{label} {door.bytes}",
                f"tracefall_receiver_requests_total{label} {door.requests}",
            ]
            lines += [
                f'tracefall_receiver_rejected_total{{receiver="{_escape(door.name)}",'
                f'reason="{_escape(reason)}"}} {count}'
                for reason, count in sorted(door.rejected.items())
            ]
        return Response("\n".join(lines) + "\n", content_type=_TEXT)


def _metric(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP tracefall_{name} {text}.", f"# TYPE tracefall_{name} {kind}"]


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
