"""Paste anything: which trace or span a piece of text may mean.

Reads every form in which tools print an ID: hex, ``0x…``, dashed UUID, base64, decimal (Datadog),
X-Ray's ``1-8hex-24hex``, whole headers (W3C traceparent, B3, Jaeger's uber-trace-id,
X-Amzn-Trace-Id, x-datadog-*) with or without their names, and links of Jaeger, Zipkin and Grafana.
A text may have several readings; the store decides which of them exist.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from urllib.parse import parse_qsl, unquote, urlsplit

from viewer.trace.ids import (
    MAX_SPAN_ID,
    InvalidId,
    base64_bytes,
    format_span_id,
    format_trace_id,
    parse_span_id,
    parse_trace_id,
    span_id_from_bytes,
    trace_id_from_bytes,
)

MAX_TEXT = 20_000
MIN_PREFIX = 6
_LINK_QUOTES = " \t\r\n\"'`<>"
_QUOTES = _LINK_QUOTES + "()[]{},;"
_HEX = re.compile(r"[0-9a-fA-F]+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
X_RAY_WAYS = ("an X-Ray trace ID", "an X-Amzn-Trace-Id header")
"""How the readings begin of IDs that are certainly of AWS X-Ray."""
_XRAY = re.compile(r"1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})")
# The shapes of headers, wherever in a line of a log they stand.
_TRACEPARENT = re.compile(
    r"(?<![0-9a-fA-F])[0-9a-fA-F]{2}-([0-9a-fA-F]{32})-([0-9a-fA-F]{16})-[0-9a-fA-F]{2}(?![0-9a-fA-F])"
)
_B3 = re.compile(
    r"(?<![0-9a-fA-F-])([0-9a-fA-F]{32}|[0-9a-fA-F]{16})-([0-9a-fA-F]{16})"
    r"(?:-[01d](?:-[0-9a-fA-F]{16})?)?(?![0-9a-fA-F-])"
)
_UBER = re.compile(
    r"(?<![0-9a-fA-F:])([0-9a-fA-F]{1,32}):([0-9a-fA-F]{1,16}):([0-9a-fA-F]{1,16}):[0-9a-fA-F]{1,2}"
    r"(?![0-9a-fA-F:])"
)
_AMAZON = re.compile(
    r"(?i:Root)=(1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24})(?:.*?(?i:Parent)=([0-9a-fA-F]{16}))?"
)
_LONG = re.compile(r"(?<![0-9a-zA-Z])[0-9a-fA-F]{32}(?![0-9a-zA-Z])")
_ID_KEYS = frozenset({"traceid", "trace", "traceids", "spanid", "span", "query", "id", "q"})
_TRACE_SEGMENTS = frozenset({"trace", "traces", "trace-detail"})
_MOST_IN_TEXT = 20


def _named(name: str, value: str) -> re.Pattern[str]:
    """Match ``name: value`` as headers, logs and JSON write it."""
    return re.compile(rf"{name}[\s\"':=]{{1,6}}({value})", re.IGNORECASE)


_B3_TRACE = _named("x-b3-traceid", "[0-9a-f]{1,32}")
_B3_SPAN = _named("x-b3-spanid", "[0-9a-f]{1,16}")
_DATADOG_TRACE = _named("x-datadog-trace-id", "[0-9]{1,20}")
_DATADOG_PARENT = _named("x-datadog-parent-id", "[0-9]{1,20}")
_DATADOG_HIGH = re.compile(r"_dd\.p\.tid=([0-9a-fA-F]{16})")
_ANY_TRACE = _named("(?<![a-zA-Z0-9])trace[_.-]?id", "[0-9a-zA-Z+/_-]{1,36}={0,2}")
_ANY_SPAN = _named("(?<![a-zA-Z0-9])span[_.-]?id", "[0-9a-f]{1,16}")


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a text. Exactly one of ``trace_id`` (32 digits), ``span_id`` (0 = none) alone,
    or ``prefix`` (of a trace ID, lower case) leads; with a trace ID, ``span_id`` selects a span.
    ``how`` says to a person how the text was read."""

    how: str
    trace_id: str = ""
    span_id: int = 0
    prefix: str = ""


def read(text: str) -> list[Reading]:
    """Return the readings of a text, the likeliest first; raise InvalidId, saying why, if none."""
    if len(text) > MAX_TEXT:
        raise InvalidId(f"this is no ID: {len(text):,} characters")
    link = text.replace("\0", "").strip(_LINK_QUOTES)
    stripped = link.strip(_QUOTES)
    if not stripped:
        raise InvalidId("there is nothing to look up")
    for readings in (
        _read_link(link),
        _read_bare(stripped),
        _read_headers(unquote(link)),
        _read_named(link),
        _read_prose(link),
    ):
        found = list(dict.fromkeys(readings))
        if found:
            return found
    raise InvalidId(_why_not(stripped))


def _why_not(text: str) -> str:
    shown = repr(text if len(text) <= 60 else text[:60] + "…")
    if _HEX.fullmatch(text.removeprefix("0x")) and text.strip("0x"):
        digits = len(text.removeprefix("0x"))
        return f"{shown} is no trace or span ID: {digits} hex digits, at most 32 expected"
    if not text.strip("0x-"):
        return f"{shown} is no trace or span ID: an ID of zeros only is invalid"
    return f"{shown} is neither an ID in any known form, nor a header, nor a link to a trace"


def _read_bare(text: str) -> Iterator[Reading]:
    """An ID alone: hex, decimal, UUID, X-Ray or base64."""
    if _UUID.fullmatch(text):
        yield from _trace(text.replace("-", ""), "a trace ID written as a UUID")
        return
    xray = _XRAY.fullmatch(text)
    if xray:
        yield from _trace(xray[1] + xray[2], X_RAY_WAYS[0])
        return
    digits = text[2:] if text[:2] in ("0x", "0X") else text
    if _HEX.fullmatch(digits) and len(digits) <= 32:
        yield from _read_hex(digits)
    # 22 hex digits may be base64 as well.
    if len(text) in (11, 12, 22, 24):
        yield from _read_base64(text)


def _read_hex(digits: str) -> Iterator[Reading]:
    yield from _trace(digits, "a trace ID in hex")
    if len(digits) <= 16:
        yield from _span(digits, "a span ID in hex")
    if digits.isdigit():
        # Datadog prints 64-bit IDs in decimal.
        number = int(digits)
        if 0 < number <= MAX_SPAN_ID:
            shown = format_span_id(number)
            yield Reading(f"a decimal trace ID, {shown} in hex", trace_id=shown.zfill(32))
            yield Reading(f"a decimal span ID, {shown} in hex", span_id=number)
    if MIN_PREFIX <= len(digits) < 32:
        yield Reading(f"the first {len(digits)} digits of a trace ID", prefix=digits.lower())


def _read_base64(text: str) -> Iterator[Reading]:
    raw = base64_bytes(text)
    if raw is None or len(raw) not in (8, 16):
        return
    try:
        trace_id = trace_id_from_bytes(raw)
        yield Reading(
            f"a trace ID in base64, {format_trace_id(trace_id)} in hex", trace_id=trace_id
        )
        if len(raw) == 8:
            span_id = span_id_from_bytes(raw)
            yield Reading(f"a span ID in base64, {format_span_id(span_id)} in hex", span_id=span_id)
    except InvalidId:
        return


def _read_headers(text: str) -> Iterator[Reading]:
    """Trace headers whose values have a shape of their own, with or without their names."""
    for pattern, what in (
        (_TRACEPARENT, "a W3C traceparent"),
        (_AMAZON, X_RAY_WAYS[1]),
        (_UBER, "a Jaeger uber-trace-id"),
        (_B3, "a B3 header"),
    ):
        match = pattern.search(text)
        if match:
            digits = match[1].removeprefix("1-").replace("-", "")
            yield from _trace(digits, what, match[2] or "")
            return


def _read_named(text: str) -> Iterator[Reading]:
    """IDs known by the names before them: B3's and Datadog's headers, trace_id in a log line."""
    b3, datadog, named = (
        pattern.search(text) for pattern in (_B3_TRACE, _DATADOG_TRACE, _ANY_TRACE)
    )
    if b3:
        yield from _trace(b3[1], "B3 headers", _group(_B3_SPAN, text))
    elif datadog and int(datadog[1]) <= MAX_SPAN_ID:
        parent = _group(_DATADOG_PARENT, text)
        span = f"{int(parent):x}" if parent else ""
        low = f"{int(datadog[1]):016x}"
        # The high half of a 128-bit ID travels in a tag of its own, in hex.
        high = _group(_DATADOG_HIGH, text)
        if high:
            yield from _trace(high + low, "Datadog headers", span)
        yield from _trace(low, "an x-datadog-trace-id header", span)
    elif named:
        for reading in _read_bare(named[1]):
            if reading.trace_id:
                span = _group(_ANY_SPAN, text)
                yield from _trace(reading.trace_id, "a trace ID by its name", span)
    else:
        span = _group(_ANY_SPAN, text)
        if span:
            yield from _span(span, "a span ID by its name")


def _read_prose(text: str) -> Iterator[Reading]:
    """Full-length IDs anywhere in a text."""
    for match in islice(_LONG.finditer(text), _MOST_IN_TEXT):
        yield from _trace(match[0], "a trace ID within the text")


def _group(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""


def _read_link(text: str) -> Iterator[Reading]:
    """A link of Jaeger, Zipkin, Grafana, X-Ray's console or Tracefall itself."""
    if "://" not in text and not text.startswith(("/trace/", "/explore", "/zipkin/")):
        return
    try:
        parts = urlsplit(text)
    except ValueError:
        return
    texts = list(_link_texts(parts.path, parts.query, parts.fragment))
    span = next((value for key, value in texts if key in ("span", "spanid")), "")
    for key, value in texts:
        if key in ("span", "spanid"):
            continue
        for reading in _read_link_value(value):
            if reading.trace_id:
                yield from _trace(
                    reading.trace_id, "a link to a trace", span or _hex(reading.span_id)
                )


def _read_link_value(value: str) -> Iterator[Reading]:
    # A comparison's address names two traces: a...b
    for part in value.split("..."):
        digits = part.strip(_QUOTES)
        # Short words such as "add" or "face" are no IDs inside a link.
        if _XRAY.fullmatch(digits) or _UUID.fullmatch(digits):
            yield from _read_bare(digits)
        elif _HEX.fullmatch(digits) and 8 <= len(digits) <= 32:
            yield from _trace(digits, "")


def _link_texts(path: str, query: str, fragment: str) -> Iterator[tuple[str, str]]:
    """Yield (key, value) of all places where a link may carry an ID."""
    segments = [unquote(segment) for segment in path.split("/")]
    route, _, inner_query = fragment.partition("?")
    segments += [unquote(segment) for segment in route.split("/")]
    for before, segment in pairwise(segments):
        # AWS's console writes #xray:traces/ID.
        if before.lower().rpartition(":")[2] in _TRACE_SEGMENTS:
            yield "trace", segment
    pairs = parse_qsl(query, max_num_fields=200) + parse_qsl(inner_query, max_num_fields=200)
    for key, value in pairs:
        name = key.lower().replace("_", "").replace("-", "")
        if value.lstrip()[:1] in ("{", "["):
            yield from _json_texts(value)
        elif name in _ID_KEYS:
            yield name, value


def _json_texts(text: str) -> Iterator[tuple[str, str]]:
    """Yield what Grafana's ``left`` and ``panes`` parameters hold under keys that name IDs."""
    try:
        stack: list[object] = [json.loads(text)]
    except (ValueError, RecursionError):
        return
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, dict):
            for key, item in value.items():
                name = key.lower().replace("_", "")
                if isinstance(item, str) and name in _ID_KEYS:
                    yield name, item
                elif isinstance(item, list | dict):
                    stack.append(item)


def _trace(digits: str, what: str, span: str = "") -> Iterator[Reading]:
    """Yield a trace's reading if the digits are a valid ID; a span that is none is left out."""
    try:
        trace_id = parse_trace_id(digits)
    except InvalidId:
        return
    try:
        span_id = parse_span_id(span) if span else 0
    except InvalidId:
        span_id = 0
    how = f"{what}: trace {format_trace_id(trace_id)}"
    if span_id:
        how += f", span {format_span_id(span_id)}"
    yield Reading(how, trace_id=trace_id, span_id=span_id)


def _span(digits: str, what: str) -> Iterator[Reading]:
    try:
        span_id = parse_span_id(digits)
    except InvalidId:
        return
    yield Reading(f"{what}: {format_span_id(span_id)}", span_id=span_id)


def _hex(span_id: int) -> str:
    return format_span_id(span_id) if span_id else ""
