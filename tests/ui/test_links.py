"""Wherever one is in a trace, each next step is a page: every link of every view, on any trace."""

import random
import re
from html import unescape
from urllib.parse import urlsplit

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.builders import MS, START_NS, TRACE_ID, a_span
from tests.ui.stage import HTML, a_client, a_store
from tests.ui.strict_html import StrictHtml
from viewer.trace.span import Event, Link, Span, SpanKind
from viewer.ui.panels import PANELS

URL = f"/trace/{TRACE_ID}"
VIEWS = ("timeline", *(panel.name for panel in PANELS))
MOST_FOLLOWED = 12
_NAMES = ("GET /", "SELECT a, b", "100 % & more", "<b>", "", "漢字", "GET /")
_SERVICES = ("shop", "a,b", "50%", "", "x&y=z", "shop")


@st.composite
def forests(draw: st.DrawFn) -> list[Span]:
    """A few spans with parents of any kind: none, missing, their own, in a circle."""
    count = draw(st.integers(1, 14))
    numbers = st.integers(0, 2**32)
    return [
        a_span(
            number,
            draw(st.integers(0, count + 1)),
            name=draw(st.sampled_from(_NAMES)),
            service=draw(st.sampled_from(_SERVICES)),
            start_ns=draw(st.sampled_from([0, START_NS])) + number * MS,
            duration_ns=draw(numbers),
            error=draw(st.sampled_from([False, "no, never", False])),
            kind=draw(st.sampled_from(list(SpanKind))),
            attributes=draw(st.sampled_from([{}, {"a=b, c%": "d&e"}, {"n": 5}])),
            events=[Event(START_NS, "exception")] * draw(st.integers(0, 1)),
            links=[Link(TRACE_ID, draw(st.integers(1, count)))] * draw(st.integers(0, 1)),
        )
        for number in range(1, count + 1)
    ]


_STATES = st.lists(
    st.sampled_from(
        (
            "span=1", "span=3", "focus=1", "focus=2", "adjust=skew", "find=e", "find=GET+%26",
            "only=errors", "only=matches,min:1ms", "only=service:a%252Cb", "collapse=*",
            "collapse=1,2", "unfold=*", "tz=utc", "critical=off", "from=10&to=5000000",
            "by=a%3Db, c%25", "sort=-duration", "columns=n,a%3Db%252C c%2525", "filter=exc",
            "node=1", "as=jaeger", "page=2", "offset=75",
        )
    ),
    max_size=4,
)  # fmt: skip


def notes_of(text: str) -> set[str]:
    notes = re.findall(r'<p class="note" role="status">([^<]+)', text)
    return {note for note in notes if not note.startswith("Times of events are as they were sent")}


# Shrinking takes minutes: each step draws dozens of pages.
@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(forests(), _STATES, st.randoms(use_true_random=False))
def test_every_link_of_every_view_is_a_page(
    spans: list[Span], state: list[str], chance: random.Random
) -> None:
    client = a_client(a_store(spans))
    followed: set[str] = set()
    for view in VIEWS:
        address = f"{URL}?view={view}&{'&'.join(state)}"
        answer = client.get(address, headers=HTML)
        assert answer.status_code == 200, address
        page = StrictHtml(answer.text)
        assert not page.faults, (address, page.faults)
        links = sorted({unescape(link) for link in page.links if link.startswith(URL)} - followed)
        for link in chance.sample(links, min(len(links), MOST_FOLLOWED)):
            followed.add(link)
            reached = client.get(link, headers=HTML)
            assert reached.status_code == 200, (address, link)
            if "view=json" in link or urlsplit(link).path != URL:
                continue
            # No link of ours leads to what has to be said to be ignored.
            assert notes_of(reached.text) <= notes_of(answer.text), (address, link)
