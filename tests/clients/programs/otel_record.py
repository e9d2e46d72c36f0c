"""What OpenTelemetry's Python SDK has recorded of a span, for otel.py and flask_shop.py."""

from opentelemetry.sdk.trace import ReadableSpan


def described(span: ReadableSpan) -> dict[str, object]:
    context, scope = span.get_span_context(), span.instrumentation_scope
    return {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{context.span_id:016x}",
        "parentId": f"{span.parent.span_id:016x}" if span.parent else "",
        "name": span.name,
        "kind": span.kind.name,
        "startNs": span.start_time,
        "endNs": span.end_time,
        "resource": dict(span.resource.attributes),
        "scope": [scope.name, scope.version],
        "attributes": dict(span.attributes or {}),
        "events": [[event.name, event.timestamp, dict(event.attributes or {})] for event in span.events],
        "links": [
            [f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}", dict(link.attributes or {})]
            for link in span.links
        ],
        "status": [span.status.status_code.name, span.status.description or ""],
    }  # fmt: skip
