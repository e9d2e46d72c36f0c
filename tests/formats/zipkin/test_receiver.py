import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.zipkin.recorded import (
    CLIENT_AND_ROOT_PROTO,
    CLIENT_AND_ROOT_THRIFT,
    CLIENT_AND_ROOT_V1,
    SERVER_HALF_V1,
)
from tests.formats.zipkin.test_proto import a_list as a_proto_list
from tests.formats.zipkin.test_proto import a_wire as a_proto_span
from tests.formats.zipkin.test_thrift import a_list as a_thrift_list
from tests.formats.zipkin.test_thrift import a_wire as a_thrift_span
from viewer.formats.base import DecodeError
from viewer.formats.receiver import HttpReceiver, HttpRequest
from viewer.formats.zipkin.receiver import ZipkinReceiver

V1, V2 = "/api/v1/spans", "/api/v2/spans"
PROTOBUF, THRIFT = "application/x-protobuf", "application/x-thrift"
RECEIVER: HttpReceiver = ZipkinReceiver()
SPAN = {"traceId": "4d1e00c0db9010db", "id": "86154a4ba6e91385", "name": "get"}
V2_BODY = json.dumps([{**SPAN, "kind": "CLIENT", "localEndpoint": {"serviceName": "Shop"}}])


def post(path: str, body: bytes | str, media_type: str = "application/json") -> HttpRequest:
    raw = body.encode() if isinstance(body, str) else body
    return HttpRequest("POST", path, media_type=media_type, body=raw)


def decode(path: str, body: bytes | str, media_type: str = "application/json"):
    decoded = RECEIVER.decode(post(path, body, media_type))
    assert decoded is not None
    return decoded


def refusal(path: str, body: bytes | str, media_type: str = "application/json") -> str:
    with pytest.raises(DecodeError) as error:
        RECEIVER.decode(post(path, body, media_type))
    return str(error.value)


@pytest.mark.parametrize(
    ("path", "body", "media_type", "spans"),
    [
        (V2, V2_BODY, "application/json", 1),
        (V2, V2_BODY, "", 1),
        (V2, V2_BODY, "text/plain", 1),
        (V2, " \n" + V2_BODY, "application/json", 1),
        (V2, b"\xef\xbb\xbf" + V2_BODY.encode(), "application/json", 1),
        (V2, CLIENT_AND_ROOT_PROTO, PROTOBUF, 2),
        (V1, CLIENT_AND_ROOT_V1, "application/json", 2),
        (V1, SERVER_HALF_V1, "application/octet-stream", 1),
        (V1, CLIENT_AND_ROOT_THRIFT, THRIFT, 2),
        # Some reporters named a list's items texts instead of structs.
        (V1, b"\x0b" + CLIENT_AND_ROOT_THRIFT[1:], THRIFT, 2),
        # A span of a name only is the same in both versions.
        (V1, json.dumps([SPAN]), "", 1),
        (V2, json.dumps([SPAN]), "", 1),
    ],
)
def test_every_encoding_is_accepted_without_a_word(path, body, media_type, spans) -> None:
    decoded = decode(path, body, media_type)
    assert len(decoded.batch) == spans
    assert not decoded.rejected
    answer = RECEIVER.answer(post(path, body), decoded)
    assert (answer.status, answer.body) == (HTTPStatus.ACCEPTED, b"")


@pytest.mark.parametrize(
    ("path", "body", "media_type"),
    [
        (V2, b"", "application/json"),
        (V2, b"", PROTOBUF),
        (V2, b"[]", "application/json"),
        (V2, b"[ ]", ""),
        (V1, b"", THRIFT),
        (V1, b"[]", ""),
        (V1, b"\x0c\0\0\0\0", THRIFT),
    ],
)
def test_an_empty_body_or_list_is_accepted_too(path, body, media_type) -> None:
    decoded = decode(path, body, media_type)
    assert (len(decoded.batch), decoded.rejected) == (0, [])
    assert RECEIVER.answer(post(path, body), decoded).status == HTTPStatus.ACCEPTED


@pytest.mark.parametrize(
    ("path", "body", "media_type", "message"),
    [
        (V2, CLIENT_AND_ROOT_V1, "", "Expected a JSON_V2 encoded list, but received: JSON_V1"),
        (V1, V2_BODY, "", "Expected a JSON_V1 encoded list, but received: JSON_V2"),
        (V1, '[{"tags":{}}]', "", "Expected a JSON_V1 encoded list, but received: JSON_V2"),
        (V2, CLIENT_AND_ROOT_PROTO, "", "Expected a JSON_V2 encoded list, but received: PROTO3"),
        (V2, CLIENT_AND_ROOT_THRIFT, "", "Expected a JSON_V2 encoded list, but received: THRIFT"),
        (V2, V2_BODY, PROTOBUF, "Expected a PROTO3 encoded list, but received: JSON_V2"),
        (V1, CLIENT_AND_ROOT_PROTO, THRIFT, "Expected a THRIFT encoded list, but received: PROTO3"),
        (V2, "hello", "", "Expected a JSON_V2 encoded list"),
        (V2, json.dumps(SPAN), "", "Expected a JSON_V2 encoded list"),
        (V1, b"\x0a\0\x01" + bytes(8), THRIFT, "Expected a THRIFT encoded list"),
    ],
)
def test_what_is_posted_to_the_wrong_place_is_named_in_zipkin_s_words(
    path, body, media_type, message
) -> None:
    assert refusal(path, body, media_type) == message


def test_a_tag_s_name_does_not_make_a_v1_body_one_of_v2() -> None:
    tag = {"key": "tags", "value": "localEndpoint"}
    assert len(decode(V1, json.dumps([{**SPAN, "binaryAnnotations": [tag]}])).batch) == 1


def test_broken_json_is_refused_with_its_place() -> None:
    assert refusal(V2, '[{"traceId":') == "byte 12: no JSON: it breaks off"


@pytest.mark.parametrize(
    ("path", "media_type", "body"),
    [
        (V2, "", json.dumps([SPAN, {**SPAN, "id": "x"}, 3, SPAN])),
        (V1, "", json.dumps([SPAN, {**SPAN, "id": "x"}, 3, SPAN])),
        (
            V2,
            PROTOBUF,
            a_proto_list(b"", a_proto_span(), b"\xff", a_proto_span()),
        ),
        (
            V1,
            THRIFT,
            a_thrift_list(a_thrift_span(), a_thrift_span(id=0), b"\0", a_thrift_span()),
        ),
    ],
)
def test_good_spans_beside_bad_ones_are_kept(path: str, media_type: str, body) -> None:
    decoded = decode(path, body, media_type)
    assert (len(decoded.batch), decoded.rejected_spans) == (2, 2)


def test_a_body_of_bad_spans_only_is_refused_with_the_first_reason() -> None:
    body = json.dumps([{**SPAN, "id": "x"}, {**SPAN, "traceId": ""}])
    assert refusal(V2, body) == "item 1: 'x' is no span ID: expected hex digits"
    assert refusal(V2, a_proto_list(b""), PROTOBUF).startswith("byte 2: a trace ID has 16 bytes")
    assert refusal(V1, a_thrift_list(b"\0"), THRIFT) == "byte 5: the trace ID is missing"


def test_ids_are_taken_as_zipkin_takes_them_and_none_is_made_up() -> None:
    short = json.dumps([{"traceId": "1", "id": "a"}])
    (span,) = decode(V2, short).batch.spans()
    assert (span.trace_id, span.span_id) == (f"{1:032x}", 10)
    assert "expected hex digits" in refusal(V2, '[{"traceId":"normalized","id":"a"}]')


def test_a_large_body_is_one_answer() -> None:
    spans = [{"traceId": "1", "id": f"{number:x}"} for number in range(1, 60_001)]
    decoded = decode(V2, json.dumps(spans))
    assert len(decoded.batch) == 60_000
    assert decoded.batch.to_arrow().num_rows == 60_000


def test_health_is_answered_and_holds_no_spans() -> None:
    request = HttpRequest("GET", "/health")
    assert RECEIVER.decode(request) is None
    answer = RECEIVER.answer(request, None)
    assert (answer.status, answer.media_type) == (HTTPStatus.OK, "application/json")
    assert json.loads(answer.body) == {"status": "UP"}


def test_a_refusal_is_a_line_of_text() -> None:
    answer = RECEIVER.refuse(post(V2, b"x"), HTTPStatus.BAD_REQUEST, "Expected \ud800")
    assert (answer.status, answer.media_type) == (HTTPStatus.BAD_REQUEST, "text/plain")
    assert answer.body == b"Expected ?\n"


def test_it_says_what_to_open() -> None:
    assert (RECEIVER.name, RECEIVER.flag, RECEIVER.port) == ("Zipkin", "--zipkin", 9411)
    assert RECEIVER.shown_path in RECEIVER.paths
    assert RECEIVER.paths[V1] == RECEIVER.paths[V2] == ("POST",)


bodies = st.binary(max_size=100) | st.tuples(
    st.sampled_from(
        [
            CLIENT_AND_ROOT_PROTO,
            CLIENT_AND_ROOT_THRIFT,
            CLIENT_AND_ROOT_V1.encode(),
            V2_BODY.encode(),
        ]
    ),
    st.integers(0, 400),
    st.binary(max_size=3),
).map(lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + len(parts[2]) :])


@given(st.sampled_from([V1, V2]), bodies, st.sampled_from(["", PROTOBUF, THRIFT]))
def test_any_body_is_accepted_or_refused(path: str, body: bytes, media_type: str) -> None:
    request = post(path, body, media_type)
    try:
        decoded = RECEIVER.decode(request)
    except DecodeError as error:
        answer = RECEIVER.refuse(request, HTTPStatus.BAD_REQUEST, str(error))
    else:
        answer = RECEIVER.answer(request, decoded)
    assert answer.body.count(b"\n") == (answer.status == HTTPStatus.BAD_REQUEST)
