"""What the server receives and stores, as the status page shows it."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from viewer.store.base import StoreStats
from viewer.trace.report import DoorReport, PolicyReport
from viewer.ui.filters import (
    format_ago,
    format_bytes,
    format_count,
    format_service,
    service_class,
)
from viewer.ui.viewmodel.shell import Light

_NO_POLICY = PolicyReport()
_MOST_SERVICES = 500


@dataclass(frozen=True, slots=True)
class DoorRow:
    """A receiver: ``rate`` is spans a second over the last minute, ``rejected`` pairs of reason and
    count, the most frequent first; ``last_refusal`` is the wording of the last one."""

    name: str
    address: str
    closed: str
    requests: int
    spans: int
    rate: str
    size: str
    rejected: tuple[tuple[str, int], ...]
    rejected_total: int
    last_refusal: str
    far_times: int
    last_client: str
    last_seen: str


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """What is stored of a service; ``bar_width`` is in percent of the largest."""

    name: str
    url: str
    css: str
    span_rows: int
    bar_width: str
    oldest_ns: int
    newest_ns: int
    newest_ago: str


@dataclass(frozen=True, slots=True)
class PolicyView:
    """What the policy has done since start: ``redacted`` pairs of rule and count, ``sampled`` pairs
    of what became of traces and how many; both empty where it is off."""

    redacted: tuple[tuple[str, int], ...]
    sampled: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The whole status page; ``policy`` is None where neither sampling nor redaction is on. Of very
    many services those with the most spans are listed; ``services_left`` is how many are not."""

    light: Light
    url: str
    version: str
    read_only: bool
    doors: tuple[DoorRow, ...]
    span_rows: int
    traces: int
    size: str
    span_size: str
    oldest_ns: int
    newest_ns: int
    newest_ago: str
    services: tuple[ServiceRow, ...]
    services_left: int
    retention: str
    policy: PolicyView | None


def status_report(
    light: Light,
    doors: Sequence[DoorReport],
    stats: StoreStats,
    *,
    store_url: str,
    version: str,
    read_only: bool,
    retention: str,
    now_ns: int,
    service_url: Callable[[str], str],
    policy: PolicyReport = _NO_POLICY,
) -> StatusReport:
    """Put the counters into rows; ``service_url`` gives a service's search, or ""."""
    listed = stats.services
    if len(listed) > _MOST_SERVICES:
        largest = heapq.nlargest(_MOST_SERVICES, listed, key=lambda service: service.span_rows)
        listed = tuple(sorted(largest, key=lambda service: service.service))
    most = max((service.span_rows for service in stats.services), default=0) or 1
    has_size = bool(stats.bytes and stats.span_rows)
    return StatusReport(
        light=light,
        url=store_url,
        version=version,
        read_only=read_only,
        doors=tuple(_door(door, now_ns) for door in doors),
        span_rows=stats.span_rows,
        traces=stats.traces,
        size=format_bytes(stats.bytes) if stats.bytes else "",
        span_size=f"{stats.bytes / stats.span_rows:,.0f} B" if has_size else "",
        oldest_ns=stats.oldest_ns,
        newest_ns=stats.newest_ns,
        newest_ago=format_ago(stats.newest_ns, now_ns),
        services=tuple(
            ServiceRow(
                name=format_service(service.service),
                url=service_url(service.service),
                css=service_class(service.service),
                span_rows=service.span_rows,
                bar_width=f"{max(0.4, 100 * service.span_rows / most):.2f}%",
                oldest_ns=service.oldest_ns,
                newest_ns=service.newest_ns,
                newest_ago=format_ago(service.newest_ns, now_ns),
            )
            for service in listed
        ),
        services_left=len(stats.services) - len(listed),
        retention=retention,
        policy=_policy(policy),
    )


def _policy(report: PolicyReport) -> PolicyView | None:
    sampling = report.sampling
    if not report.redacted and sampling is None:
        return None
    sampled: tuple[tuple[str, int], ...] = ()
    if sampling is not None:
        late = sampling.late_spans_kept + sampling.late_spans_dropped
        sampled = (
            ("traces kept for an error", sampling.kept_for_error),
            ("traces kept as slow", sampling.kept_for_latency),
            ("traces kept by percentage", sampling.kept_by_percent),
            ("traces dropped", sampling.dropped),
            ("spans kept", sampling.kept_spans),
            ("spans dropped", sampling.dropped_spans),
            ("traces undecided now", sampling.undecided_traces),
            ("traces decided early, for want of room", sampling.decided_early),
            ("spans that came late", late),
        )
    return PolicyView(report.redacted, sampled)


def _door(door: DoorReport, now_ns: int) -> DoorRow:
    rejected = sorted(door.rejected.items(), key=lambda item: (-item[1], item[0]))
    return DoorRow(
        name=door.name,
        address=door.address,
        closed=door.closed,
        requests=door.requests,
        spans=door.accepted_spans,
        rate=_rate(door.spans_per_second),
        size=format_bytes(door.bytes),
        rejected=tuple(rejected),
        rejected_total=sum(door.rejected.values()),
        last_refusal=door.last_refusal,
        far_times=door.far_times,
        last_client=door.last_client,
        last_seen=format_ago(door.last_seen_ns, now_ns) if door.last_seen_ns else "",
    )


def _rate(per_second: float) -> str:
    if per_second >= 100 or per_second == 0:
        return format_count(round(per_second))
    return f"{per_second:.1f}" if per_second >= 1 else f"{per_second:.2g}"
