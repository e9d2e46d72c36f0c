"""A trace as Jaeger's query service gives it out: what its adjusters do at query time
(`cmd/jaeger/internal/extension/jaegerquery/internal/adjuster/standard.go`), with the trace page's
own tree as the judge of who hangs below whom."""

import ipaddress
from collections.abc import Iterable
from dataclasses import replace

from viewer.store.base import SpanStore, StoredSpan
from viewer.trace.attributes import Attribute, Attributes
from viewer.trace.columns import columns_of_spans
from viewer.trace.ids import format_span_id
from viewer.trace.span import Resource, Span
from viewer.trace.tree import Oddity, TraceTree, build_tree

Adjusted = tuple[list[Span], dict[int, list[str]]]
_ADDRESSES = ("ip", "peer.ipv4")
_OF_RESOURCE = frozenset(
    {
        "telemetry.sdk.language",
        "telemetry.sdk.name",
        "telemetry.sdk.version",
        "telemetry.distro.name",
        "telemetry.distro.version",
    }
)
_ABSENT = -1


def load_adjusted(store: SpanStore, trace_id: str, now_ns: int) -> Adjusted | None:
    """Return a trace's spans and, by their position, the warnings about them; None if unknown.

    IDs are unique: the server half of a shared span, and any other re-used ID, gets the derived ID
    that the trace page shows, and children point at it. Parents that would close a circle are left
    out; absent ones stay. Attributes are sorted by key. Raises StoreError.
    """
    stored = store.get_spans(trace_id)
    if not stored:
        return None
    digests = [found.digest for found in stored]
    columns = columns_of_spans(trace_id, [found.span for found in stored], digests)
    tree = build_tree(columns, now_ns)
    row_of = {
        (int(span_id), int(digest)): row
        for row, (span_id, digest) in enumerate(
            zip(tree.columns.span_id, tree.columns.digest, strict=True)
        )
    }
    said = _warnings_by_row(tree)
    orphans = set(tree.rows_with(Oddity.ORPHAN).tolist())
    spans: list[Span] = []
    warnings: dict[int, list[str]] = {}
    for position, found in enumerate(stored):
        row = row_of[found.span.span_id, found.digest]
        span, conflicts = _with_own_resource(_placed(found, tree, row, row in orphans))
        spans.append(_tidy(span))
        about = [*said.get(row, ()), *conflicts]
        if about:
            warnings[position] = about
    return spans, warnings


def _placed(found: StoredSpan, tree: TraceTree, row: int, orphaned: bool) -> Span:
    parent = int(tree.parent[row])
    parent_id = found.span.parent_id if orphaned else 0
    if parent != _ABSENT:
        parent_id = int(tree.shown_id[parent])
    return replace(found.span, span_id=int(tree.shown_id[row]), parent_id=parent_id)


def _warnings_by_row(tree: TraceTree) -> dict[int, list[str]]:
    said: dict[int, list[str]] = {}
    for finding in tree.findings:
        for row in finding.rows.tolist():
            text = _warning(finding.oddity, tree, row)
            if text:
                said.setdefault(row, []).append(text)
    return said


def _warning(oddity: Oddity, tree: TraceTree, row: int) -> str:
    columns = tree.columns
    sent, parent = format_span_id(int(columns.span_id[row])), int(tree.parent[row])
    if oddity is Oddity.ORPHAN:
        parent_id = format_span_id(int(columns.parent_id[row]))
        return f"parent span {parent_id} is not in the trace"
    if oddity is Oddity.SELF_PARENT:
        return "the span names itself as its parent; shown as a root"
    if oddity is Oddity.CYCLE and parent == _ABSENT:
        return "the span's parents form a cycle, which was cut here"
    if oddity is Oddity.DUPLICATE_ID:
        return f"span ID {sent} is used by several spans of the trace"
    if oddity is Oddity.STARTS_EARLY:
        early_us = int(columns.start_ns[parent] - columns.start_ns[row]) / 1_000
        return f"starts {early_us:g}µs before its parent; clock skew is not adjusted"
    if oddity is Oddity.NO_START:
        return "the span has no start time"
    if oddity is Oddity.FAR_TIME:
        return "the span starts before 2000 or after tomorrow"
    return ""


def _with_own_resource(span: Span) -> tuple[Span, list[str]]:
    """Move what describes the SDK from the span to its resource; where both disagree the span's
    own is left where it is, with a warning."""
    own = [pair for pair in span.attributes if pair[0] in _OF_RESOURCE]
    if not own:
        return span, []
    of_resource = dict(span.resource.attributes)
    moved: list[Attribute] = []
    conflicts: list[str] = []
    for pair in own:
        key, value = pair
        if key in of_resource and of_resource[key] != value:
            conflicts.append(f"conflicting values between span and resource for attribute {key}")
            continue
        moved.append(pair)
        of_resource[key] = value
    resource = replace(span.resource, attributes=tuple(of_resource.items()))
    left = tuple(pair for pair in span.attributes if pair not in moved)
    return replace(span, resource=resource, attributes=left), conflicts


def _tidy(span: Span) -> Span:
    """Sort attributes by key, and write numeric IPv4 addresses with dots."""
    resource = span.resource
    return replace(
        span,
        attributes=_sorted(_dotted(pair) for pair in span.attributes),
        resource=Resource(resource.service, _sorted(resource.attributes), resource.schema_url),
        events=tuple(replace(event, attributes=_sorted(event.attributes)) for event in span.events),
        links=tuple(replace(link, attributes=_sorted(link.attributes)) for link in span.links),
    )


def _sorted(attributes: Iterable[Attribute]) -> Attributes:
    return tuple(sorted(attributes, key=lambda pair: pair[0]))


def _dotted(pair: Attribute) -> Attribute:
    key, value = pair
    if key in _ADDRESSES and isinstance(value, int) and not isinstance(value, bool):
        number = value & 0xFFFFFFFF
        if value in (number, number - (1 << 32)):
            return key, str(ipaddress.IPv4Address(number))
    return pair
