"""Whole trace IDs out of halves.

A Datadog span carries the lower 64 bits of its trace ID. The upper ones are hex digits in the tag
``_dd.p.tid`` of a chunk's first span only, so every other chunk of the trace learns them from that
one: within a request whatever the order, and across requests from what is remembered.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence

from viewer.formats.base import Decoded
from viewer.formats.datadog.fields import is_decimal, to_map, to_text, to_uint64
from viewer.formats.datadog.payload import Chunk
from viewer.formats.loose_json import read_trace_id
from viewer.trace.ids import InvalidId, trace_id_of_any_text
from viewer.trace.span import NO_OPEN_END, OpenEnd

UPPER_HALF = "_dd.p.tid"
REMEMBERED = 100_000
# What of a span tells one trace from another.
_TELLING = ("service", "name", "resource", "start", "duration", "span_id")
_HEX_HALF = re.compile(r"[0-9a-fA-F]{1,16}")


class UpperHalves:
    """Remembers the upper half of the trace IDs seen last, by the lower one; for many threads."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._halves: OrderedDict[int, int] = OrderedDict()

    def learn(self, lower: int, upper: int) -> None:
        """Remember a trace ID, and forget the one that was not asked for the longest."""
        with self._lock:
            self._halves[lower] = upper
            self._halves.move_to_end(lower)
            if len(self._halves) > self._most:
                self._halves.popitem(last=False)

    def of(self, lower: int) -> int | None:
        """Return the upper half that goes with a lower one, or None."""
        with self._lock:
            upper = self._halves.get(lower)
            if upper is not None:
                self._halves.move_to_end(lower)
            return upper


class TraceIds:
    """The trace IDs of one payload."""

    def __init__(
        self,
        chunks: Sequence[Chunk],
        remembered: UpperHalves | None,
        lenient: bool,
        decoded: Decoded,
    ) -> None:
        self._remembered = remembered
        self._lenient = lenient
        self._chunks = chunks
        self._of_zero = ""
        self._known: dict[int, int | None] = {}
        for chunk in chunks:
            for lower, upper in _whole_ids(chunk, decoded):
                if lower not in self._known:
                    self._known[lower] = upper
                    if remembered is not None:
                        remembered.learn(lower, upper)

    def upper_half(self, lower: int) -> int | None:
        """Return the upper half, or None where nobody has said it yet."""
        if lower not in self._known:
            self._known[lower] = None if self._remembered is None else self._remembered.of(lower)
        return self._known[lower]

    def read(self, value: object, as_sent: list[tuple[str, str]]) -> tuple[str, OpenEnd]:
        """Return a span's trace ID and whether its upper half is open; raise InvalidId.

        Zero, which test suites write in place of an ID, gets a stable ID of its own in a file.
        """
        if isinstance(value, str) and not is_decimal(value):
            trace_id, made_up = read_trace_id(value, self._lenient)
            if made_up:
                as_sent.append(("trace_id", value))
            return trace_id, NO_OPEN_END
        lower = to_uint64(value, "trace ID")
        if lower == 0:
            if not self._lenient:
                raise InvalidId("a trace ID of zeros only is invalid")
            as_sent.append(("trace_id", "0"))
            self._of_zero = self._of_zero or _made_up(self._chunks)
            return self._of_zero, NO_OPEN_END
        upper = self.upper_half(lower)
        if upper is None:
            return f"{lower:032x}", OpenEnd.HALF_TRACE_ID
        return f"{upper:016x}{lower:016x}", NO_OPEN_END


def _whole_ids(chunk: Chunk, decoded: Decoded) -> Iterator[tuple[int, int]]:
    """Yield the (lower, upper) halves that a chunk states."""
    if chunk.trace_id is not None:
        yield chunk.trace_id[1], chunk.trace_id[0]
        return
    for span in chunk.spans:
        if not isinstance(span, dict):
            continue
        said = to_map(span.get("meta")).get(UPPER_HALF)
        if said is None:
            continue
        text = to_text(said)
        if not _HEX_HALF.fullmatch(text):
            decoded.note(f"a tag {UPPER_HALF} is no upper half of a trace ID")
            continue
        try:
            yield to_uint64(span.get("trace_id"), "trace ID"), int(text, 16)
        except InvalidId:
            # The span itself is refused for it where it is read.
            continue


def _made_up(chunks: Sequence[Chunk]) -> str:
    """Return the ID for spans of trace 0. It follows from the first of them, so that the same file
    gives the same ID and two files do not get into one trace."""
    spans = (span for chunk in chunks for span in chunk.spans if isinstance(span, dict))
    first = next((span for span in spans if not to_text(span.get("trace_id")).strip("0")), {})
    said = [to_text(first.get(name)) for name in _TELLING]
    said.append(to_text(to_map(first.get("meta")).get(UPPER_HALF)))
    return trace_id_of_any_text("Datadog trace 0: " + "\n".join(said))[0]
