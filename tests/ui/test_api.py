"""Jaeger's query API, byte for byte where its users look."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import MS, START_NS, TRACE_ID, a_batch, a_span, a_trace
from tests.formats.reading import read
from tests.ui.stage import NOW_NS, a_client, a_store
from viewer.store.base import StoreError
from viewer.store.memory import MemoryStore
from viewer.trace.span import Span, SpanKind

SPAN = a_span(
    0xAB,
    kind=SpanKind.SERVER,
    attributes={"http.status_code": 200, "ip": 2130706433},
    resource={"host.name": "h"},
)


def get(path: str, *spans: Span, store: MemoryStore | None = None):
    return a_client(store or a_store(spans)).get(path)


def data_of(path: str, *spans: Span, store: MemoryStore | None = None):
    response = get(path, *spans, store=store)
    assert response.status_code == 200, response.text
    assert response.content_type == "application/json"
    body = response.get_json()
    assert list(body) == ["data", "total", "limit", "offset", "errors"]
    return body["data"]


def error_of(path: str, *spans: Span, code: int = 400) -> str:
    """An error has the envelope's shape, but goes out through Go's writer of plain text."""
    response = get(path, *spans)
    assert response.status_code == code
    assert response.content_type == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.text.endswith("\n")
    body = json.loads(response.text)
    assert body["data"] is None
    ((error),) = body["errors"]
    assert list(error) == ["code", "msg"]
    assert error["code"] == code
    return error["msg"]


def test_services_are_a_list_with_its_length() -> None:
    body = get("/api/services", a_span(1, service="b"), a_span(2, service="a")).get_json()
    assert body == {"data": ["a", "b"], "total": 2, "limit": 0, "offset": 0, "errors": None}


def test_an_empty_store_has_an_empty_list_of_services() -> None:
    assert data_of("/api/services") == []


def test_operations_of_a_service_are_unique_names() -> None:
    spans = [
        a_span(1, name="b"),
        a_span(2, name="a", kind=SpanKind.SERVER),
        a_span(3, name="a", kind=SpanKind.CLIENT),
        a_span(4, name="c", service="other"),
    ]
    assert data_of("/api/services/shop/operations", *spans) == ["a", "b"]


def test_the_service_in_a_path_is_unescaped_twice() -> None:
    spans = [a_span(1, service="my shop/1")]
    assert data_of("/api/services/my+shop%2F1/operations", *spans) == ["GET /"]
    assert data_of("/api/services/my%2520shop%252F1/operations", *spans) == ["GET /"]


def test_operations_come_with_their_kinds() -> None:
    spans = [a_span(1, name="a", kind=SpanKind.SERVER), a_span(2, name="b", kind=SpanKind.CLIENT)]
    assert data_of("/api/operations?service=shop", *spans) == [
        {"name": "a", "spanKind": "server"},
        {"name": "b", "spanKind": "client"},
    ]
    assert data_of("/api/operations?service=shop&spanKind=client", *spans) == [
        {"name": "b", "spanKind": "client"}
    ]


def test_operations_need_a_service() -> None:
    assert error_of("/api/operations") == "parameter 'service' is required"
    assert "spanKind" in error_of("/api/operations?service=a&spanKind=odd")


def test_a_trace_has_jaeger_s_shape() -> None:
    (trace,) = data_of(f"/api/traces/{TRACE_ID}", SPAN)
    assert trace == {
        "traceID": TRACE_ID,
        "spans": [
            {
                "traceID": TRACE_ID,
                "spanID": "00000000000000ab",
                "operationName": "GET /",
                "references": [],
                "startTime": START_NS // 1000,
                "duration": 100_000,
                "tags": [
                    {"key": "http.status_code", "type": "int64", "value": 200},
                    {"key": "ip", "type": "string", "value": "127.0.0.1"},
                    {"key": "span.kind", "type": "string", "value": "server"},
                ],
                "logs": [],
                "processID": "p1",
                "warnings": None,
            }
        ],
        "processes": {
            "p1": {
                "serviceName": "shop",
                "tags": [{"key": "host.name", "type": "string", "value": "h"}],
            }
        },
        "warnings": None,
    }


@pytest.mark.parametrize("text", ["ab", "AB", "00000000000000ab", "AAAAAAAAAKs=", "AAAAAAAAAKs"])
def test_a_trace_id_comes_in_hex_of_any_length_and_case_or_base64(text: str) -> None:
    (trace,) = data_of(f"/api/traces/{text}", a_span(1, trace_id=f"{0xAB:032x}"))
    assert trace["traceID"] == "00000000000000ab"


@pytest.mark.parametrize("text", ["0x12", "a-b", " ab", "f" * 33, "zz", "0", "a%20b"])
def test_other_trace_ids_are_refused(text: str) -> None:
    assert error_of(f"/api/traces/{text}").startswith("unable to parse param 'traceID'")


def test_an_unknown_trace_is_not_found() -> None:
    assert error_of("/api/traces/abc", code=404) == "trace not found"


def test_pretty_print_indents() -> None:
    assert "\n    " in get("/api/services?prettyPrint=true").text
    assert "\n" not in get("/api/services?prettyPrint=false").text
    assert "\n" not in get("/api/services?prettyPrint=").text


def test_several_ids_give_what_is_found_and_name_what_is_not() -> None:
    response = get(f"/api/traces?traceID={TRACE_ID}&traceID=abc&traceID={TRACE_ID}", SPAN)
    assert response.status_code == 200
    body = response.get_json()
    assert [trace["traceID"] for trace in body["data"]] == [TRACE_ID]
    assert body["errors"] == [{"msg": "trace not found", "traceID": "0000000000000abc"}]


def found(query: str, *traces: list[Span]) -> list[str]:
    path = f"/api/traces?service=shop&{query}"
    return [trace["traceID"][-1] for trace in data_of(path, store=a_store(*traces))]


def test_a_search_gives_whole_traces_newest_first() -> None:
    traces = [a_trace(number, start_ns=START_NS + number * MS) for number in (1, 2, 3)]
    assert found("", *traces) == ["3", "2", "1"]
    assert found("limit=2", *traces) == ["3", "2"]
    (trace, *_) = data_of("/api/traces?service=shop", store=a_store(*traces))
    assert len(trace["spans"]) == 3


def test_a_search_meets_its_conditions() -> None:
    cart = a_span(1, trace_id=f"{1:032x}", name="cart", attributes={"user": "a:b", "n": "1"})
    pay = a_span(2, trace_id=f"{2:032x}", name="pay", duration_ns=2_000 * MS, error="no")
    traces = [[cart], [pay]]
    assert found("operation=pay", *traces) == ["2"]
    assert found("minDuration=1.5s", *traces) == ["2"]
    assert found("maxDuration=100ms", *traces) == ["1"]
    assert found("tag=user:a:b", *traces) == ["1"]
    assert found("tags=%7B%22error%22%3A%22true%22%7D", *traces) == ["2"]
    assert found("tag=n:2&tag=n:1", *traces) == ["1"]
    start_us = START_NS // 1000
    assert sorted(found(f"start={start_us}&end={start_us}", *traces)) == ["1", "2"]
    assert found(f"start={start_us + 1}", *traces) == []


def test_a_search_looks_at_the_last_48_hours_unless_told() -> None:
    old = [a_span(1, trace_id=f"{1:032x}", start_ns=NOW_NS - 49 * 3600 * 10**9)]
    assert found("", old) == []
    assert found("start=1", old) == ["1"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "parameter 'service' is required"),
        ("service=a&start=x", "unable to parse param 'start'"),
        ("service=a&end=1.5", "unable to parse param 'end'"),
        ("service=a&minDuration=5", "unable to parse param 'minDuration'"),
        ("service=a&maxDuration=x", "unable to parse param 'maxDuration'"),
        (
            "service=a&minDuration=2s&maxDuration=1s",
            "'maxDuration' should be greater than 'minDuration'",
        ),
        ("service=a&limit=x", "unable to parse param 'limit'"),
        ("service=a&limit=0", "unable to parse param 'limit'"),
        ("service=a&limit=1501", "unable to parse param 'limit'"),
        ("service=a&tag=x", "malformed 'tag' parameter, expecting key:value, received: x"),
        ("service=a&tags=x", "malformed 'tags' parameter, cannot unmarshal JSON"),
        ("service=a&tags=%7B%22a%22%3A1%7D", "malformed 'tags' parameter, cannot unmarshal JSON"),
        ("service=a&raw=perhaps", "unable to parse param 'raw'"),
        ("traceID=xyz", "unable to parse param 'traceID'"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(query: str, message: str) -> None:
    assert error_of(f"/api/traces?{query}").startswith(message)


def shared_halves() -> list[Span]:
    """A client, the server half of the same ID, and a child of the server."""
    return [
        a_span(1, name="call", kind=SpanKind.CLIENT, service="shop"),
        replace(
            a_span(1, name="serve", kind=SpanKind.SERVER, service="db", start_ns=START_NS + MS),
            duration_ns=5 * MS,
        ),
        a_span(2, 1, name="query", service="db", start_ns=START_NS + 2 * MS, duration_ns=MS),
    ]


def parents(trace: dict[str, object]) -> dict[str, str | None]:
    """Each span's name with its parent's, as Jaeger's UI resolves them."""
    spans = {span["spanID"]: span for span in trace["spans"]}
    assert len(spans) == len(trace["spans"])
    return {
        span["operationName"]: next(
            (spans[reference["spanID"]]["operationName"] for reference in span["references"]), None
        )
        for span in spans.values()
    }


def test_halves_of_a_shared_id_become_parent_and_child() -> None:
    (trace,) = data_of(f"/api/traces/{TRACE_ID}", *shared_halves())
    assert parents(trace) == {"call": None, "serve": "call", "query": "serve"}
    assert data_of(f"/api/traces/{TRACE_ID}", *shared_halves()) == [trace]


def test_raw_gives_what_was_sent() -> None:
    (trace,) = data_of(f"/api/traces/{TRACE_ID}?raw=true", *shared_halves())
    assert [span["spanID"][-1] for span in trace["spans"]] == ["1", "1", "2"]
    (raw,) = data_of(f"/api/traces/{TRACE_ID}?raw=1", SPAN)
    assert {"key": "ip", "type": "int64", "value": 2130706433} in raw["spans"][0]["tags"]


def test_oddities_are_warnings_on_their_spans() -> None:
    spans = [
        a_span(1, 99, name="orphan"),
        a_span(2, 2, name="self"),
        a_span(3, 4, name="cycle a", start_ns=START_NS + MS),
        a_span(4, 3, name="cycle b", start_ns=START_NS + 2 * MS, duration_ns=MS),
        a_span(5, 4, name="early", start_ns=START_NS, duration_ns=MS),
    ]
    (trace,) = data_of(f"/api/traces/{TRACE_ID}", *spans)
    said = {span["operationName"]: span["warnings"] for span in trace["spans"]}
    assert said["orphan"] == ["parent span 0000000000000063 is not in the trace"]
    assert "names itself" in said["self"][0]
    assert "cycle" in said["cycle a"][0]
    assert "before its parent" in said["early"][-1]
    references = {span["operationName"]: span["references"] for span in trace["spans"]}
    assert references["orphan"][0]["spanID"] == f"{99:016x}"
    assert references["self"] == references["cycle a"] == []


def test_a_span_delivered_twice_is_given_once() -> None:
    store = a_store([SPAN])
    store.write_spans([a_batch([SPAN])])
    (trace,) = data_of(f"/api/traces/{TRACE_ID}", store=store)
    assert len(trace["spans"]) == 1


def test_dependencies_are_calls_per_pair() -> None:
    spans = [
        a_span(1, service="a"),
        a_span(2, 1, service="b"),
        a_span(3, 1, service="b"),
        a_span(4, 2, service="c"),
    ]
    assert data_of("/api/dependencies", *spans) == [
        {"parent": "a", "child": "b", "callCount": 2},
        {"parent": "b", "child": "c", "callCount": 1},
    ]
    assert data_of("/api/dependencies?service=c", *spans) == [
        {"parent": "b", "child": "c", "callCount": 1}
    ]
    assert data_of("/api/dependencies?lookback=1000", *spans) == []
    assert data_of(f"/api/dependencies?endTs={START_NS // 10**6}&lookback=1", *spans) != []
    assert "endTs" in error_of("/api/dependencies?endTs=soon")


def test_transform_turns_otlp_into_traces() -> None:
    span = {"traceId": TRACE_ID, "spanId": "00000000000000ab", "name": "x"}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    response = a_client().post("/api/transform", data=body)
    assert response.get_json()["data"][0]["spans"][0]["operationName"] == "x"
    refused = a_client().post("/api/transform", data="nonsense")
    assert refused.status_code == 400
    assert "expected an OTLP" in json.loads(refused.text)["errors"][0]["msg"]


def test_what_is_not_configured_says_so_as_jaeger_does() -> None:
    archived = a_client().post("/api/archive/ab")
    assert archived.status_code == 500
    assert error_of("/api/metrics/calls?service=a", code=501) == (
        "metrics querying is currently disabled"
    )


@pytest.mark.parametrize("path", ["/api/", "/api/unknown", "/api/metrics/odd", "/api/services/a"])
def test_an_unknown_path_is_plain_text(path: str) -> None:
    response = get(path)
    assert (response.status_code, response.text) == (404, "404 page not found\n")
    assert response.content_type == "text/plain; charset=utf-8"


def test_a_wrong_method_is_not_found_as_in_go() -> None:
    assert a_client().post("/api/services").status_code == 404
    assert a_client().get("/api/transform").status_code == 404


def test_a_failing_store_is_an_error_of_the_server() -> None:
    class Failing(MemoryStore):
        def services(self) -> list[str]:
            raise StoreError("the disk is full")

    response = get("/api/services", store=Failing())
    assert response.status_code == 500
    assert json.loads(response.text)["errors"] == [{"code": 500, "msg": "the disk is full"}]


@pytest.mark.parametrize(
    "name",
    [
        "zipkin-v2/smartthings-oauth-authorization.json",
        "otlp-json/cycle-two-spans.json",
        "otlp-json/dotnet-duplicate-ids.json",
        "jaeger/ui-form.json",
    ],
)
def test_real_odd_traces_come_out_whole_with_ids_of_their_own(
    shared_traces: Path, name: str
) -> None:
    spans = read((shared_traces / name).read_bytes()).spans
    (trace,) = data_of(f"/api/traces/{spans[0].trace_id}", *spans)
    assert len({span["spanID"] for span in trace["spans"]}) == len(spans)
    known = {span["spanID"]: span for span in trace["spans"]}
    for span in trace["spans"]:
        seen: set[str] = set()
        at = span
        while at is not None and at["spanID"] not in seen:
            seen.add(at["spanID"])
            above = [r for r in at["references"] if r["refType"] == "CHILD_OF"]
            at = known.get(above[0]["spanID"]) if above else None
        assert at is None, "a circle of parents"
