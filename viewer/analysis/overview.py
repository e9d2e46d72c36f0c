"""All that a trace's skeleton tells, most important first: what the header and the panel print."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.analysis.findings import (
    Bottleneck,
    ErrorSpread,
    HeaviestService,
    bottleneck,
    error_spread,
    heaviest_service,
)
from viewer.analysis.gaps import Gap, gaps
from viewer.analysis.patterns import (
    InARow,
    Repetition,
    Retry,
    calls_in_a_row,
    repetitions,
    retries,
)
from viewer.analysis.siblings import siblings
from viewer.analysis.visible import Children
from viewer.trace.tree import TraceTree

MOST_OF_A_KIND = 20
ERROR_STAKE = (1 << 63) - 1
AnyFinding = ErrorSpread | Bottleneck | HeaviestService | Repetition | Retry | InARow | Gap


@dataclass(frozen=True, slots=True)
class Overview:
    """``findings`` by importance: the nanoseconds at stake in each are in ``stakes``. ``left_out``
    counts those beyond MOST_OF_A_KIND of one kind."""

    findings: tuple[AnyFinding, ...]
    stakes: tuple[int, ...]
    left_out: int


def overview(tree: TraceTree, children: Children, self_ns: NDArray[np.int64]) -> Overview:
    """Return the findings: the error first, then by the time at stake."""
    calls = siblings(tree, children)
    slowest, service = bottleneck(tree, self_ns), heaviest_service(tree)
    kinds: list[list[Repetition] | list[Retry] | list[InARow] | list[Gap]] = [
        repetitions(tree, calls),
        retries(tree, calls),
        calls_in_a_row(tree, calls),
        gaps(tree, children, self_ns),
    ]
    ranked: list[tuple[int, AnyFinding]] = [
        (at_stake(finding), finding) for kind in kinds for finding in kind[:MOST_OF_A_KIND]
    ]
    if slowest is not None:
        ranked.append((slowest.self_ns, slowest))
        # Where the bottleneck is all that the service does, it is said already.
        if service is not None and service.row != slowest.row:
            ranked.append((slowest.self_ns, service))
    ranked.sort(key=lambda pair: (-pair[0], isinstance(pair[1], HeaviestService)))
    error = error_spread(tree)
    if error is not None:
        ranked.insert(0, (ERROR_STAKE, error))
    return Overview(
        findings=tuple(finding for _, finding in ranked),
        stakes=tuple(stake for stake, _ in ranked),
        left_out=sum(max(len(kind) - MOST_OF_A_KIND, 0) for kind in kinds),
    )


def at_stake(finding: Repetition | Retry | InARow | Gap) -> int:
    """Return the nanoseconds that a finding is about."""
    if isinstance(finding, Repetition):
        return finding.total_ns
    if isinstance(finding, Retry):
        return finding.lost_ns
    return finding.saved_ns if isinstance(finding, InARow) else finding.length_ns
