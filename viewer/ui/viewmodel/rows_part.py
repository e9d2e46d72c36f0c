"""A long list of results in parts: the first rows, and where and how the list goes on.

A page has as many rows as were asked for, but sends the first ROWS_AT_ONCE; the others follow, as
many at a time, when they are scrolled to. A part's address says where it begins by the trace above
it, not by a number, so that what comes in meanwhile neither doubles nor hides a row. It carries how
many rows are left and what all rows are measured by, so that every part draws to the first's scale. The
page's own address says how many rows it shows by then, so that Back and Reload find them all there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode, urlsplit

from viewer.search.link import SearchFields, SearchLink, with_fixed_start, write_cursor, write_link
from viewer.search.query import MAX_LIMIT, Cursor, TraceQuery
from viewer.store.base import TracePage, cursor_of
from viewer.ui.filters import format_count
from viewer.ui.viewmodel.result_rows import ResultRow, RowScale, result_rows, row_scale

ROWS_AT_ONCE = 200
_LONGEST_NS = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class MoreRows:
    """Where the list goes on: ``part_url`` has what takes this element's place, ``url`` is a page
    that begins there, for those without script. ``left`` says how many rows of how many come."""

    rest: int
    label: str
    left: str
    url: str
    part_url: str


@dataclass(frozen=True, slots=True)
class NextPage:
    """The page behind all rows that were asked for; no ``url`` while some of these are to come, or
    where there is none. ``is_late`` when it arrives with a later part, for its place on the page."""

    url: str
    label: str
    is_late: bool


@dataclass(frozen=True, slots=True)
class RowsPart:
    """Rows that follow one another, and what follows them. ``rest`` is how many rows were to come,
    these included; it names the element."""

    rest: int
    rows: tuple[ResultRow, ...]
    more: MoreRows | None
    next_page: NextPage


@dataclass(frozen=True, slots=True)
class Continued:
    """What a later part knows of its list: how many rows are left of those asked for, and their
    scale, None where its address does not say (then it is that of what is left)."""

    rest: int
    scale: RowScale | None


def read_continued(arguments: Mapping[str, str], limit: int) -> Continued:
    """Read what a part's address says beside the search. Never raises: a number that is none of
    ours counts as absent."""
    rest, longest = (
        _number(arguments, "rest", MAX_LIMIT),
        _number(arguments, "longest", _LONGEST_NS),
    )
    scale = None if longest is None else RowScale(longest, arguments.get("dated") == "1")
    return Continued(min(rest or limit, limit), scale)


def query_of_part(query: TraceQuery, continued: Continued) -> TraceQuery:
    """Return the query for a later part of a search's list."""
    return replace(query, limit=continued.rest, head=ROWS_AT_ONCE)


def query_of_first_part(query: TraceQuery, arguments: Mapping[str, str]) -> TraceQuery:
    """Return the query for the first part: longer where the address says that more were shown."""
    return replace(query, head=max(_number(arguments, "shown", MAX_LIMIT) or 0, ROWS_AT_ONCE))


def address_with_shown(path: str, part: RowsPart, limit: int) -> str:
    """Return the address of a search page (path and query) that has got one more part."""
    shown = limit - part.rest + len(part.rows)
    parts = urlsplit(path)
    pairs = [pair for pair in parse_qsl(parts.query) if pair[0] != "shown"]
    return f"{parts.path}?{urlencode([*pairs, ('shown', shown)])}"


def rows_part(
    link: SearchLink, page: TracePage, now_ns: int, continued: Continued | None = None
) -> RowsPart:
    """Return what a page found by one of these queries shows."""
    fields = with_fixed_start(link.fields, link.query)
    rest, scale, above_ns = fields.limit, None, None
    if continued is not None:
        rest, scale = continued.rest, continued.scale
        above_ns = link.query.after.start_ns if link.query.after else None
    scale = scale or row_scale(page.extent, fields.sort)
    more, after = None, page.next
    if page.extent.traces > len(page.traces):
        begin = cursor_of(fields.sort, page.traces[-1])
        left = page.extent.traces - len(page.traces)
        more, after = _more(fields, begin, rest - len(page.traces), left, scale), None
    return RowsPart(
        rest=rest,
        rows=result_rows(page.traces, link, scale, now_ns, above_ns=above_ns),
        more=more,
        next_page=NextPage(
            url=_behind(fields, after) if after else "",
            label=f"Next {format_count(fields.limit)}",
            is_late=continued is not None,
        ),
    )


def _more(fields: SearchFields, begin: Cursor, rest: int, left: int, scale: RowScale) -> MoreRows:
    url = _behind(fields, begin)
    carried = {"rest": rest, "longest": scale.longest_ns, "dated": int(scale.dated)}
    return MoreRows(
        rest=rest,
        label=f"Next {format_count(min(left, ROWS_AT_ONCE))}",
        left=f"of {format_count(left)} more",
        url=url,
        part_url=f"/search/rows?{url.partition('?')[2]}&{urlencode(carried)}",
    )


def _behind(fields: SearchFields, cursor: Cursor) -> str:
    return write_link(replace(fields, after=write_cursor(cursor)))


def _number(arguments: Mapping[str, str], name: str, most: int) -> int | None:
    text = arguments.get(name, "")
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    return min(int(text), most) if is_number else None
