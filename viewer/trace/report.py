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
    """What became of one imported file. ``first_trace_id`` is of the first span kept, or empty.

    ``traces`` is exact, or there are ``more_traces`` than that. ``earlier_spans`` were stored of the
    file before this import went on behind them. If all had been imported, on ``imported_ns``, it was
    passed over. ``remark`` says what is odd about the file, or is empty."""

    name: str
    format: str
    spans: int
    traces: int
    rejected: tuple[Rejection, ...] = ()
    first_trace_id: str = ""
    more_traces: bool = False
    earlier_spans: int = 0
    imported_ns: int = 0
    remark: str = ""


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


@dataclass(frozen=True, slots=True)
class SamplingReport:
    """What tail sampling has decided since start, in traces where nothing else is said, and what
    waits. Late spans came after their trace had been decided."""

    kept_for_error: int = 0
    kept_for_latency: int = 0
    kept_by_percent: int = 0
    dropped: int = 0
    kept_spans: int = 0
    dropped_spans: int = 0
    decided_early: int = 0
    """For want of memory or room in the journal; counted as kept or dropped too."""
    late_spans_kept: int = 0
    late_spans_dropped: int = 0
    late_fragments: int = 0
    """Traces that had been dropped when a late span failed or was slow; from that one on they are
    kept."""
    undecided_traces: int = 0
    undecided_spans: int = 0
    undecided_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """What a policy has done since start: values that each redaction rule has changed, by the rule's
    name in the policy's order, and sampling, None where it is off."""

    redacted: tuple[tuple[str, int], ...] = ()
    sampling: SamplingReport | None = None


@dataclass(frozen=True, slots=True)
class QuarantineReport:
    """Batches that were acknowledged and that the store refuses for good: how many lie in which
    directory, and what was wrong with the last one."""

    batches: int = 0
    bytes: int = 0
    directory: str = ""
    last_reason: str = ""
