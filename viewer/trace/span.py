"""The span and its parts, shaped as OpenTelemetry's, and the columns that carry many of them.

COLUMNS is the one list both faces are made from: SpanBatch stores these columns, ``Span`` is the
object for the handful that a person looks at. Times are whole nanoseconds since 1970 (0 = absent).
"""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import NamedTuple

from viewer.trace.attributes import Attributes

# A start before 2000, or more than a day ahead, is some clock's or unit's mistake. 0 is no time.
EARLIEST_PLAUSIBLE_NS = 946_684_800 * 10**9
PLAUSIBLE_AHEAD_NS = 86_400 * 10**9


class SpanKind(IntEnum):
    """OTLP's numbering."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode(IntEnum):
    """OTLP's numbering."""

    UNSET = 0
    OK = 1
    ERROR = 2


class OpenEnd(IntFlag):
    """What is not settled about a span until another one arrives (`collector.joiner` does it)."""

    IN_PROGRESS = 1
    """Sent before it ended: its final form, under the same ID, takes its place."""
    SERVICE_OF_PARENT = 2
    """Sent without a service: that of its parent, or its parent's parent, is its own."""
    HALF_TRACE_ID = 4
    """Sent with the lower half of its trace ID only: another span may know the upper half."""


NO_OPEN_END = OpenEnd(0)


@dataclass(frozen=True, slots=True)
class Status:
    """Outcome of a span; the message belongs to errors."""

    code: StatusCode = StatusCode.UNSET
    message: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """Who emitted a span. ``service`` is the attribute service.name, or "" where it is absent."""

    service: str = ""
    attributes: Attributes = ()
    schema_url: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """The instrumentation library that made a span."""

    name: str = ""
    version: str = ""
    attributes: Attributes = ()
    schema_url: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at one instant within a span."""

    time_ns: int
    name: str
    attributes: Attributes = ()
    dropped_attributes: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A reference to a span, of this trace or another. ``span_id`` 0 means the trace as a whole."""

    trace_id: str
    span_id: int
    attributes: Attributes = ()
    trace_state: str = ""
    flags: int = 0
    dropped_attributes: int = 0


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many attributes, events and links the sender left out."""

    attributes: int = 0
    events: int = 0
    links: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """One span. ``parent_id`` 0 = root. ``as_sent`` holds what a format changed on the way in
    (original ID texts, kinds, field names), as text for the detail panel."""

    trace_id: str
    span_id: int
    parent_id: int
    name: str
    start_ns: int
    duration_ns: int
    kind: SpanKind = SpanKind.UNSPECIFIED
    status: Status = Status()
    resource: Resource = Resource()
    scope: Scope = Scope()
    attributes: Attributes = ()
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    trace_state: str = ""
    flags: int = 0
    dropped: Dropped = Dropped()
    as_sent: tuple[tuple[str, str], ...] = field(default=())
    open_ends: OpenEnd = NO_OPEN_END

    @property
    def end_ns(self) -> int:
        return self.start_ns + self.duration_ns

    @property
    def service(self) -> str:
        return self.resource.service


class Column(NamedTuple):
    """A column of SpanBatch: its name, its Arrow type's name, and what it holds."""

    name: str
    arrow: str
    holds: str


COLUMNS = (
    Column("trace_id", "string", "32 hex digits"),
    Column("span_id", "uint64", "never 0"),
    Column("parent_id", "uint64", "0 = root"),
    Column("service", "string", "the resource's service.name"),
    Column("name", "string", "operation"),
    Column("kind", "uint8", "SpanKind"),
    Column("status", "uint8", "StatusCode"),
    Column("start_ns", "int64", "since 1970, 0 = absent"),
    Column("dur_ns", "int64", "never negative"),
    Column("attrs", "list<string>", "key=value, order kept"),
    Column("attr_types", "string", "a letter per attribute"),
    Column("events", "string", "JSON, null when none"),
    Column("links", "string", "JSON, null when none"),
    Column("status_message", "string", "null when empty"),
    Column("trace_state", "string", "null when empty"),
    Column("flags", "uint32", "W3C trace flags and OTLP's bits"),
    Column(
        "extra",
        "string",
        "JSON of rare things (dropped counts, as_sent, open ends), null when none",
    ),
    Column("resource", "int32", "index into the batch's resources"),
    Column("scope", "int32", "index into the batch's scopes"),
)
