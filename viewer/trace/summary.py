"""What lists show without loading spans. Times in nanoseconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceCount:
    """A service's share of one trace."""

    service: str
    spans: int
    errors: int


@dataclass(frozen=True, slots=True)
class MatchedSpan:
    """The span that made a trace match a query: the earliest one that meets all its conditions."""

    span_id: int
    service: str
    name: str
    start_ns: int
    duration_ns: int
    is_root: bool


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A trace as a result row. Root = earliest span without a parent ID; where there is none, the
    earliest span, and ``has_root`` is false. Duration = latest end - earliest start. Services are
    sorted by name; exact re-deliveries count once. ``weight`` is how many traces it stands for, more
    than 1 where others like it were sampled away."""

    trace_id: str
    root_service: str
    root_name: str
    has_root: bool
    start_ns: int
    duration_ns: int
    spans: int
    errors: int
    services: tuple[ServiceCount, ...]
    matched: MatchedSpan | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Operation:
    """A span name of a service; kind is SpanKind's number."""

    service: str
    name: str
    kind: int


@dataclass(frozen=True, slots=True)
class DependencyLink:
    """How often spans of one service are parents of spans of another (or of itself)."""

    parent: str
    child: str
    calls: int
    errors: int


@dataclass(frozen=True, slots=True)
class RemovedTrace:
    """What is remembered of a trace that retention removed: its root as in TraceSummary, how many
    spans were removed, and when the last of them was."""

    trace_id: str
    root_service: str
    root_name: str
    has_root: bool
    start_ns: int
    duration_ns: int
    spans: int
    removed_ns: int
