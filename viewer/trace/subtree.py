"""A part of a trace as a trace of its own: a span and all below it."""

from viewer.trace.columns import TraceColumns
from viewer.trace.tree import Finding, TraceTree, time_bounds


def subtree(tree: TraceTree, row: int) -> TraceTree:
    """Return the tree below a row, which becomes its root. IDs are as in the whole; arrays share its
    memory, since a subtree is one stretch of rows."""
    end = int(tree.subtree_end[row])
    columns = tree.columns
    part = TraceColumns(
        trace_id=columns.trace_id,
        span_id=columns.span_id[row:end],
        parent_id=columns.parent_id[row:end],
        digest=columns.digest[row:end],
        kind=columns.kind[row:end],
        status=columns.status[row:end],
        start_ns=columns.start_ns[row:end],
        dur_ns=columns.dur_ns[row:end],
        service=columns.service[row:end],
        name=columns.name[row:end],
        services=columns.services,
        names=columns.names,
        weight=columns.weight,
        host=None if columns.host is None else columns.host[row:end],
        hosts=columns.hosts,
        stored_ns=columns.stored_ns,
    )
    parent = tree.parent[row:end] - row
    parent[0] = -1
    findings: list[Finding] = []
    for finding in tree.findings:
        rows = finding.rows[(finding.rows >= row) & (finding.rows < end)]
        if len(rows):
            findings.append(Finding(finding.oddity, len(rows), rows - row))
    start_ns, end_ns = time_bounds(part)
    return TraceTree(
        columns=part,
        parent=parent,
        depth=tree.depth[row:end] - tree.depth[row],
        subtree_end=tree.subtree_end[row:end] - row,
        shown_id=tree.shown_id[row:end],
        findings=tuple(findings),
        start_ns=start_ns,
        end_ns=end_ns,
    )
