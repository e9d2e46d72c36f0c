"""What strangers may send, in every view: inert, folded, of bounded size, and quick."""

import time
from collections.abc import Callable

import pytest

from tests.builders import START_NS, TRACE_ID, a_span
from tests.ui.stage import HTML, a_client, a_store
from tests.ui.strict_html import StrictHtml
from viewer.trace.attributes import Value
from viewer.trace.span import Event, Link, Span
from viewer.ui.panels import PANELS
from viewer.ui.viewmodel.trace_state import MOST_COLLAPSED

SCRIPT = "<script>alert(1)</script>"
RTL = "\u202egnp.exe"
LONG = "漢<'\"&" * 20_000
MEGABYTE = "<&x" * 350_000
DEEP = "[" * 10_000 + "]" * 10_000
MOST_BYTES = 2_000_000
MOST_S = 1.0


def nested(levels: int) -> Value:
    value: Value = SCRIPT
    for _ in range(levels):
        value = [value]
    return value


def fields(count: int, value: Value = "v" * 250) -> dict[str, Value]:
    return {f"{'漢' * 40}{number}": value for number in range(count)}


def below(top: Span) -> list[Span]:
    """A span with a child of the same name, so that views have something to draw."""
    return [top, a_span(2, 1, name=top.name, service=top.service, duration_ns=1000)]


TRACES: dict[str, Callable[[], list[Span]]] = {
    "script": lambda: below(
        a_span(
            name=SCRIPT,
            service=SCRIPT,
            error=SCRIPT,
            attributes={SCRIPT: SCRIPT, "link": "javascript:alert(1)"},
            resource={SCRIPT: SCRIPT},
            events=[Event(START_NS, SCRIPT, ((SCRIPT, SCRIPT),))],
            links=[Link(TRACE_ID, 2, ((SCRIPT, SCRIPT),))],
        )
    ),
    "direction, NUL and surrogates": lambda: below(
        a_span(
            name=RTL,
            service=f"{RTL}\x00",
            error="\ud800",
            attributes={"\ud800": "\ud800", RTL: RTL, "nul": "a\x00b", "json": '["\\ud800"]' * 9},
            events=[Event(START_NS, "\x00\ud800", (("\udfff", "\udfff"),))],
        )
    ),
    "large values": lambda: below(
        a_span(error=MEGABYTE, attributes={f"key {n}": MEGABYTE for n in range(5)})
    ),
    "long names": lambda: below(
        a_span(
            name=LONG,
            service=LONG,
            error=LONG,
            attributes={LONG: LONG, f"{LONG}2": "x"},
            resource={LONG: LONG},
            events=[Event(START_NS, LONG, ((LONG, LONG),))] * 20,
        )
    ),
    "deep values": lambda: below(
        a_span(attributes={"text": DEEP, "value": nested(10_000), "object": '{"a":' * 10_000})
    ),
    "10,000 attributes": lambda: below(a_span(attributes=fields(10_000), resource=fields(10_000))),
    "10,000 events": lambda: below(
        a_span(
            events=[
                Event(START_NS + n, f"event {n}", tuple(fields(4).items())) for n in range(10_000)
            ]
        )
    ),
    "5,000 links": lambda: below(
        a_span(links=[Link(f"{n:032x}", n, tuple(fields(8).items())) for n in range(1, 5001)])
    ),
}
VIEWS = ("timeline", *(panel.name for panel in PANELS))


@pytest.mark.parametrize("trace", TRACES)
def test_every_view_is_inert_bounded_and_quick(trace: str) -> None:
    client = a_client(a_store(TRACES[trace]()))
    client.get(f"/trace/{TRACE_ID}", headers=HTML)
    for view in VIEWS:
        for query in ("span=1", "find=v&only=matches", "collapse=*", "focus=1&adjust=skew"):
            address = f"/trace/{TRACE_ID}?view={view}&{query}"
            # The processor's time: others may be at work at the same time.
            begun = time.thread_time()
            answer = client.get(address, headers=HTML)
            took = time.thread_time() - begun
            assert answer.status_code == 200, address
            assert len(answer.data) < MOST_BYTES, f"{address}: {len(answer.data):,} bytes"
            assert took < MOST_S, f"{address}: {took:.2f} s"
            assert SCRIPT not in answer.text
            page = StrictHtml(answer.text)
            assert not page.faults, (address, page.faults[:5])
            for tag, said in page.elements:
                assert tag != "script" or said["src"].startswith("/static/")
                assert not any(name.startswith("on") or name == "style" for name in said)
                assert not said.get("href", "").lower().startswith("javascript")
                assert len(said.get("title", "")) <= 1000, (address, tag)


@pytest.mark.parametrize("view", VIEWS)
def test_an_address_that_names_all_it_may_makes_no_large_page(view: str) -> None:
    pairs = range(1, MOST_COLLAPSED + 1)
    root = a_span(2**63, name="root", service="web")
    heads = [a_span(2 * n, 2**63, name=f"head {n}", service=f"s{n}") for n in pairs]
    leaves = [a_span(2 * n + 1, 2 * n, name=f"leaf {n}", service=f"s{n}") for n in pairs]
    client = a_client(a_store([root, *heads, *leaves]))
    named = ",".join(f"{2 * n:x}" for n in pairs)
    answer = client.get(f"/trace/{TRACE_ID}?view={view}&collapse={named}", headers=HTML)
    assert f"collapse=0000000000000002,{4:016x}" in answer.text
    assert len(answer.data) < MOST_BYTES
