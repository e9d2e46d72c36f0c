"""What happened to incoming spans: said by the collector and importer, shown by pages and CLI."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rejection:
    """Spans or lines that were not kept: how many, why, and where the first of them stands."""

    reason: str
    count: int = 1
    where: str = ""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one imported file. ``first_trace_id`` is of the first span kept, or empty."""

    name: str
    format: str
    spans: int
    traces: int
    rejected: tuple[Rejection, ...] = ()
    first_trace_id: str = ""


@dataclass(frozen=True, slots=True)
class DoorReport:
    """A receiver's counters since start. ``address`` is what a client is pointed at; ``closed``
    says why the door is not open (empty when it is). ``spans_per_second`` is over the last minute.
    ``far_times`` are spans kept though they start before 2000 or after tomorrow; ``last_refusal``
    says what was wrong with what was refused whole last."""

    name: str
    address: str
    closed: str = ""
    requests: int = 0
    accepted_spans: int = 0
    bytes: int = 0
    spans_per_second: float = 0.0
    rejected: Mapping[str, int] = field(default_factory=dict)
    last_refusal: str = ""
    far_times: int = 0
    last_client: str = ""
    last_seen_ns: int = 0
