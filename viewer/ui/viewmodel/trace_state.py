"""What the address of a trace page says, and addresses for every next step from it.

The address is the whole state: view and its options, selected span, zoom, find term, filter,
collapsed subtrees. Parts that are malformed or stale are ignored and told in ``notes``
(`design/contract.md`, "Pages").
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from viewer.trace.ids import InvalidId, format_span_id, parse_span_id
from viewer.ui.viewmodel.only import NOTHING, Only, read_only

TIMELINE = "timeline"
SKEW = "skew"
"""What the parameter ``adjust`` says where times are adjusted for clock skew."""
MOST_COLLAPSED = 200
"""Every address of a page names them all, and a page has hundreds of addresses."""
_LONGEST_FIND = 500
_MOST_TERMS = 20
_TERM = re.compile(r'"([^"]+)"|(\S+)')
_LONGEST_OPTION = 1000
_NO_PANELS: Mapping[str, Sequence[str]] = {}
_ALL = "*"
# Those of every view; a few are for one request and no part of the state.
_PARAMETERS = frozenset(
    {"view", "span", "focus", "from", "to", "find", "uiFind", "only", "min", "service", "status"}
    | {"collapse", "unfold", "offset", "tz", "critical", "adjust", "near", "folded"}
)
_MOST_NAMED = 5
_COLLAPSED = ("A collapsed span", "collapsed spans are remembered; all are expanded")
_UNFOLDED = ("An unfolded span", "unfolded spans are remembered; all repeats are folded")


@dataclass(frozen=True, slots=True)
class TraceState:
    """``from_ns`` and ``to_ns`` are offsets from the trace's start, None = the whole trace.
    ``collapsed`` holds the collapsed spans or, with ``all_collapsed``, the ones that are not.
    Runs of repeated siblings are folded unless ``all_unfolded``; ``unfolded`` holds the first spans of
    those that are not. With a ``focus``, only that span and those below it are shown, and the zoom is
    of these. ``options`` are the view's own parameters that are set, in the order it declares them.
    ``critical`` says whether the critical path is marked, ``adjusted`` whether times are adjusted for
    clock skew."""

    path: str
    view: str = TIMELINE
    options: tuple[tuple[str, str], ...] = ()
    span: int | None = None
    focus: int | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    find: str = ""
    all_collapsed: bool = False
    collapsed: frozenset[int] = frozenset()
    all_unfolded: bool = False
    unfolded: frozenset[int] = frozenset()
    offset: int = 0
    utc: bool = False
    critical: bool = True
    adjusted: bool = False
    only: Only = NOTHING
    notes: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, str]:
        """Return the address's parameters, in a fixed order."""
        said = {
            "view": "" if self.view == TIMELINE else self.view,
            **dict(self.options),
            "span": format_span_id(self.span) if self.span else "",
            "focus": format_span_id(self.focus) if self.focus else "",
            "from": "" if self.from_ns is None else str(self.from_ns),
            "to": "" if self.to_ns is None else str(self.to_ns),
            "find": self.find,
            "only": self.only.text,
            "collapse": _set_text(self.all_collapsed, self.collapsed),
            "unfold": _ALL if self.all_unfolded else _set_text(False, self.unfolded),
            "offset": str(self.offset) if self.offset else "",
            "tz": "utc" if self.utc else "",
            "critical": "" if self.critical else "off",
            "adjust": SKEW if self.adjusted else "",
        }
        return {key: value for key, value in said.items() if value}

    @property
    def url(self) -> str:
        return _address(self.path, self.query)

    @property
    def terms(self) -> list[str]:
        """Return what is looked for: words, and phrases in quotes, any of which is to be found."""
        return [quoted or plain for quoted, plain in _TERM.findall(self.find)][:_MOST_TERMS]

    @property
    def rows_url(self) -> str:
        """Return where further rows of this view come from; a script adds the offset."""
        query = {key: value for key, value in self.query.items() if key != "offset"}
        return _address(f"{self.path}/rows", query)

    def option(self, name: str) -> str:
        """Return one of the view's own parameters, "" where it is not set."""
        return dict(self.options).get(name, "")

    def viewing(self, view: str, **options: str) -> "TraceState":
        """Return the state with another view, or this one with other options of its own."""
        kept = tuple((name, value) for name, value in options.items() if value)
        return replace(self, view=view, options=kept, offset=0)

    def selecting(self, span: int | None) -> "TraceState":
        """Return the state with this span selected; where it stands is up to the page."""
        return replace(self, span=span, offset=0)

    def focusing(self, span: int | None) -> "TraceState":
        """Return the state that shows only this span and those below it, or with None the whole."""
        shown = self if span is None else self.showing({span})
        return replace(shown, focus=span, from_ns=None, to_ns=None, offset=0)

    def zoomed(self, from_ns: int | None, to_ns: int | None) -> "TraceState":
        return replace(self, from_ns=from_ns, to_ns=to_ns)

    def finding(self, find: str) -> "TraceState":
        return replace(self, find=find, offset=0)

    def narrowed(self, only: Only) -> "TraceState":
        """Return the state with this filter."""
        return replace(self, only=only, offset=0)

    def at(self, offset: int) -> "TraceState":
        return replace(self, offset=offset)

    def collapsing_all(self, collapsed: bool) -> "TraceState":
        return replace(self, all_collapsed=collapsed, collapsed=frozenset(), offset=0)

    def marking_critical(self, marked: bool) -> "TraceState":
        """Return the state with the critical path marked or not; the rows stay where they are."""
        return replace(self, critical=marked)

    def adjusting(self, adjusted: bool) -> "TraceState":
        """Return the state with times adjusted for clock skew, or as they were sent."""
        return replace(self, adjusted=adjusted, offset=0)

    def toggling(self, span: int) -> "TraceState":
        """Return the state with this one span collapsed or expanded."""
        return replace(self, collapsed=self.collapsed ^ {span})

    def showing(self, spans: set[int]) -> "TraceState":
        """Return the state in which none of these spans is collapsed, and if that cannot be said in
        an address, none at all."""
        if not self.all_collapsed:
            return replace(self, collapsed=self.collapsed - spans)
        expanded = self.collapsed | spans
        if len(expanded) > MOST_COLLAPSED:
            return self.collapsing_all(False)
        return replace(self, collapsed=expanded)

    def folding_all(self, folded: bool) -> "TraceState":
        """Return the state with all repeated siblings folded, or none."""
        return replace(self, all_unfolded=not folded, unfolded=frozenset(), offset=0)

    def unfolding(self, firsts: set[int]) -> "TraceState":
        """Return the state with these runs unfolded, and if that cannot be said in an address, all."""
        unfolded = self.unfolded | firsts
        if len(unfolded) > MOST_COLLAPSED:
            return self.folding_all(False)
        return replace(self, unfolded=unfolded)

    def folding(self, first: int) -> "TraceState":
        """Return the state with this run folded again."""
        return replace(self, unfolded=self.unfolded - {first})


def read_state(
    path: str,
    arguments: Mapping[str, str],
    duration_ns: int,
    panels: Mapping[str, Sequence[str]] = _NO_PANELS,
) -> TraceState:
    """Return the state that a request's arguments say; never raises. ``panels`` are the views beside
    the timeline, each with the names of its options."""
    notes: list[str] = []
    from_ns, to_ns = _zoom(arguments, duration_ns, notes)
    all_collapsed, collapsed = _spans(arguments.get("collapse", ""), *_COLLAPSED, notes)
    all_unfolded, unfolded = _spans(arguments.get("unfold", ""), *_UNFOLDED, notes)
    view = arguments.get("view", TIMELINE)
    if view != TIMELINE and view not in panels:
        notes.append(f"There is no view “{view[:40]}”; this is the timeline.")
        view = TIMELINE
    if arguments.get("adjust", SKEW) != SKEW:
        notes.append(
            f"“adjust={arguments['adjust'][:40]}” is ignored: only {SKEW} can be adjusted."
        )
    _note_unknown(arguments, panels, notes)
    # uiFind is what Jaeger's links carry.
    find = (arguments.get("find") or arguments.get("uiFind") or "").strip()
    if len(find) > _LONGEST_FIND:
        notes.append(f"The find term is cut to {_LONGEST_FIND} characters.")
    return TraceState(
        path=path,
        view=view,
        options=tuple(
            (name, arguments[name][:_LONGEST_OPTION])
            for name in panels.get(view, ())
            if arguments.get(name)
        ),
        span=_span(arguments.get("span", ""), "No span is selected", notes),
        focus=_span(arguments.get("focus", ""), "The whole trace is shown", notes),
        from_ns=from_ns,
        to_ns=to_ns,
        find=find[:_LONGEST_FIND],
        only=read_only(arguments.get("only", ""), notes),
        all_collapsed=all_collapsed,
        collapsed=collapsed,
        all_unfolded=all_unfolded,
        unfolded=frozenset() if all_unfolded else unfolded,
        offset=_whole(arguments.get("offset", ""), "offset", notes) or 0,
        utc=arguments.get("tz", "").lower() == "utc",
        critical=arguments.get("critical", "").lower() != "off",
        adjusted=arguments.get("adjust") == SKEW,
        notes=tuple(notes),
    )


def _note_unknown(
    arguments: Mapping[str, str], panels: Mapping[str, Sequence[str]], notes: list[str]
) -> None:
    known = _PARAMETERS.union(*panels.values())
    unknown = sorted(name for name in arguments if name not in known)
    if unknown:
        named = ", ".join(f"“{name[:40]}”" for name in unknown[:_MOST_NAMED])
        rest = len(unknown) - _MOST_NAMED
        others = f" and {rest} more" if rest > 0 else ""
        notes.append(f"This page does not know {named}{others} of the address.")


def _address(path: str, query: Mapping[str, str]) -> str:
    # Commas and asterisks are legal in a query and keep collapse lists readable.
    return f"{path}?{urlencode(query, safe=',*:')}" if query else path


def _span(text: str, without: str, notes: list[str]) -> int | None:
    if not text:
        return None
    try:
        return parse_span_id(text)
    except InvalidId as error:
        notes.append(f"{without}: {error}.")
        return None


def _whole(text: str, name: str, notes: list[str]) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        notes.append(f"“{name}={text[:40]}” is ignored: it is no whole number.")
        return None
    return int(text)


def _zoom(
    arguments: Mapping[str, str], duration_ns: int, notes: list[str]
) -> tuple[int | None, int | None]:
    begin = _whole(arguments.get("from", ""), "from", notes)
    end = _whole(arguments.get("to", ""), "to", notes)
    if begin is None and end is None:
        return None, None
    low, high = begin or 0, duration_ns if end is None else min(end, duration_ns)
    if low >= high:
        notes.append("The zoom lies outside the trace; all of it is shown.")
        return None, None
    return low, high


def _set_text(everything: bool, spans: frozenset[int]) -> str:
    ids = (format_span_id(span) for span in sorted(spans))
    return ",".join([*([_ALL] if everything else []), *ids])


def _spans(text: str, name: str, too_many: str, notes: list[str]) -> tuple[bool, frozenset[int]]:
    parts = {part for part in text.split(",") if part}
    ids: set[int] = set()
    faults: list[str] = []
    for part in sorted(parts - {_ALL}):
        try:
            ids.add(parse_span_id(part))
        except InvalidId as error:
            faults.append(str(error))
    if faults:
        others = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        notes.append(f"{name} is ignored: {faults[0]}{others}.")
    if len(ids) > MOST_COLLAPSED:
        notes.append(f"Only {MOST_COLLAPSED} {too_many}.")
        return False, frozenset()
    return _ALL in parts, frozenset(ids)
