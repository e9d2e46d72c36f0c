"""How many match, said with the rows or after them."""

from tests.builders import MS
from viewer.search.link import SearchFields
from viewer.store.base import TraceCounts
from viewer.ui.viewmodel.overview import Total, overview, overview_to_come

FIELDS = SearchFields(service="a b")


def total(counts: TraceCounts) -> str:
    return overview(FIELDS, counts, None, 63 * MS, is_late=True).total.text


def test_the_line_says_how_many_of_how_many_and_how_fast() -> None:
    said = total(TraceCounts(1284, 18_201, 8_412_345))
    assert said == "1,284 traces of 18,201 · 8.41 M spans searched · 63.0 ms"


def test_of_sampled_traces_it_says_how_many_there_were() -> None:
    said = total(TraceCounts(2, 2, 6, estimated_total=11.0))
    assert said.startswith("2 traces (sampled: about 11 before) of 2")
    assert "sampled" not in total(TraceCounts(2, 2, 6, estimated_total=2.0))


def test_what_is_still_to_come_says_from_where() -> None:
    coming = overview_to_come(FIELDS, 5 * MS)
    assert coming.url == "/search/totals?service=a+b"
    assert coming.search_url == "/search?service=a+b"
    assert coming.total == Total("", "First rows after 5.00 ms", False)


def test_an_estimate_is_called_one_and_leads_to_the_exact_count() -> None:
    counts = TraceCounts(1_234_567, 1_944_066, 50_000_000, one_in=64)
    estimated = overview(FIELDS, counts, None, 63 * MS, is_late=True).total
    assert estimated.text == (
        "About 1,200,000 traces of about 1,900,000, estimated from one trace in 64"
        " · 50.0 M spans searched · 63.0 ms"
    )
    assert estimated.exact_url == "/search/totals?service=a+b&totals=exact"
    assert not overview(FIELDS, TraceCounts(5, 5, 5), None, 1, is_late=True).total.exact_url
