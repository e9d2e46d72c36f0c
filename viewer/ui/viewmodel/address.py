"""Addresses of pages that others link to."""

from urllib.parse import quote

from viewer.trace.ids import format_span_id, format_trace_id


def trace_url(trace_id: str, span_id: int = 0, tz: str = "") -> str:
    """Return the address of a trace, with a span selected."""
    pairs = [f"span={format_span_id(span_id)}"] if span_id else []
    pairs += [f"tz={tz}"] if tz else []
    return f"/trace/{quote(format_trace_id(trace_id))}" + (f"?{'&'.join(pairs)}" if pairs else "")


def compare_url(trace_id: str, part: str = "", utc: bool = False) -> str:
    """Return the address where a trace to compare this one with is chosen, or of a part of it."""
    return f"/compare{part}?trace={quote(format_trace_id(trace_id))}" + ("&tz=utc" if utc else "")
