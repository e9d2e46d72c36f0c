import json
from http import HTTPStatus

import msgpack
import pytest

from tests.formats.datadog import encoders
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.datadog.receiver import DatadogReceiver
from viewer.formats.receiver import HttpAnswer, HttpReceiver, HttpRequest, WrongMediaType
from viewer.trace.span import OpenEnd

MSGPACK = "application/msgpack"
CHUNKS = [[encoders.root(1, meta={"env": "prod"}), encoders.span(2)]]


def put(version: str, body: bytes, media_type: str = MSGPACK, **headers: str) -> HttpRequest:
    return HttpRequest(
        "PUT",
        f"/{version}/traces",
        media_type=media_type,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
    )


def taken(request: HttpRequest, receiver: DatadogReceiver | None = None) -> Decoded:
    decoded = (receiver or DatadogReceiver()).decode(request)
    assert decoded is not None
    return decoded


def answered(method: str, path: str, body: bytes = b"") -> HttpAnswer:
    receiver = DatadogReceiver()
    assert method in receiver.paths[path]
    request = HttpRequest(method, path, media_type=MSGPACK, body=body)
    return receiver.answer(request, receiver.decode(request))


def test_it_is_a_receiver() -> None:
    receiver: HttpReceiver = DatadogReceiver()
    assert (receiver.name, receiver.flag, receiver.port) == ("Datadog", "--datadog", 8126)
    assert receiver.shown_path in receiver.paths


@pytest.mark.parametrize("version", encoders.ENCODERS)
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_every_version_is_taken_by_either_method(version: str, method: str) -> None:
    assert method in DatadogReceiver.paths[f"/{version}/traces"]
    decoded = taken(put(version, encoders.ENCODERS[version](CHUNKS)))
    assert decoded.batch.span_id == [1, 2]
    assert decoded.batch.trace_id == [encoders.TRACE_ID] * 2


@pytest.mark.parametrize("media_type", ["", "application/octet-stream", "application/x-msgpack"])
def test_messagepack_may_come_under_other_names(media_type: str) -> None:
    assert len(taken(put("v0.4", encoders.v04(CHUNKS), media_type)).batch) == 2


@pytest.mark.parametrize("version", ["v0.3", "v0.4"])
@pytest.mark.parametrize("media_type", ["application/json", "text/json", ""])
def test_json_is_taken_in_the_old_versions(version: str, media_type: str) -> None:
    assert len(taken(put(version, encoders.v04_json(CHUNKS), media_type)).batch) == 2


@pytest.mark.parametrize(
    ("version", "media_type", "wanted"),
    [
        ("v0.4", "text/html", "expected application/msgpack or application/json, got text/html"),
        ("v0.5", "application/json", "expected application/msgpack, got application/json"),
        ("v1.0", "application/json", "expected application/msgpack, got application/json"),
    ],
)
def test_another_type_is_refused_with_what_is_taken(
    version: str, media_type: str, wanted: str
) -> None:
    with pytest.raises(WrongMediaType) as refusal:
        DatadogReceiver().decode(put(version, b"[]", media_type))
    assert str(refusal.value) == wanted


@pytest.mark.parametrize("version", encoders.ENCODERS)
def test_a_body_that_breaks_off_is_refused_whole(version: str) -> None:
    with pytest.raises(DecodeError, match=r"^byte \d+: expected .* breaks off$"):
        DatadogReceiver().decode(put(version, encoders.ENCODERS[version](CHUNKS)[:-3]))


def test_broken_json_is_refused() -> None:
    with pytest.raises(DecodeError, match="no JSON"):
        DatadogReceiver().decode(put("v0.4", b"[[{", "application/json"))


@pytest.mark.parametrize("version", encoders.ENCODERS)
def test_an_empty_body_is_a_probe_and_welcome(version: str) -> None:
    answer = answered("PUT", f"/{version}/traces")
    assert answer.status == HTTPStatus.OK
    assert answer.body == (
        b"OK\n" if version == "v0.3" else b'{"rate_by_service": {"service:,env:": 1}}'
    )


def test_the_answer_names_a_rate_for_each_service() -> None:
    chunks = [[*CHUNKS[0], encoders.span(3, service='b"ank', meta={"env": "test"})]]
    answer = answered("PUT", "/v0.5/traces", encoders.v05(chunks))
    assert answer.media_type == "application/json"
    assert json.loads(answer.body) == {
        "rate_by_service": {
            "service:,env:": 1,
            "service:shop,env:prod": 1,
            'service:b"ank,env:test': 1,
        }
    }


def test_v0_3_is_answered_in_text() -> None:
    answer = answered("PUT", "/v0.3/traces", encoders.v04(CHUNKS))
    assert (answer.body, answer.media_type) == (b"OK\n", "text/plain; charset=utf-8")


def test_headers_say_who_sends() -> None:
    decoded = taken(
        put(
            "v0.4",
            encoders.v04(CHUNKS),
            datadog_meta_lang="nodejs",
            datadog_meta_lang_version="v22.1.0",
            datadog_meta_tracer_version="5.132.0",
            datadog_container_id="c0ffee",
        )
    )
    span = next(iter(decoded.batch.spans()))
    assert dict(span.resource.attributes) == {
        "service.name": "shop",
        "telemetry.sdk.name": "Datadog",
        "telemetry.sdk.language": "nodejs",
        "telemetry.sdk.version": "5.132.0",
        "process.runtime.version": "v22.1.0",
        "container.id": "c0ffee",
        "deployment.environment.name": "prod",
    }
    assert (span.scope.name, span.scope.version) == ("Datadog", "5.132.0")


def test_a_count_that_differs_is_noted_and_everything_kept() -> None:
    body = encoders.v04(CHUNKS)
    decoded = taken(put("v0.4", body, x_datadog_trace_count="2"))
    assert len(decoded.batch) == 2
    assert [note.reason for note in decoded.notes] == [
        "other than X-Datadog-Trace-Count chunks of a trace came"
    ]
    assert not taken(put("v0.4", body, x_datadog_trace_count="1")).notes
    assert not taken(put("v0.4", body, x_datadog_trace_count="many")).notes


def test_what_follows_the_payload_is_noted() -> None:
    decoded = taken(put("v0.4", encoders.v04(CHUNKS) + b"\xc0"))
    assert [note.reason for note in decoded.notes] == ["something follows the payload"]


def test_chunks_of_one_trace_are_joined_across_requests_and_versions() -> None:
    receiver = DatadogReceiver()
    early = taken(put("v0.4", encoders.v04([[encoders.span(1)]])), receiver)
    taken(put("v1.0", encoders.v1([[encoders.root(2)]])), receiver)
    late = taken(put("v0.5", encoders.v05([[encoders.span(3)]])), receiver)
    assert [span.open_ends for span in early.batch.spans()] == [OpenEnd.HALF_TRACE_ID]
    assert late.batch.trace_id == [encoders.TRACE_ID]
    assert [span.open_ends for span in late.batch.spans()] == [0]


def test_info_lists_what_is_decoded_and_promises_no_more() -> None:
    info = json.loads(answered("GET", "/info").body)
    assert info["endpoints"] == [f"/{version}/traces" for version in encoders.ENCODERS]
    assert info["client_drop_p0s"] is False
    assert info["span_events"] is True
    assert {"version", "feature_flags", "config", "peer_tags"} <= info.keys()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/telemetry/proxy/api/v2/apmtelemetry", HTTPStatus.ACCEPTED),
        ("POST", "/v0.7/config", HTTPStatus.OK),
        ("PUT", "/v0.6/stats", HTTPStatus.OK),
        ("POST", "/v0.6/stats", HTTPStatus.OK),
    ],
)
def test_what_else_tracers_send_is_answered_empty(
    method: str, path: str, status: HTTPStatus
) -> None:
    answer = answered(method, path, msgpack.packb({"no": "spans"}))
    assert (answer.status, answer.body) == (status, b"{}")


def test_a_refusal_is_a_line_of_text() -> None:
    request = put("v0.4", b"")
    answer = DatadogReceiver().refuse(request, HTTPStatus.BAD_REQUEST, "byte 3: it breaks off")
    assert answer.status == HTTPStatus.BAD_REQUEST
    assert answer.body == b"byte 3: it breaks off\n"
    assert answer.media_type.startswith("text/plain")


def test_a_flood_of_bad_spans_in_json_is_cut_short() -> None:
    good = json.dumps(encoders.root(1))
    body = f"[[{good}],[{','.join(['{}'] * 150_000)}],[{good}]]".encode()
    decoded = taken(put("v0.4", body, "application/json"))
    assert decoded.batch.span_id == [1]
    assert decoded.rejected_spans == 150_001
    assert [rejection.reason for rejection in decoded.rejected] == [
        "the trace ID is missing",
        "what follows more than 100,000 bad spans is not read",
    ]


def test_a_flood_of_empty_chunks_in_json_is_refused() -> None:
    body = f"[{','.join(['[]'] * 200_001)}]".encode()
    with pytest.raises(DecodeError, match="more than 200,000 trace chunks in one request"):
        DatadogReceiver().decode(put("v0.4", body, "application/json"))
