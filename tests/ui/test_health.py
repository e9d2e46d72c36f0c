"""Tracefall about itself: for load balancers, and for Prometheus by its text format's rules."""

import re
from collections.abc import Sequence

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.builders import a_trace
from tests.ui.stage import a_client, a_store
from viewer.trace.report import DoorReport
from viewer.ui.health import Health

_SAMPLE = re.compile(r'([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\d+)')


def client(*doors: DoorReport, failure: str = "") -> FlaskClient:
    app = Flask(__name__)
    store = a_store(a_trace(1, spans=3), a_trace(2, spans=4))
    app.register_blueprint(Health(store, lambda: failure, lambda: doors).blueprint())
    return app.test_client()


def samples(text: str) -> dict[str, int]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = [_SAMPLE.fullmatch(line) for line in lines]
    assert all(found), lines
    return {one[1] + (one[2] or ""): int(one[3]) for one in found if one}


def test_all_is_well() -> None:
    response = client().get("/healthz")
    assert response.status_code == 200
    assert response.json == {"status": "ok", "store": "memory"}


def test_a_store_that_cannot_be_written_is_503_with_the_reason() -> None:
    response = client(failure="disk full").get("/healthz")
    assert response.status_code == 503
    assert response.json == {"status": "failing", "reason": "disk full"}


def test_metrics_count_what_is_stored() -> None:
    response = client().get("/metrics")
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(response.text)
    assert found["tracefall_store_span_rows"] == 7
    assert found["tracefall_store_traces"] == 2
    assert found["tracefall_store_failing"] == 0
    assert samples(client(failure="disk full").get("/metrics").text)["tracefall_store_failing"] == 1


def test_metrics_count_what_the_receivers_did() -> None:
    doors = (
        DoorReport("OTLP/HTTP", "", requests=2, accepted_spans=30, bytes=400, rejected={"bad": 5}),
        DoorReport("Zipkin", "", requests=1),
    )
    found = samples(client(*doors).get("/metrics").text)
    assert found['tracefall_receiver_spans_total{receiver="OTLP/HTTP"}'] == 30
    assert found['tracefall_receiver_bytes_total{receiver="OTLP/HTTP"}'] == 400
    assert found['tracefall_receiver_requests_total{receiver="Zipkin"}'] == 1
    assert found['tracefall_receiver_rejected_total{receiver="OTLP/HTTP",reason="bad"}'] == 5


@pytest.mark.parametrize(
    "doors", [(), (DoorReport("a", "", rejected={"x": 1, "y": 2}), DoorReport("b", ""))]
)
def test_each_metric_is_one_group_with_its_help_and_type(doors: Sequence[DoorReport]) -> None:
    seen: list[str] = []
    for line in client(*doors).get("/metrics").text.splitlines():
        name = line.split()[2] if line.startswith("#") else re.split("[{ ]", line)[0]
        if not seen or seen[-1] != name:
            assert line.startswith(f"# HELP {name} ")
            assert name not in seen
            seen.append(name)
    assert len(seen) == 12


def test_labels_are_escaped() -> None:
    door = DoorReport("a", "", rejected={'say "no"\n\\': 1})
    text = client(door).get("/metrics").text
    assert r'reason="say \"no\"\n\\"' in text
    samples(text)


def test_who_has_no_token_sees_health_but_no_metrics() -> None:
    guarded = a_client(auth_token="secret")
    guarded.application.register_blueprint(Health(a_store(), lambda: "", tuple).blueprint())
    assert guarded.get("/healthz").status_code == 200
    assert guarded.get("/metrics").status_code == 401


def test_the_client_that_sent_last_is_named_with_the_time() -> None:
    door = DoorReport("Zipkin", "", last_client='a "b"', last_seen_ns=7 * 10**9)
    text = client(door, DoorReport("b", "")).get("/metrics").text
    expected = 'tracefall_receiver_last_seen_seconds{receiver="Zipkin",client="a \\"b\\""} 7'
    assert expected in text.splitlines()
    assert text.count("last_seen_seconds{") == 1
