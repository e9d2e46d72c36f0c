"""The address is the state: there and back again, and whatever else stands in an address is told."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.ui.viewmodel.only import Only
from viewer.ui.viewmodel.trace_state import MOST_COLLAPSED, TIMELINE, TraceState, read_state

PATH = "/trace/0af7651916cd43dd8448eb211c80319c"
DURATION = 10**12
PANELS = {"pie": (), "table": ("by", "sort")}
_IDS = st.integers(1, 2**64 - 1)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(str.strip)
_ONLY = st.builds(
    lambda least, names, errors, matches: Only(
        errors, matches, *least, services=tuple(sorted(names))
    ),
    st.sampled_from([("", 0), ("100ms", 10**8), ("1.5us", 1500), ("2h", 7200 * 10**9)]),
    st.sets(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=20),
    st.booleans(),
    st.booleans(),
)


@st.composite
def states(draw: st.DrawFn) -> TraceState:
    zoom: tuple[int | None, int | None] = (None, None)
    if draw(st.booleans()):
        low = draw(st.integers(0, DURATION - 1))
        zoom = low, draw(st.integers(low + 1, DURATION))
    view = draw(st.sampled_from([TIMELINE, *PANELS]))
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    options = {name: draw(texts) for name in PANELS.get(view, ())}
    all_unfolded = draw(st.booleans())
    return TraceState(
        PATH,
        view=view,
        options=tuple((name, text) for name, text in options.items() if text),
        span=draw(st.none() | _IDS),
        focus=draw(st.none() | _IDS),
        from_ns=zoom[0],
        to_ns=zoom[1],
        find=draw(_TEXTS),
        all_collapsed=draw(st.booleans()),
        collapsed=frozenset(draw(st.sets(_IDS, max_size=5))),
        all_unfolded=all_unfolded,
        unfolded=frozenset() if all_unfolded else frozenset(draw(st.sets(_IDS, max_size=5))),
        offset=draw(st.integers(0, 10**18)),
        utc=draw(st.booleans()),
        critical=draw(st.booleans()),
        adjusted=draw(st.booleans()),
        only=draw(_ONLY),
    )


def read(address: str, duration_ns: int = DURATION) -> TraceState:
    parts = urlsplit(address)
    return read_state(parts.path, dict(parse_qsl(parts.query)), duration_ns, PANELS)


def said(**arguments: str) -> TraceState:
    return read_state(PATH, arguments, DURATION)


@given(states())
def test_every_state_survives_its_address(state: TraceState) -> None:
    assert read(state.url) == state


@given(states())
def test_further_rows_are_of_the_same_view_from_its_beginning(state: TraceState) -> None:
    rows = read(state.rows_url)
    assert rows.path == PATH + "/rows"
    assert (rows.find, rows.collapsed, rows.all_collapsed) == (
        state.find,
        state.collapsed,
        state.all_collapsed,
    )
    assert rows.offset == 0


_ANYTHING = st.text(max_size=30) | st.sampled_from(
    ["-1", "0", "1e9", "9" * 19, "9" * 30, "*", "*,*", "zz", "0" * 16, "f" * 17, "²", "٣", "\x00"]
)
_NAMES = (
    "span",
    "from",
    "to",
    "find",
    "uiFind",
    "collapse",
    "unfold",
    "offset",
    "tz",
    "view",
    "near",
    "focus",
    "critical",
    "x",
)


@given(st.dictionaries(st.sampled_from(_NAMES), _ANYTHING), st.integers(0, 2**63))
def test_no_address_is_an_error(arguments: dict[str, str], duration_ns: int) -> None:
    state = read_state(PATH, arguments, duration_ns)
    if state.from_ns is not None:
        assert state.to_ns is not None
        assert 0 <= state.from_ns < state.to_ns <= duration_ns
    assert state.offset >= 0
    assert len(state.find) <= 500
    state.url.encode("ascii")


@pytest.mark.parametrize(
    ("name", "value", "note"),
    [
        ("span", "xyz", "No span is selected: 'xyz' is no span ID"),
        ("span", "0000", "zeros only"),
        ("focus", "xyz", "The whole trace is shown: 'xyz' is no span ID"),
        ("from", "-5", "“from=-5” is ignored: it is no whole number."),
        ("to", "1.5", "“to=1.5” is ignored"),
        ("offset", "ten", "“offset=ten” is ignored"),
        ("offset", "9" * 20, "is ignored"),
        ("from", str(DURATION), "The zoom lies outside the trace"),
        ("collapse", "zz,1", "A collapsed span is ignored: 'zz' is no span ID"),
        ("unfold", "zz,1", "An unfolded span is ignored: 'zz' is no span ID"),
        ("view", "cake", "There is no view “cake”"),
        ("find", "x" * 501, "cut to 500"),
    ],
)
def test_what_cannot_be_read_is_told(name: str, value: str, note: str) -> None:
    (told,) = said(**{name: value}).notes
    assert note in told
    assert len(told) < 200


def test_of_many_malformed_spans_one_is_named_and_the_good_ones_count() -> None:
    state = said(collapse="a,b,x,yy,zzz,*")
    (told,) = state.notes
    assert "'x' is no span ID" in told
    assert "and 2 more" in told
    assert state.collapsed == {0xA, 0xB}
    assert state.all_collapsed


def test_a_zoom_is_cut_to_the_trace() -> None:
    state = said(**{"from": "5", "to": "9" * 19})
    assert (state.from_ns, state.to_ns) == (5, DURATION)
    assert not state.notes
    half = said(to="7")
    assert (half.from_ns, half.to_ns) == (0, 7)


def test_a_trace_without_duration_cannot_be_zoomed() -> None:
    state = read_state(PATH, {"from": "0", "to": "1"}, 0)
    assert (state.from_ns, state.to_ns) == (None, None)
    assert state.notes


def test_the_find_term_of_a_jaeger_link_is_understood() -> None:
    assert said(uiFind=" error ").find == "error"
    assert said(uiFind="old", find="new").find == "new"


def test_a_list_too_long_to_remember_is_told_and_expands_all() -> None:
    many = ",".join(f"{number:x}" for number in range(1, MOST_COLLAPSED + 2))
    for text in (many, "*," + many):
        state = said(collapse=text)
        assert not state.all_collapsed
        assert not state.collapsed
        assert "all are expanded" in state.notes[0]


def test_too_many_unfolded_spans_are_told_and_all_are_folded() -> None:
    state = said(unfold=",".join(f"{number:x}" for number in range(1, MOST_COLLAPSED + 2)))
    assert not state.all_unfolded
    assert not state.unfolded
    assert "all repeats are folded" in state.notes[0]


def test_a_star_unfolds_all_whatever_else_is_named() -> None:
    assert said(unfold="*,1") == said(unfold="*")
    assert said(unfold="*").url.endswith("?unfold=*")
    assert said(unfold="*").folding_all(True).url == PATH


def test_toggling_twice_is_no_change() -> None:
    state = TraceState(PATH, collapsed=frozenset({1}))
    assert state.toggling(2).collapsed == {1, 2}
    assert state.toggling(2).toggling(2) == state


def test_showing_expands_by_removing_or_by_exception() -> None:
    some = TraceState(PATH, collapsed=frozenset({1, 2}))
    assert some.showing({2, 3}).collapsed == {1}
    everything = TraceState(PATH, all_collapsed=True, collapsed=frozenset({1}))
    assert everything.showing({2}).collapsed == {1, 2}
    assert everything.showing({2}).url.endswith("collapse=*,0000000000000001,0000000000000002")


def test_showing_more_than_an_address_can_say_expands_all() -> None:
    state = TraceState(PATH, all_collapsed=True).showing(set(range(1, MOST_COLLAPSED + 2)))
    assert not state.all_collapsed
    assert not state.collapsed


def test_a_step_to_other_rows_forgets_where_the_window_began() -> None:
    state = TraceState(PATH, offset=300)
    assert state.selecting(5).offset == 0
    assert state.finding("x").offset == 0
    assert state.collapsing_all(True).offset == 0
    assert state.at(400).url == f"{PATH}?offset=400"


def test_the_critical_path_is_marked_unless_the_address_says_off() -> None:
    assert said().critical
    assert said(critical="on").critical
    off = said(critical="OFF", span="1", offset="200")
    assert not off.critical
    assert off.marking_critical(True).url == f"{PATH}?span=0000000000000001&offset=200"


def test_a_focus_begins_unzoomed_and_is_not_collapsed() -> None:
    state = said(collapse="*", offset="200", **{"from": "1", "to": "2"}, span="3")
    focused = state.focusing(5)
    assert (focused.focus, focused.from_ns, focused.to_ns, focused.offset) == (5, None, None, 0)
    assert (focused.span, focused.collapsed) == (3, {5})
    assert focused.zoomed(1, 2).focusing(None).from_ns is None


def test_a_bare_state_has_a_bare_address() -> None:
    assert TraceState(PATH).url == PATH


def test_another_view_keeps_the_rest_and_not_the_options_of_the_one_before() -> None:
    table = read(f"{PATH}?view=table&by=x&sort=y&span=1&find=z&offset=200")
    assert (table.option("by"), table.option("sort"), table.option("none")) == ("x", "y", "")
    pie = table.viewing("pie")
    assert (pie.view, pie.options, pie.span, pie.find, pie.offset) == ("pie", (), 1, "z", 0)
    assert pie.viewing(TIMELINE).url == f"{PATH}?span=0000000000000001&find=z"


def test_options_of_no_view_are_none() -> None:
    assert read(f"{PATH}?by=x").options == ()
    assert len(read(f"{PATH}?view=table&by={'x' * 2000}").option("by")) == 1000


def test_terms_are_words_and_phrases_of_which_there_are_not_too_many() -> None:
    assert TraceState("/", find='GET "two words"  x').terms == ["GET", "two words", "x"]
    assert TraceState("/").terms == []
    assert len(TraceState("/", find="a " * 200).terms) == 20


def test_only_skew_can_be_adjusted() -> None:
    assert read(f"{PATH}?adjust=skew").adjusted
    state = read(f"{PATH}?adjust=time")
    assert not state.adjusted
    assert state.notes == ("“adjust=time” is ignored: only skew can be adjusted.",)


def test_what_the_page_does_not_know_is_told() -> None:
    assert said(span="1", near="2", service="x", uiFind="y").notes == ()
    assert said(raw="true").notes == ("This page does not know “raw” of the address.",)
    (told,) = said(**{f"p{n}": "" for n in range(9)}).notes
    assert told.endswith("“p4” and 4 more of the address.")
    # What another view knows is left for it.
    assert read(f"{PATH}?view=pie&sort=x").notes == ()
