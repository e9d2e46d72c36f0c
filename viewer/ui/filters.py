"""How numbers, times, durations and names are printed. Pure text in, text out: no Flask here, so
that view models and templates print the same."""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache

from viewer.trace.ids import format_span_id, format_trace_id

SERVICE_HUES = 20
NO_SERVICE = "(no service)"
_US, _MS, _S = 1_000, 1_000_000, 1_000_000_000
_MINUTE, _HOUR, _DAY = 60 * _S, 3600 * _S, 86_400 * _S
_LAST_NS = 253_402_300_799 * _S  # the end of the year 9999, where datetime stops


def format_duration(duration_ns: int) -> str:
    """Print nanoseconds with three significant digits and a fitting unit: ``1.24 s``, ``412 µs``.

    From a minute on as two units: ``2 m 05 s``, ``3 h 07 m``, ``2 d 04 h``.
    """
    if duration_ns < 0:
        return "-" + format_duration(-duration_ns)
    if duration_ns < _US:
        return f"{duration_ns} ns"
    for unit_ns, unit in ((_US, "µs"), (_MS, "ms"), (_S, "s")):
        # Rounding may reach the next unit: 999,999 ns is 1.00 ms, not 1000 µs.
        text = _three_digits(duration_ns, unit_ns)
        if float(text) < (60 if unit == "s" else 1000):
            return f"{text} {unit}"
    seconds = (duration_ns + _S // 2) // _S
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02} s"
    minutes = (seconds + 30) // 60
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02} m"
    hours = (minutes + 30) // 60
    return f"{format_count(hours // 24)} d {hours % 24:02} h"


def _three_digits(duration_ns: int, unit_ns: int) -> str:
    value = duration_ns / unit_ns
    for decimals, below in ((2, 9.995), (1, 99.95)):
        if value < below:
            return f"{value:.{decimals}f}"
    return f"{value:.0f}"


def format_duration_exact(duration_ns: int) -> str:
    """Print every digit, for titles: ``1,240,000 ns``."""
    return f"{format_count(duration_ns)} ns"


def format_count(number: int) -> str:
    """Print an integer with thousands separators: ``18,201``."""
    return f"{number:,}"


def format_many(number: int) -> str:
    """Print a large count shortly: ``8.4 M``, ``1.2 k`` (exact below 10,000: ``9,876``)."""
    if number < 10_000:
        return format_count(number)
    for size, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size * 0.9995:
            return f"{_three_digits(number, size)} {sign}"
    return format_count(number)


def format_about(number: int) -> str:
    """Print an estimate with its first two digits, the others as zeros: ``1,200,000``."""
    return format_count(round(number, min(0, 2 - len(str(abs(number))))))


def format_bytes(size: int) -> str:
    """Print a size in binary units: ``16.0 MiB``."""
    if size < 1024:
        return f"{size} B"
    for power, unit in enumerate(("KiB", "MiB", "GiB", "TiB"), start=1):
        if size < 1023.5 * 1024**power or unit == "TiB":
            return f"{_three_digits(size, 1024**power)} {unit}"
    raise AssertionError("unreachable: the last unit takes every size")


def format_plural(number: int, one: str, many: str = "") -> str:
    """Print a count with its noun: ``1 span``, ``1,284 traces``."""
    return f"{format_count(number)} {one if number == 1 else many or one + 's'}"


def shorten(text: str, most: int) -> str:
    """Return a text of at most so many characters: a longer one cut, which "…" says."""
    return text if len(text) <= most else text[: most - 1] + "…"


def format_weight(weight: float) -> str:
    """Return how many traces one stands for, as ``×10``; nothing for one that stands for itself."""
    return f"×{weight:,.4g}" if weight > 1 else ""


# A row prints one time in several ways.
@lru_cache(4096)
def format_iso(time_ns: int) -> str:
    """Print a time for a datetime attribute: UTC, whole nanoseconds kept."""
    seconds, rest = divmod(_bounded(time_ns), _S)
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='seconds')}.{rest:09}Z"


def format_clock(time_ns: int) -> str:
    """Print the time of day in UTC to the millisecond: ``21:29:05.124``."""
    return format_iso(time_ns)[11:23]


def format_day(time_ns: int) -> str:
    """Print the day in UTC: ``Sun 22 Nov 2026``."""
    moment = datetime.fromtimestamp(_bounded(time_ns) // _S, UTC)
    return f"{moment:%a} {moment.day} {moment:%b %Y}"


def format_time(time_ns: int) -> str:
    """Print day and time of day in UTC: ``2026-11-22 21:29:05.124``."""
    return format_iso(time_ns)[:23].replace("T", " ")


def format_time_exact(time_ns: int) -> str:
    """Print a time for a title, to the nanosecond: ``2026-11-22 21:29:05.124000000 UTC``."""
    return format_iso(time_ns)[:-1].replace("T", " ") + " UTC"


def format_ago(time_ns: int, now_ns: int) -> str:
    """Print how long ago: ``3 min ago``, ``2 days ago``, ``in 5 min``, ``just now``."""
    gap = now_ns - time_ns
    if abs(gap) < 5 * _S:
        return "just now"
    size, words = abs(gap), ""
    for unit_ns, one, many in (
        (365 * _DAY, "year", "years"),
        (30 * _DAY, "month", "months"),
        (_DAY, "day", "days"),
        (_HOUR, "h", "h"),
        (_MINUTE, "min", "min"),
        (_S, "s", "s"),
    ):
        if size >= unit_ns:
            number = size // unit_ns
            words = f"{format_count(number)} {one if number == 1 else many}"
            break
    return f"{words} ago" if gap > 0 else f"in {words}"


def _bounded(time_ns: int) -> int:
    return min(max(time_ns, 0), _LAST_NS)


@lru_cache(maxsize=4096)
def service_hue(service: str) -> int:
    """Return a service's hue, 0…19: a hash of its name, so the same everywhere and for ever."""
    digest = hashlib.blake2b(service.encode("utf-8", "replace"), digest_size=4).digest()
    return int.from_bytes(digest, "big") % SERVICE_HUES


def service_class(service: str) -> str:
    """Return the CSS class that carries a service's hue: ``svc-07``."""
    return f"svc-{service_hue(service):02}"


def format_service(service: str) -> str:
    """Print a service's name, or that there is none."""
    return service or NO_SERVICE


FILTERS = {
    "ago": format_ago,
    "bytes": format_bytes,
    "clock": format_clock,
    "count": format_count,
    "day": format_day,
    "duration": format_duration,
    "duration_exact": format_duration_exact,
    "iso": format_iso,
    "many": format_many,
    "plural": format_plural,
    "service": format_service,
    "service_class": service_class,
    "service_hue": service_hue,
    "span_id": format_span_id,
    "time": format_time,
    "time_exact": format_time_exact,
    "trace_id": format_trace_id,
}
"""What templates call by these names."""
