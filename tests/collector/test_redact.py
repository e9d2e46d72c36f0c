"""What the rules find is in no column of what is left, and the rest is as it was."""

from dataclasses import replace

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import START_NS, TRACE_ID, a_batch, a_span
from tests.collector.test_redact_values import POLICIES
from tests.trace.test_batch import SPANS
from viewer.collector.policy import Action, RedactionPolicy, RedactionRule
from viewer.collector.redact import Redactor
from viewer.collector.redact_values import ValueRules
from viewer.formats.otlp.compiled import SAMPLE, decode_request
from viewer.trace.batch import SpanBatch
from viewer.trace.span import Event, Link, Resource, Scope, Span, Status, StatusCode

CARD, EMAIL, TOKEN = "4111-1111-1111-1111", "jane.doe@example.com", "ghp_" + "a1B2c3D4e5" * 4
SECRETS = (CARD, EMAIL, TOKEN)
ALL = ("token", "card", "email", "authorization")


def policy(action: str, *, keys: tuple[str, ...] = (), detect: tuple[str, ...] = ()) -> Redactor:
    return Redactor(RedactionPolicy((RedactionRule(Action(action), keys, detect),)))


def sealed(batch: SpanBatch) -> SpanBatch:
    """Return the batch as a compiled decoder would make it, its columns at odd offsets."""
    twice = pa.concat_tables([batch.to_arrow().slice(0, 1), batch.to_arrow()]).combine_chunks()
    made = SpanBatch()
    for resource in batch.resources:
        made.resource_row(resource)
    for scope in batch.scopes:
        made.scope_row(scope)
    made.seal(twice.slice(1))
    return made


def ipc(batch: SpanBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.to_arrow().schema) as writer:
        writer.write_table(batch.to_arrow())
    written: bytes = sink.getvalue().to_pybytes()
    return written


def stored(batch: SpanBatch) -> list[Span]:
    """Return the spans as they come back from a table: bytes within nested values are marked."""
    return list(SpanBatch.from_arrow(batch.to_arrow()).spans())


_CARRIERS = st.sampled_from(
    ["{}", "see {}, please", '{{"a":"{}"}}', "first\nx {}", "\\ {}", "é {} é"]
)
_TEXTS = st.builds(str.format, _CARRIERS, st.sampled_from(SECRETS)) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=5
)
_VALUES = st.recursive(
    _TEXTS | _TEXTS.map(str.encode) | st.just(4111111111111111) | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "b=c"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_ATTRIBUTES = st.lists(
    st.tuples(st.sampled_from(["k", "x=\\y", "service.name"]), _VALUES), max_size=3
).map(tuple)
_SECRET_SPANS = st.builds(
    Span,
    trace_id=st.just(TRACE_ID),
    span_id=st.integers(1, 99),
    parent_id=st.just(0),
    name=_TEXTS,
    start_ns=st.just(START_NS),
    duration_ns=st.just(5),
    status=st.builds(Status, st.just(StatusCode.ERROR), _TEXTS),
    resource=st.builds(Resource, _TEXTS, _ATTRIBUTES, _TEXTS),
    scope=st.builds(Scope, _TEXTS, _TEXTS, _ATTRIBUTES, _TEXTS),
    attributes=_ATTRIBUTES,
    events=st.lists(st.builds(Event, st.just(7), _TEXTS, _ATTRIBUTES), max_size=2).map(tuple),
    links=st.lists(
        st.builds(Link, st.just(TRACE_ID), st.just(3), _ATTRIBUTES, _TEXTS), max_size=2
    ).map(tuple),
    trace_state=_TEXTS,
    as_sent=st.lists(st.tuples(st.just("sent"), _TEXTS), max_size=2).map(tuple),
)


@pytest.mark.parametrize("form", [lambda batch: batch, sealed], ids=["lists", "sealed"])
@given(st.sampled_from(Action), st.lists(_SECRET_SPANS, min_size=1, max_size=3))
def test_no_secret_is_left_in_any_column(form: object, action: Action, spans: list[Span]) -> None:
    redactor = policy(action, detect=ALL)
    batch = form(a_batch(spans))  # type: ignore[operator]
    left, hits = redactor.redact(batch)
    written = ipc(left)
    for secret in SECRETS:
        assert secret.encode() not in written
        # Byte values are looked into as well, where no search of ours would see it.
        assert secret.encode() not in b"".join(_all_bytes(left))
    assert b"4111111111111111" not in written
    assert (left is batch) == (not hits)
    assert [span.span_id for span in left.spans()] == [span.span_id for span in spans]
    again, no_hits = redactor.redact(left)
    assert again is left
    assert not no_hits


def _all_bytes(batch: SpanBatch) -> list[bytes]:
    found: list[bytes] = []
    for span in batch.spans():
        holders = [span, span.resource, span.scope, *span.events, *span.links]
        found += [
            value
            for holder in holders
            for _, value in holder.attributes  # type: ignore[attr-defined]
            if isinstance(value, bytes)
        ]
    return found


def expected(rules: ValueRules, span: Span) -> Span:
    """Return a span as the rules leave it, object by object."""
    found: list[int] = []
    sent = rules.attributes(span.as_sent, found)
    return replace(
        span,
        name=rules.text(span.name, found),
        status=replace(span.status, message=rules.text(span.status.message, found)),
        resource=Resource(
            rules.text(span.resource.service, found),
            rules.attributes(span.resource.attributes, found),
            rules.text(span.resource.schema_url, found),
        ),
        scope=Scope(
            rules.text(span.scope.name, found),
            rules.text(span.scope.version, found),
            rules.attributes(span.scope.attributes, found),
            rules.text(span.scope.schema_url, found),
        ),
        attributes=rules.attributes(span.attributes, found),
        events=tuple(
            replace(
                event,
                name=rules.text(event.name, found),
                attributes=rules.attributes(event.attributes, found),
            )
            for event in span.events
        ),
        links=tuple(
            replace(
                link,
                trace_state=rules.text(link.trace_state, found),
                attributes=rules.attributes(link.attributes, found),
            )
            for link in span.links
        ),
        trace_state=rules.text(span.trace_state, found),
        as_sent=tuple((key, str(value)) for key, value in sent),
    )


@given(POLICIES, st.lists(SPANS | _SECRET_SPANS, max_size=4))
def test_columns_are_redacted_as_single_values_are(
    made: RedactionPolicy, spans: list[Span]
) -> None:
    redactor, rules = Redactor(made), ValueRules(made)
    batch = a_batch(spans)
    wanted = stored(a_batch(expected(rules, span) for span in stored(batch)))
    assert stored(redactor.redact(batch)[0]) == wanted
    if spans:
        assert stored(redactor.redact(sealed(batch))[0]) == wanted


def test_the_values_each_rule_has_changed_are_counted() -> None:
    rules = (
        RedactionRule(Action.DROP, keys=("*.password",)),
        RedactionRule(Action.MASK, detect=("email",), name="addresses"),
    )
    redactor = Redactor(RedactionPolicy(rules))
    assert redactor.labels == ("drop *.password", "addresses")
    spans = [
        a_span(1, attributes={"x.password": "a", "to": EMAIL, "n": 1}, error=f"no {EMAIL}"),
        a_span(2, attributes={"to": EMAIL}),
    ]
    left, hits = redactor.redact(a_batch(spans))
    assert hits == {0: 1, 1: 3}
    first, second = left.spans()
    assert first.attributes == (("to", "[redacted]"), ("n", 1))
    assert first.status.message == "no [redacted]"
    assert second.attributes == (("to", "[redacted]"),)


def test_a_batch_without_a_hit_is_handed_back_as_it_is() -> None:
    batch = a_batch([a_span(1, attributes={"k": "v"})])
    assert policy("drop", detect=ALL).redact(batch) == (batch, {})
    assert policy("drop", keys=("*.x",)).redact(batch)[0] is batch


def test_resources_that_differed_in_a_secret_become_one() -> None:
    one, other = ({"user.email": mail} for mail in ("a@example.com", "b@example.com"))
    batch = a_batch([a_span(1, resource=one), a_span(2, resource=other)])
    batch.weight = 4.0
    left, _ = policy("mask", keys=("user.email",)).redact(batch)
    assert [dict(resource.attributes) for resource in left.resources] == [
        {"service.name": "shop", "user.email": "[redacted]"}
    ]
    assert left.weight == 4.0
    assert len(list(left.spans())) == 2


def test_a_batch_of_the_compiled_decoder_is_redacted() -> None:
    decoded = decode_request(SAMPLE)
    assert decoded is not None
    (before,) = decoded.batch.spans()
    left, hits = policy("mask", keys=("*",)).redact(decoded.batch)
    (span,) = left.spans()
    assert [key for key, _ in span.attributes] == [key for key, _ in before.attributes]
    assert {value for _, value in span.attributes} == {"[redacted]"}
    assert hits[0] >= len(span.attributes)
