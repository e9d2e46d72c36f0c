"""What spans leave out or give away."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import MS, START_NS, a_span, a_tree
from tests.conftest import SAMPLES
from tests.formats.reading import chunks
from viewer.analysis.attribute_quality import (
    attribute_issues,
    rows_to_look_at,
    same_statements,
)
from viewer.analysis.quality import Issue, Problem
from viewer.trace.attributes import Value
from viewer.trace.span import Event, Span, SpanKind

ROOT = a_span(1, kind=SpanKind.SERVER, attributes={"enduser.id": "u-1"})


def issues(*spans: Span) -> dict[Problem, Issue]:
    tree = a_tree(spans)
    by_id = {span.span_id: span for span in spans}
    by_row = {row: by_id[span_id] for row, span_id in enumerate(tree.columns.span_id.tolist())}
    return {issue.problem: issue for issue in attribute_issues(tree, by_row)}


def client(attributes: Mapping[str, Value], **said: bool | str) -> Span:
    return a_span(2, 1, kind=SpanKind.CLIENT, attributes=attributes, **said)  # type: ignore[arg-type]


def test_a_client_that_nobody_answers_is_to_name_its_peer() -> None:
    assert issues(ROOT, client({})).keys() == {Problem.NO_PEER}
    assert issues(ROOT, client({"server.address": ""})).keys() == {Problem.NO_PEER}
    assert issues(ROOT, client({"server.address": "db"})) == {}
    assert issues(ROOT, client({}), a_span(3, 2, kind=SpanKind.SERVER)) == {}


def test_an_error_is_to_say_why() -> None:
    assert Problem.NO_MESSAGE in issues(ROOT, client({"peer.service": "x"}, error=True))
    assert issues(ROOT, client({"peer.service": "x"}, error="no route")) == {}
    assert issues(ROOT, client({"peer.service": "x", "error.type": "504"}, error=True)) == {}


@pytest.mark.parametrize(
    ("attributes", "vague"),
    [
        ({"db.system": "postgresql"}, True),
        ({"db.system": "postgresql", "db.operation.name": "SELECT"}, True),
        ({"db.system": "postgresql", "db.statement": "SELECT 1"}, False),
        ({"db.system.name": "mongodb", "db.collection.name": "users"}, False),
        ({"db.system.name": "redis", "db.operation.name": "GET"}, False),
        ({"db.system.name": "redis"}, True),
        ({}, False),
    ],
)
def test_a_database_span_is_to_name_statement_or_table(
    attributes: dict[str, Value], vague: bool
) -> None:
    found = issues(ROOT, client({"server.address": "db", **attributes}))
    assert (Problem.NO_STATEMENT in found) == vague


@pytest.mark.parametrize(
    ("key", "correlates"),
    [("user.id", True), ("enduser.id", True), ("order.id", True), ("session_id", True),
     ("customerId", True), ("user_agent.original", False), ("client.address", False),
     ("border.idle", False)],
)  # fmt: skip
def test_a_root_is_to_name_a_user_session_or_order(key: str, correlates: bool) -> None:
    found = issues(a_span(1, attributes={key: "1"}))
    assert (Problem.NO_CORRELATION not in found) == correlates


@pytest.mark.parametrize(
    "key", ["password", "db.password", "http.request.header.authorization", "x-api-key",
            "auth.token", "apiKey", "aws.secret_access_key", "set-cookie"],
)  # fmt: skip
def test_a_secret_is_told_by_its_key_and_never_by_its_value(key: str) -> None:
    found = issues(ROOT, client({"peer.service": "x", key: "hunter2-hunter2"}))[Problem.SECRET]
    assert (found.count, found.names) == (1, (key,))
    assert "hunter2" not in repr(found)
    listed = issues(ROOT, client({"peer.service": "x", key: ["hunter2-hunter2"]}))
    assert Problem.SECRET in listed


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("password", ""),
        ("password", "[redacted]"),
        ("password", "********"),
        ("token", "sha256-0123456789abcdef"),
        ("card.token", "[redacted]4242"),
        ("gen_ai.usage.input_tokens", 1200),
        ("token.type", "bearer"),
        ("tokens", "many words"),
        ("secret", True),
        ("password", None),
    ],
)
def test_what_is_redacted_or_no_secret_is_not_told(key: str, value: Value) -> None:
    assert issues(ROOT, client({"peer.service": "x", key: value})) == {}


def test_secrets_in_events_and_resources_are_told_too() -> None:
    event = Event(START_NS, "login", (("password", "hunter2"),))
    span = a_span(2, 1, events=[event], resource={"api_key": "abc-def"})
    assert set(issues(ROOT, span)[Problem.SECRET].names) == {"api_key", "password"}


def test_the_same_statement_five_times_is_told_unless_its_operation_is() -> None:
    spans = {
        row: a_span(row + 1, name="query", attributes={"db.statement": f"SELECT {row // 5}"})
        for row in range(9)
    }
    ((text, rows),) = same_statements(spans, set())
    assert (text, rows.tolist()) == ("SELECT 0", [0, 1, 2, 3, 4])
    assert same_statements(spans, {("shop", "query")}) == []


def test_of_a_large_trace_roots_errors_and_unanswered_clients_are_looked_at_first() -> None:
    spans = [a_span(1), *(a_span(n, 1, start_ns=START_NS + n) for n in range(2, 20))]
    spans += [a_span(20, 1, error=True, start_ns=START_NS + MS)]
    spans += [a_span(21, 1, kind=SpanKind.CLIENT, start_ns=START_NS + MS + 1)]
    tree = a_tree(spans)
    assert tree.columns.span_id[rows_to_look_at(tree, 4)].tolist() == [1, 2, 20, 21]
    assert rows_to_look_at(tree, 21).tolist() == list(range(21))


def test_healthy_checkouts_leave_nothing_out() -> None:
    traces: dict[str, list[Span]] = {}
    data = (SAMPLES / "otlp-json/healthy-checkouts.jsonl.gz").read_bytes()
    for decoded in chunks(data):
        for span in decoded.batch.spans():
            traces.setdefault(span.trace_id, []).append(span)
    assert len(traces) == 80
    for spans in traces.values():
        assert issues(*spans) == {}


keys = st.sampled_from(["password", "db.system", "db.statement", "user.id", "", "é" * 300])
values = st.one_of(
    st.text(max_size=5),
    st.integers(),
    st.none(),
    st.binary(max_size=3),
    st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=3),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=2),
)


@given(st.lists(st.lists(st.tuples(keys, values), max_size=4), min_size=1, max_size=5))
def test_any_attributes_are_looked_at(many: list[list[tuple[str, Value]]]) -> None:
    spans = [
        a_span(number, number // 2, kind=SpanKind.CLIENT, error=True, attributes=dict(held))
        for number, held in enumerate(many, 1)
    ]
    tree = a_tree(spans)
    looked_at = {row: spans[int(tree.columns.span_id[row]) - 1] for row in range(len(tree))}
    for issue in attribute_issues(tree, looked_at):
        assert 0 < len(issue.rows) <= issue.count <= len(spans)
        assert np.isin(issue.rows, np.arange(len(tree))).all()
    same_statements(looked_at, set())
