"""Addresses of searches, ours and Jaeger's, read and written."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.search.link import (
    SearchLink,
    pinned,
    read_cursor,
    read_link,
    with_fixed_start,
    write_cursor,
    write_link,
    write_tags,
)
from viewer.search.parse import QueryError, parse_tags
from viewer.search.query import Cursor, Sort, TraceQuery

NOW_NS = 1_700_000_000_000_000_000
HOUR_NS = 3_600_000_000_000


def read(query: str) -> SearchLink:
    return read_link(parse_qs(query, keep_blank_values=True), NOW_NS)


def test_an_empty_address_asks_for_everything() -> None:
    link = read("")
    assert link.query == TraceQuery()
    assert not link.errors
    assert not link.fields.has_conditions


def test_a_link_of_jaeger_asks_the_same_here() -> None:
    link = read(
        "end=1700000000000000&limit=20&lookback=1h&maxDuration&minDuration=1.2s&operation=GET%20%2F"
        "&service=shop&start=1699996400000000&tags=%7B%22error%22%3A%22true%22%7D"
    )
    assert link.query == TraceQuery(
        service="shop",
        operation="GET /",
        tags=(("error", "true"),),
        min_span_ns=1_200_000_000,
        start_ns=1_699_996_400_000_000_000,
        end_ns=NOW_NS,
    )
    assert not link.errors
    assert not link.ignored


def test_jaegers_words_for_any_are_no_conditions() -> None:
    query = read("service=__all_services__&operation=all").query
    assert (query.service, query.operation) == (None, None)


def test_jaegers_older_tags_are_read_too() -> None:
    link = read("tag=http.status_code:504&tag=url:http://x/y&tags=a%3Db")
    assert link.query.tags == (("a", "b"), ("http.status_code", "504"), ("url", "http://x/y"))
    assert link.fields.tags == "a=b http.status_code=504 url=http://x/y"


def test_the_times_in_a_link_win_over_its_look_back() -> None:
    link = read("lookback=1h&start=1000&end=2000")
    assert (link.query.start_ns, link.query.end_ns) == (1_000_000, 2_000_000)
    assert link.fields.lookback == "custom"


def test_a_look_back_ends_open_so_that_fast_clocks_hide_nothing() -> None:
    query = read("lookback=1h").query
    assert (query.start_ns, query.end_ns) == (NOW_NS - HOUR_NS, None)


def test_durations_apply_to_the_span_or_to_the_trace() -> None:
    assert read("minDuration=1s&maxDuration=2s").query.max_span_ns == 2_000_000_000
    query = read("minDuration=1s&durationOf=trace").query
    assert (query.min_span_ns, query.min_trace_ns) == (None, 1_000_000_000)


def test_the_forms_own_times_are_utc_where_they_name_no_zone() -> None:
    link = read("lookback=custom&from=2023-11-14T22:13:20.000001&to=2023-11-14T23:13:21%2B01:00")
    assert link.query.start_ns == NOW_NS + 1_000
    assert link.query.end_ns == NOW_NS + 1_000_000_000
    assert link.fields.start == "1700000000000001"


def test_a_chosen_look_back_wins_over_times_left_in_the_form() -> None:
    assert read("lookback=1h&from=2020-01-01T00:00").query.start_ns == NOW_NS - HOUR_NS


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("minDuration=fast", "minDuration"),
        ("maxDuration=12", "maxDuration"),
        ("minDuration=2s&maxDuration=1s", "maxDuration"),
        ("start=yesterday", "start"),
        ("start=2000&end=1000", "end"),
        ("from=tomorrow", "from"),
        ("lookback=long", "lookback"),
        ("limit=0", "limit"),
        ("limit=1501", "limit"),
        ("limit=ten", "limit"),
        ("sort=random", "sort"),
        ("status=maybe", "status"),
        ("tags=%22open", "tags"),
        ("tag=nothing", "tag"),
        ("after=here", "after"),
        ("durationOf=life", "durationOf"),
        ("service=" + "x" * 2000, "service"),
    ],
)
def test_what_cannot_be_read_is_named_and_left_out(query: str, name: str) -> None:
    link = read(query)
    assert set(link.errors) == {name}


def test_a_wrong_value_stays_in_its_field_to_be_mended() -> None:
    fields = read("minDuration=fast&tags=%22open").fields
    assert (fields.min_duration, fields.tags) == ("fast", '"open')


def test_unknown_parameters_are_named() -> None:
    assert read("service=a&uiEmbed=v0&q=x").ignored == ("q", "uiEmbed")


def test_the_address_leaves_out_what_is_empty_or_usual() -> None:
    link = read("service=&operation=&limit=20&sort=newest&lookback=&durationOf=trace&status=any")
    assert write_link(link.fields) == "/search"


def test_a_look_back_is_pinned_to_the_times_that_it_means_now() -> None:
    link = read("service=a&lookback=1h")
    fixed = pinned(link.fields, link.query, NOW_NS)
    assert write_link(fixed) == "/search?service=a&start=1699996400000000&end=1700000000000000"


def test_a_list_that_goes_on_keeps_where_its_look_back_began_and_stays_open() -> None:
    link = read_link({"lookback": ["1h"]}, NOW_NS + 999)
    fixed = with_fixed_start(link.fields, link.query)
    again = read_link(parse_qs(urlsplit(write_link(fixed)).query), NOW_NS + HOUR_NS)
    assert (again.query.start_ns, again.query.end_ns) == (link.query.start_ns, None)
    assert with_fixed_start(again.fields, again.query) == again.fields


def test_a_search_without_look_back_is_its_own_permalink() -> None:
    link = read("service=a&start=1000")
    assert pinned(link.fields, link.query, NOW_NS) == link.fields


@given(st.integers(0, 2**60), st.integers(0, 2**60), st.integers(1, 2**128 - 1))
def test_a_place_in_the_results_survives_its_address(key: int, start: int, trace: int) -> None:
    cursor = Cursor(key, start, f"{trace:032x}")
    assert read_cursor(write_cursor(cursor)) == cursor


@given(st.text(max_size=30))
def test_no_text_breaks_the_reading_of_a_place(text: str) -> None:
    with suppress(QueryError):
        assert read_cursor(text).trace_id


# Durations and times are the parsers' own matter; here any mix of texts under any name.
NAMES = ("service", "operation", "tags", "tag", "minDuration", "lookback", "start", "from", "limit")


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.text(max_size=12), max_size=3)))
def test_no_address_is_an_error(arguments: Mapping[str, Sequence[str]]) -> None:
    link = read_link(arguments, NOW_NS)
    assert write_link(link.fields).startswith("/search")


PAIRS = st.tuples(
    st.text('ab=" \\é', min_size=1, max_size=6), st.text('ab=" \\{é', max_size=6)
).filter(lambda pair: bool(pair[0].strip()))


@given(st.lists(PAIRS, max_size=4))
def test_tags_survive_the_form(pairs: list[tuple[str, str]]) -> None:
    assert parse_tags(write_tags(pairs)) == tuple(pairs)


@given(
    st.text("abc /", max_size=6).map(str.strip),
    st.sampled_from(Sort),
    st.sampled_from(["", "1.2s", "15ms"]),
    st.sampled_from(["", "1h", "2d"]),
    st.booleans(),
)
def test_an_address_means_the_same_when_it_is_read_again(
    service: str, sort: Sort, low: str, lookback: str, errors: bool
) -> None:
    status = "error" if errors else "any"
    first = read_link(
        {
            "service": [service],
            "sort": [sort.value],
            "minDuration": [low],
            "lookback": [lookback],
            "status": [status],
        },
        NOW_NS,
    )
    again = read(urlsplit(write_link(first.fields)).query)
    assert (again.query, again.fields) == (first.query, first.fields)


def test_exact_totals_are_part_of_the_address_and_no_condition() -> None:
    link = read_link({"totals": ["exact"], "service": ["a"]}, 0)
    assert write_link(link.fields) == "/search?service=a&totals=exact"
    assert not read_link({"totals": ["exact"]}, 0).fields.has_conditions
    assert read_link({"totals": ["nearly"]}, 0).fields.totals == ""
