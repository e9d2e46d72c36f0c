"""What the address of a comparison says, and addresses for every next step from it.

``/trace/{a}...{b}?show=&sort=&node=`` is the whole state. Parts that are malformed are ignored and
told in ``notes`` (`design/contract.md`, "Pages").
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from viewer.trace.ids import InvalidId, format_span_id, format_trace_id, parse_span_id

CHANGED = "changed"
SHOWS = (CHANGED, "all", "added", "removed", "slower", "faster")
TREE, DIFFERENCE = "tree", "difference"
_OTHER = {"a": "b", "b": "a"}


@dataclass(frozen=True, slots=True)
class NodeKey:
    """A node of the merged tree by any span of it: which trace has the span, and its shown ID."""

    side: str
    span: int

    @property
    def text(self) -> str:
        return f"{self.side}:{format_span_id(self.span)}"


@dataclass(frozen=True, slots=True)
class CompareState:
    """``a`` and ``b`` are stored trace IDs. ``node`` None = the root."""

    a: str
    b: str
    show: str = CHANGED
    sort: str = TREE
    node: NodeKey | None = None
    utc: bool = False
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return compare_path(self.a, self.b)

    @property
    def url(self) -> str:
        said = {
            "show": "" if self.show == CHANGED else self.show,
            "sort": "" if self.sort == TREE else self.sort,
            "node": "" if self.node is None else self.node.text,
            "tz": "utc" if self.utc else "",
        }
        query = {name: value for name, value in said.items() if value}
        return f"{self.path}?{urlencode(query, safe=':')}" if query else self.path

    def showing(self, show: str) -> "CompareState":
        return replace(self, show=show)

    def sorted_by(self, sort: str) -> "CompareState":
        return replace(self, sort=sort)

    def selecting(self, node: NodeKey) -> "CompareState":
        return replace(self, node=node)

    def without_node(self) -> "CompareState":
        """Return the state without a node that neither trace holds, and a note that says so."""
        gone = "" if self.node is None else self.node.text
        note = f"The root is shown: no span of these traces is {gone}."
        return replace(self, node=None, notes=(*self.notes, note))

    def swapped(self) -> "CompareState":
        """Return the state of the same view with the traces in each other's place."""
        show = {"added": "removed", "removed": "added", "slower": "faster", "faster": "slower"}
        node = self.node and NodeKey(_OTHER[self.node.side], self.node.span)
        return replace(self, a=self.b, b=self.a, node=node, show=show.get(self.show, self.show))


def compare_path(a: str, b: str) -> str:
    """Return the address of the comparison of two traces, by their stored IDs."""
    return f"/trace/{format_trace_id(a)}...{format_trace_id(b)}"


def read_compare_state(a: str, b: str, arguments: Mapping[str, str]) -> CompareState:
    """Return the state that a request's arguments say; never raises."""
    notes: list[str] = []
    show, sort = arguments.get("show") or CHANGED, arguments.get("sort") or TREE
    if show not in SHOWS:
        notes.append(f"“show={show[:40]}” is ignored: it is none of {', '.join(SHOWS)}.")
        show = CHANGED
    if sort not in (TREE, DIFFERENCE):
        notes.append(f"“sort={sort[:40]}” is ignored: it is neither {TREE} nor {DIFFERENCE}.")
        sort = TREE
    return CompareState(
        a=a,
        b=b,
        show=show,
        sort=sort,
        node=_node(arguments.get("node", ""), notes),
        utc=arguments.get("tz", "").lower() == "utc",
        notes=tuple(notes),
    )


def _node(text: str, notes: list[str]) -> NodeKey | None:
    if not text:
        return None
    side, colon, span = text.partition(":")
    if not colon:
        side, span = "a", text
    if side not in _OTHER:
        notes.append(f"“node={text[:40]}” is ignored: it begins with neither a: nor b:.")
        return None
    try:
        return NodeKey(side, parse_span_id(span))
    except InvalidId as error:
        notes.append(f"The root is shown: {error}.")
        return None
