"""TraceColumns: what drawing and analysing one whole trace needs, a NumPy array per column.

Attributes, events and links stay in the store: they are fetched for the spans a person looks at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viewer.trace.attributes import show_value
from viewer.trace.span import Resource, Span

_HOST_KEYS = ("host.id", "host.ip", "host.name")


@dataclass(frozen=True, slots=True)
class TraceColumns:
    """The spans of one trace in any order, as stored (re-deliveries may still be in it).

    ``service`` and ``name`` index into ``services`` and ``names``. ``digest`` tells spans of one ID
    apart by content: two rows with equal span ID and digest are one span delivered twice.
    ``weight`` is how many traces this one stands for. ``host`` indexes into ``hosts`` ("" = not
    known); it is None where no host is known. ``stored_ns`` is when the last of them was stored.
    """

    trace_id: str
    span_id: NDArray[np.uint64]
    parent_id: NDArray[np.uint64]
    digest: NDArray[np.uint32]
    kind: NDArray[np.uint8]
    status: NDArray[np.uint8]
    start_ns: NDArray[np.int64]
    dur_ns: NDArray[np.int64]
    service: NDArray[np.int32]
    name: NDArray[np.int32]
    services: Sequence[str]
    names: Sequence[str]
    weight: float = 1.0
    host: NDArray[np.int32] | None = None
    hosts: Sequence[str] = ("",)
    stored_ns: int = 0

    def __len__(self) -> int:
        return len(self.span_id)


def columns_of_spans(trace_id: str, spans: Iterable[Span], digests: Sequence[int]) -> TraceColumns:
    """Return the columns of span objects; ``digests`` has one content digest (32 bits) a span."""
    rows = list(spans)
    services: dict[str, int] = {}
    names: dict[str, int] = {}
    hosts: dict[str, int] = {"": 0}
    of_resource = {id(span.resource): span.resource for span in rows}
    host_of_resource = {key: host_of(said) for key, said in of_resource.items()}
    host = [hosts.setdefault(host_of_resource[id(span.resource)], len(hosts)) for span in rows]
    service = [services.setdefault(span.service, len(services)) for span in rows]
    name = [names.setdefault(span.name, len(names)) for span in rows]
    return TraceColumns(
        trace_id=trace_id,
        span_id=np.array([span.span_id for span in rows], np.uint64),
        parent_id=np.array([span.parent_id for span in rows], np.uint64),
        digest=np.array(digests, np.uint32),
        kind=np.array([span.kind for span in rows], np.uint8),
        status=np.array([span.status.code for span in rows], np.uint8),
        start_ns=np.array([span.start_ns for span in rows], np.int64),
        dur_ns=np.array([span.duration_ns for span in rows], np.int64),
        service=np.array(service, np.int32),
        name=np.array(name, np.int32),
        services=tuple(services),
        names=tuple(names),
        host=np.array(host, np.int32) if len(hosts) > 1 else None,
        hosts=tuple(hosts),
    )


def host_of(resource: Resource) -> str:
    """Return what tells a resource's host from others, as Jaeger chooses it: the host's ID, else its
    first address, else its name; "" where none is given."""
    said = dict(resource.attributes)
    for key in _HOST_KEYS:
        value = said.get(key)
        if isinstance(value, list | tuple):
            value = value[0] if value else None
        if value not in (None, ""):
            return show_value(value)
    return ""
