"""Addresses of pages that others link to."""

from urllib.parse import quote

from viewer.trace.ids import format_span_id, format_trace_id


def trace_url(trace_id: str, span_id: int = 0, tz: str = "") -> str:
    """Return the address of a trace, with a span selected."""
    pairs = [f"span={format_span_id(span_id)}"] if span_id else []
    pairs += [f"tz={tz}"] if tz else []
    return f"/trace/{quote(format_trace_id(trace_id))}" + (f"?{'&'.join(pairs)}" if pairs else "")
