"""All of the trace page below the top bar, as one partial: header, timeline and detail panel."""

from dataclasses import dataclass

from viewer.ui.viewmodel.call_graph import Graph
from viewer.ui.viewmodel.findings import Findings
from viewer.ui.viewmodel.flame import Flame
from viewer.ui.viewmodel.focus_bar import FocusBar
from viewer.ui.viewmodel.json_view import JsonView
from viewer.ui.viewmodel.late_spans import LateNotice
from viewer.ui.viewmodel.logs import Logs
from viewer.ui.viewmodel.span_detail import SpanDetail
from viewer.ui.viewmodel.spans import Spans
from viewer.ui.viewmodel.statistics import Statistics
from viewer.ui.viewmodel.timeline import Timeline
from viewer.ui.viewmodel.trace_header import TraceHeader


@dataclass(frozen=True, slots=True)
class TraceView:
    """``focus_bar`` is there if only a part is shown, of ``timeline`` and the fields below it one.
    ``detail`` is of the selected span, None without one; ``late_notice`` is there where more spans
    may arrive; ``notes`` tell what of the address is ignored, where the view itself does not."""

    header: TraceHeader
    detail: SpanDetail | None
    focus_bar: FocusBar | None = None
    timeline: Timeline | None = None
    flame: Flame | None = None
    graph: Graph | None = None
    json: JsonView | None = None
    spans: Spans | None = None
    statistics: Statistics | None = None
    findings: Findings | None = None
    logs: Logs | None = None
    late_notice: LateNotice | None = None
    notes: tuple[str, ...] = ()
