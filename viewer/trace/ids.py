"""Trace and span identifiers: 128 and 64 bits, and the ways people write them.

A trace ID is kept as 32 lower-case hex digits, a span ID as an unsigned integer (0 = none).
Rules: W3C Trace Context (all-zero IDs are invalid), and the product contract (short hex is
left-padded; 16 digits are printed where the high half is zero).
"""

import base64
import binascii
import hashlib
import re

_HEX = re.compile(r"[0-9a-fA-F]+")
_ZERO_HALF = "0" * 16
# From 2015, before which no tool made such IDs, to 2040.
_FIRST_SECOND, _LAST_SECOND = 1_420_070_400, 2_208_988_800
MAX_SPAN_ID = (1 << 64) - 1


class InvalidId(ValueError):
    """The text is no trace or span ID; the message says why, in words for a user."""


def parse_trace_id(text: str) -> str:
    """Return 1–32 hex digits of either case as 32 lower-case digits; raise InvalidId."""
    digits = _hex_digits(text, 32, "trace ID")
    padded = digits.lower().zfill(32)
    if padded.strip("0") == "":
        raise InvalidId("a trace ID of zeros only is invalid")
    return padded


def parse_span_id(text: str) -> int:
    """Return 1–16 hex digits as an unsigned 64-bit integer; raise InvalidId (zero included)."""
    number = int(_hex_digits(text, 16, "span ID"), 16)
    if number == 0:
        raise InvalidId("a span ID of zeros only is invalid")
    return number


def _hex_digits(text: str, most: int, what: str) -> str:
    if not text:
        raise InvalidId(f"the {what} is empty")
    if not _HEX.fullmatch(text):
        raise InvalidId(f"{_shown(text)} is no {what}: expected hex digits")
    if len(text) > most:
        raise InvalidId(
            f"{_shown(text)} is no {what}: {len(text)} hex digits, at most {most} expected"
        )
    return text


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def trace_id_from_bytes(raw: bytes) -> str:
    """Return 8 or 16 raw bytes as 32 hex digits; raise InvalidId for other lengths or zeros."""
    if len(raw) not in (8, 16):
        raise InvalidId(f"a trace ID has 16 bytes (or 8), got {len(raw)}")
    return parse_trace_id(raw.hex())


def span_id_from_bytes(raw: bytes) -> int:
    """Return 8 raw bytes as an integer; raise InvalidId for other lengths or zeros."""
    if len(raw) != 8:
        raise InvalidId(f"a span ID has 8 bytes, got {len(raw)}")
    number = int.from_bytes(raw, "big")
    if number == 0:
        raise InvalidId("a span ID of zeros only is invalid")
    return number


def format_trace_id(trace_id: str) -> str:
    """Print a stored trace ID: 16 digits where the high half is zero, else 32."""
    return trace_id[16:] if trace_id.startswith(_ZERO_HALF) else trace_id


def lower_half(trace_id: str) -> str:
    """Return the 16 digits of a stored trace ID whose upper half is zero, "" of any other: what
    Datadog prints of an ID of 128 bits is such a one."""
    return trace_id[16:] if trace_id.startswith(_ZERO_HALF) else ""


def format_span_id(span_id: int) -> str:
    """Print a span ID as 16 hex digits."""
    return f"{span_id:016x}"


def base64_bytes(text: str) -> bytes | None:
    """Return what standard or URL-safe base64 holds (padding optional), or None."""
    padded = text.replace("-", "+").replace("_", "/")
    padded += "=" * (-len(padded) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        return None


def trace_id_of_any_text(text: str) -> tuple[str, bool]:
    """Read a trace ID out of a file: hex, base64 of 8 or 16 bytes, else a stable hash of the text.

    Returns the ID and whether it was made up: other tools' files hold IDs such as
    "normalized-trace-id", and a span must not be lost for that. Raises InvalidId if empty or zero.
    """
    made = _bytes_of_any_text(text, 16)
    if made is None:
        return parse_trace_id(text), False
    raw, is_hash = made
    return trace_id_from_bytes(raw), is_hash


def span_id_of_any_text(text: str) -> tuple[int, bool]:
    """As trace_id_of_any_text, for a span ID."""
    made = _bytes_of_any_text(text, 8)
    if made is None:
        return parse_span_id(text), False
    raw, is_hash = made
    return span_id_from_bytes(raw), is_hash


def _bytes_of_any_text(text: str, size: int) -> tuple[bytes, bool] | None:
    """None for plain hex; else the ID's bytes, and whether they are a hash of the text."""
    if not text:
        raise InvalidId("the ID is empty")
    if _HEX.fullmatch(text) and len(text) <= 2 * size:
        return None
    if len(text) >= 11:
        raw = base64_bytes(text)
        if raw is not None and (len(raw) == size or (size == 16 and len(raw) == 8)):
            return raw, False
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=size).digest(), True


def time_of_datadog_id(trace_id: str) -> int:
    """Return when a stored trace ID of Datadog's kind was made, in nanoseconds; 0 for any other. Its
    first 32 bits are seconds since 1970, the next 32 are zero (Datadog's RFC on 128-bit trace IDs)."""
    return _plausible_seconds(trace_id[:8]) if trace_id[8:16] == "0" * 8 else 0


def time_of_xray_id(trace_id: str) -> int:
    """Return when a stored trace ID was made if it is AWS X-Ray's, in nanoseconds; 0 if it cannot be.
    Its first 32 bits are seconds since 1970; one random ID in twelve looks so."""
    return _plausible_seconds(trace_id[:8])


def _plausible_seconds(digits: str) -> int:
    seconds = int(digits, 16)
    return seconds * 10**9 if _FIRST_SECOND <= seconds < _LAST_SECOND else 0
