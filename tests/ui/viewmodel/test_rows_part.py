"""Parts of a list: together they are what one page of all rows would be."""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.builders import MS, START_NS, a_trace
from tests.ui.stage import NOW_NS, a_store
from viewer.search.link import read_link
from viewer.store.memory import MemoryStore
from viewer.ui.viewmodel.result_rows import ResultRow, RowScale
from viewer.ui.viewmodel.rows_part import (
    ROWS_AT_ONCE,
    Continued,
    RowsPart,
    address_with_shown,
    query_of_first_part,
    query_of_part,
    read_continued,
    rows_part,
)

DAY_NS = 86_400 * 1000 * MS
COUNT = 2 * ROWS_AT_ONCE + 50


def a_full_store() -> MemoryStore:
    """Return a store whose longest trace starts last but one, over three days."""
    return a_store(
        *(
            a_trace(
                number,
                spans=1,
                start_ns=START_NS + number * DAY_NS * 3 // COUNT,
                duration_ns=1000 * MS if number == COUNT - 1 else MS * (1 + number % 100),
            )
            for number in range(1, COUNT + 1)
        )
    )


def first_part(store: MemoryStore, now_ns: int = NOW_NS, **asked: str) -> RowsPart:
    link = read_link({name: [text] for name, text in asked.items()}, now_ns)
    page = store.find_traces(query_of_first_part(link.query, asked))
    return rows_part(link, page, now_ns)


def part_of(store: MemoryStore, address: str, now_ns: int = NOW_NS) -> RowsPart:
    parts = urlsplit(address)
    assert parts.path == "/search/rows"
    arguments = parse_qs(parts.query)
    link = read_link(arguments, now_ns)
    last = {name: values[-1] for name, values in arguments.items()}
    continued = read_continued(last, link.fields.limit)
    page = store.find_traces(query_of_part(link.query, continued))
    return rows_part(link, page, now_ns, continued)


def all_parts(store: MemoryStore, **asked: str) -> list[RowsPart]:
    parts = [first_part(store, **asked)]
    while (more := parts[-1].more) is not None:
        parts.append(part_of(store, more.part_url))
    return parts


def rows_of(parts: list[RowsPart]) -> list[ResultRow]:
    return [row for part in parts for row in part.rows]


@pytest.mark.parametrize("sort", ["newest", "oldest", "longest", "shortest", "most-spans"])
def test_all_parts_together_are_the_whole_list(sort: str) -> None:
    store = a_full_store()
    (whole,) = all_parts(store, limit="1000", sort=sort, shown="1000")
    parts = all_parts(store, limit="1000", sort=sort)
    assert [len(part.rows) for part in parts] == [ROWS_AT_ONCE, ROWS_AT_ONCE, 50]
    assert rows_of(parts) == list(whole.rows)
    assert len(whole.rows) == COUNT


def test_bars_and_days_are_right_where_parts_meet() -> None:
    rows = rows_of(all_parts(a_full_store(), limit="1000", sort="oldest"))
    assert [row.bar_width for row in rows].count("100.00%") == 1
    assert rows[0].bar_width == "0.40%"
    assert sum(not row.same_day for row in rows) == 4


def test_the_page_behind_is_offered_with_the_last_part_only() -> None:
    limit = ROWS_AT_ONCE + 10
    first, last = all_parts(a_full_store(), limit=str(limit), sort="oldest")
    assert first.more is not None
    assert (first.more.label, first.more.left) == ("Next 10", "of 10 more")
    assert (first.next_page.url, first.next_page.is_late) == ("", False)
    assert (last.more, last.next_page.is_late) == (None, True)
    link = read_link(parse_qs(urlsplit(last.next_page.url).query), NOW_NS)
    rest = a_full_store().find_traces(link.query)
    assert rest.traces[0].trace_id == f"{limit + 1:032x}"


def test_without_script_the_link_leads_to_a_page_that_begins_behind_the_last_row() -> None:
    first = first_part(a_full_store(), limit="1000", sort="oldest")
    assert first.more is not None
    assert (first.more.label, first.more.left) == ("Next 200", "of 250 more")
    asked = {name: last for name, (last,) in parse_qs(urlsplit(first.more.url).query).items()}
    second = first_part(a_full_store(), **asked)
    assert second.rows[0].trace_id == f"{ROWS_AT_ONCE + 1:016x}"


def test_what_comes_in_meanwhile_neither_doubles_nor_hides_a_row() -> None:
    store = a_full_store()
    before = rows_of(all_parts(store, limit="1000"))
    first = first_part(store, limit="1000")
    newer = a_store(*(a_trace(5000 + number, start_ns=NOW_NS) for number in range(30)))
    store._rows.update(newer._rows)
    assert first.more is not None
    second = part_of(store, first.more.part_url)
    assert [*first.rows, *second.rows] == before[: 2 * ROWS_AT_ONCE]


def test_a_relative_time_range_does_not_move_between_parts() -> None:
    traces = (
        a_trace(number, start_ns=NOW_NS - (300 - number) * 1000 * MS) for number in range(1, 301)
    )
    store = a_store(*traces)
    first = first_part(store, limit="1000", lookback="5m")
    assert first.more is not None
    later = part_of(store, first.more.part_url, now_ns=NOW_NS + 60_000 * MS)
    assert len(first.rows) + len(later.rows) == 300


def test_numbers_that_are_none_count_as_absent() -> None:
    for bad in ("", "x", "-1", "²", "9" * 30):
        assert read_continued({"rest": bad, "longest": bad}, 300) == Continued(300, None)
    found = read_continued({"rest": "99999999", "longest": "9" * 19, "dated": "1"}, 300)
    assert found == Continued(300, RowScale((1 << 63) - 1, True))


def test_a_part_whose_address_says_no_scale_is_measured_by_what_is_left() -> None:
    store = a_full_store()
    first = first_part(store, limit="400", sort="oldest")
    assert first.more is not None
    address = first.more.part_url.partition("&longest=")[0]
    assert "100.00%" in [row.bar_width for row in part_of(store, address).rows]


def test_the_address_tells_how_many_rows_are_shown_once() -> None:
    first = first_part(a_full_store(), limit="1000")
    assert first.more is not None
    second = part_of(a_full_store(), first.more.part_url)
    address = address_with_shown("/search?limit=1000&shown=200&tags=a%3Db", second, 1000)
    assert address == "/search?limit=1000&tags=a%3Db&shown=400"
    again = first_part(a_full_store(), limit="1000", shown="400")
    assert len(again.rows) == 400
    assert again.more is not None
    assert again.more.rest == 600


@pytest.mark.parametrize("shown", ["0", "7", "x", "99999999"])
def test_no_address_shows_more_rows_than_were_asked_for_or_fewer_than_a_part(shown: str) -> None:
    found = first_part(a_full_store(), limit="300", shown=shown)
    assert len(found.rows) == (300 if shown == "99999999" else ROWS_AT_ONCE)
