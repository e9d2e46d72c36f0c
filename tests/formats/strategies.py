"""Random spans, and random JSON, for property tests of encoders and decoders."""

from hypothesis import strategies as st

from viewer.trace.span import (
    Dropped,
    Event,
    Link,
    Resource,
    Scope,
    Span,
    SpanKind,
    Status,
    StatusCode,
)

# Lone surrogates cannot be stored; decoders replace them, which their own tests show.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
keys = texts.filter(bool)
int64 = st.integers(-(1 << 63), (1 << 63) - 1)
span_ids = st.integers(1, (1 << 64) - 1)
trace_ids = st.integers(1, (1 << 128) - 1).map(lambda number: f"{number:032x}")
times = st.integers(0, 4_000_000_000_000_000_000)
counts = st.integers(0, 0xFFFFFFFF)
scalars = st.one_of(texts, st.booleans(), int64, st.floats(allow_nan=False), st.binary(max_size=8))
# Within arrays and maps the model keeps bytes and non-finite doubles as marked maps.
nested = st.recursive(
    st.one_of(texts, st.booleans(), int64, st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
values = st.one_of(scalars, st.lists(nested, max_size=3), st.dictionaries(keys, nested, max_size=3))


def attributes(of=values, names=keys):
    """Attributes with distinct keys."""
    return st.dictionaries(names, of, max_size=4).map(lambda pairs: tuple(pairs.items()))


@st.composite
def resources(draw, of=values):
    service = draw(texts)
    named = (("service.name", service),) if service else ()
    return Resource(service, named + draw(attributes(of, keys.map("r.".__add__))))


@st.composite
def spans(draw, *, of=values, step_ns=1, links=True, dropped=True):
    """A span; times are multiples of ``step_ns``."""
    start = draw(times) // step_ns * step_ns
    duration = draw(st.integers(0, 10**15)) // step_ns * step_ns
    trace_id = draw(trace_ids)
    code = draw(st.sampled_from(StatusCode))
    return Span(
        trace_id=trace_id,
        span_id=draw(span_ids),
        parent_id=draw(st.one_of(st.just(0), span_ids)),
        name=draw(texts),
        start_ns=max(start, step_ns),
        duration_ns=duration,
        kind=draw(st.sampled_from(SpanKind)),
        status=Status(code, draw(texts) if code is StatusCode.ERROR else ""),
        resource=draw(resources(of)),
        scope=Scope(draw(texts), draw(texts)),
        attributes=draw(attributes(of, keys.map("a.".__add__))),
        events=tuple(
            Event(draw(times) // step_ns * step_ns, draw(texts), draw(attributes(of)))
            for _ in range(draw(st.integers(0, 2)))
        ),
        links=tuple(
            Link(draw(trace_ids.filter(lambda other: other != trace_id)), draw(span_ids))
            for _ in range(draw(st.integers(0, 2)) if links else 0)
        ),
        trace_state=draw(texts),
        flags=draw(counts),
        dropped=Dropped(draw(counts), draw(counts), draw(counts)) if dropped else Dropped(),
    )


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 64) - 1),  # beyond 64 bits orjson makes them floats
        st.floats(),
        st.text(max_size=10),
        st.sampled_from(["", "0", "1", "error", "CLIENT", "0af7651916cd43dd8448eb211c80319c"]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def objects_of(*names: str):
    """Random objects and lists made of a format's own field names: what gets past `claims`."""
    return st.recursive(
        st.one_of(json_values, st.sampled_from([10**30, 1e300, "\ud800", "\0", "A" * 12])),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(names), inner, max_size=12)
        ),
        max_leaves=40,
    )
