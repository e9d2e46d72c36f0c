"""The other end of links, as the panel lists it."""

from tests.builders import START_NS, TRACE_ID
from viewer.store.base import Linking, LinkingSpan
from viewer.ui.viewmodel.back_links import back_links

OTHER = "0" * 16 + "ab" * 8


def test_each_leads_to_the_span_that_links() -> None:
    spans = (
        LinkingSpan(OTHER, 7, "batch", "consume", START_NS),
        LinkingSpan(TRACE_ID, 9, "", "", 0),
    )
    found = back_links(TRACE_ID, 5, Linking(2, spans), "utc")
    other, own = found.items
    assert other.url == f"/trace/{'ab' * 8}?span=0000000000000007&tz=utc"
    assert (other.trace_id, other.name, other.service) == ("ab" * 8, "consume", "batch")
    assert own.url == f"/trace/{TRACE_ID}?span=0000000000000009&tz=utc"
    assert (own.trace_id, own.name) == ("", "(no name)")
    assert found.span_url == f"/trace/{TRACE_ID}?span=0000000000000005&tz=utc"
    assert (found.total, found.more) == (2, "")


def test_the_others_are_counted_and_names_are_cut() -> None:
    spans = (LinkingSpan(OTHER, 7, "s" * 9_000, "n" * 9_000, START_NS),)
    found = back_links(TRACE_ID, 5, Linking(1_001, spans), "")
    assert found.more == "1,000 more spans link here."
    assert max(len(found.items[0].name), len(found.items[0].service)) <= 200
