import json
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.strategies import objects_of
from tests.formats.xray.reading import LONE, SEGMENT, TRACE_ID
from viewer.formats.base import Decoded, DecodeError
from viewer.formats.receiver import DatagramReceiver, HttpReceiver, HttpRequest
from viewer.formats.xray.receiver import XrayHttp, XrayUdp
from viewer.trace.span import OpenEnd

HEADER = b'{"format":"json","version":1}\n'
DOCUMENT = json.dumps(SEGMENT).encode()


def test_they_are_receivers_of_one_port() -> None:
    datagrams: DatagramReceiver = XrayUdp()
    requests: HttpReceiver = XrayHttp()
    assert (datagrams.port, datagrams.flag) == (requests.port, requests.flag) == (2000, "--xray")
    assert requests.shown_path in requests.paths
    assert set(requests.paths.values()) == {("POST",)}


# Datagrams.


@pytest.mark.parametrize(
    "header",
    [
        b'{"format":"json","version":1}\n',
        b'{"format": "JSON", "version": 1}\r\n',
        b'{"version":1,"format":"Json"}\n\n',
    ],
)
def test_a_datagram_is_a_header_and_a_document(header: bytes) -> None:
    decoded = XrayUdp().decode(header + DOCUMENT + b"\n")
    (span,) = decoded.batch.spans()
    assert (span.trace_id, span.service, span.duration_ns) == (TRACE_ID, "shop", 500_000_000)


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", "no X-Ray header"),
        (DOCUMENT, "no X-Ray header"),
        (b"\n" + DOCUMENT, "no X-Ray header"),
        (b'{"format":"xml","version":1}\n' + DOCUMENT, "no X-Ray header"),
        (b'{"format":"json","version":2}\n' + DOCUMENT, "no X-Ray header"),
        (b'{"format":"json"}\n' + DOCUMENT, "no X-Ray header"),
        (b"[" * 60_000 + b"\n", "no X-Ray header"),
        (HEADER, "no segment document follows"),
        (HEADER.strip(), "no segment document follows"),
        (HEADER + b"  \n", "no segment document follows"),
        (HEADER + b"[]", "an X-Ray segment document is a JSON object"),
        (HEADER + b'{"id"', "no JSON: it breaks off"),
        (HEADER + b'{"subsegments":[' * 5_000, "no JSON to be read: nested too deeply"),
    ],
)
def test_a_datagram_of_another_kind_is_refused_with_the_reason(
    datagram: bytes, reason: str
) -> None:
    with pytest.raises(DecodeError, match=reason):
        XrayUdp().decode(datagram)


def test_a_bad_document_in_a_datagram_is_counted() -> None:
    decoded = XrayUdp().decode(HEADER + json.dumps({**SEGMENT, "trace_id": "odd"}).encode())
    assert (len(decoded.batch), decoded.rejected_spans) == (0, 1)
    assert decoded.rejected[0].reason == "'odd' is no trace ID: expected hex digits"


def test_a_subsegment_in_a_datagram_waits_for_its_service() -> None:
    (span,) = XrayUdp().decode(HEADER + json.dumps(LONE).encode()).batch.spans()
    assert span.open_ends == OpenEnd.SERVICE_OF_PARENT


@given(
    st.binary(max_size=200)
    | st.binary(max_size=200).map(HEADER.__add__)
    | objects_of(*SEGMENT, "subsegments").map(lambda value: HEADER + json.dumps(value).encode())
    | st.integers(0, len(HEADER + DOCUMENT)).map(lambda cut: (HEADER + DOCUMENT)[:cut])
)
def test_any_datagram_is_decoded_or_refused(datagram: bytes) -> None:
    try:
        decoded = XrayUdp().decode(datagram)
    except DecodeError:
        return
    assert decoded.batch.to_arrow().num_rows == len(decoded.batch)


# Requests.


def post(path: str, body: object = b"") -> tuple[Decoded | None, HTTPStatus, dict]:
    """The spans, and the answer that a collector would give."""
    receiver = XrayHttp()
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = HttpRequest("POST", path, media_type="application/x-amz-json-1.1", body=sent)
    decoded = None
    try:
        decoded = receiver.decode(request)
        answer = receiver.answer(request, decoded)
    except DecodeError as error:
        answer = receiver.refuse(request, HTTPStatus.BAD_REQUEST, str(error))
    assert answer.media_type == "application/json"
    return decoded, answer.status, json.loads(answer.body)


def test_documents_are_kept_and_nothing_is_unprocessed() -> None:
    texts = [json.dumps(LONE), json.dumps(SEGMENT)]
    decoded, status, answer = post("/TraceSegments", {"TraceSegmentDocuments": texts})
    assert decoded is not None
    assert [span.service for span in decoded.batch.spans()] == ["shop", "shop"]
    assert (status, answer) == (HTTPStatus.OK, {"UnprocessedTraceSegments": []})


def test_bad_documents_are_named_and_good_ones_are_kept() -> None:
    texts = [
        "no json",
        json.dumps({**SEGMENT, "trace_id": "odd"}),
        json.dumps({**SEGMENT, "subsegments": [{"id": "x"}]}),
        json.dumps({**SEGMENT, "id": "aa"}),
    ]
    decoded, status, answer = post("/TraceSegments", {"TraceSegmentDocuments": texts})
    assert decoded is not None
    assert (len(decoded.batch), decoded.rejected_spans) == (2, 3)
    assert status == HTTPStatus.OK
    assert answer["UnprocessedTraceSegments"] == [
        {
            "Id": "",
            "ErrorCode": "ParseError",
            "Message": "byte 0: no JSON: expecting value",
        },
        {
            "Id": SEGMENT["id"],
            "ErrorCode": "InvalidTraceId",
            "Message": "'odd' is no trace ID: expected hex digits",
        },
        {
            "Id": SEGMENT["id"],
            "ErrorCode": "InvalidSegment",
            "Message": "document 3 subsegment 1 'x' is no span ID: expected hex digits",
        },
    ]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'"text"', {"TraceSegmentDocuments": "x"}, DOCUMENT]
)
def test_a_request_without_documents_is_answered_as_aws_does(body: object) -> None:
    decoded, status, answer = post("/TraceSegments", body)
    assert decoded is None
    assert status == HTTPStatus.BAD_REQUEST
    assert answer["__type"] == "InvalidRequestException"
    assert "TraceSegmentDocuments" in answer["message"] or "no JSON" in answer["message"]


def test_a_request_of_endless_documents_is_refused_and_a_long_answer_is_cut() -> None:
    _, status, answer = post("/TraceSegments", {"TraceSegmentDocuments": [1] * 100_001})
    assert (status, answer["message"]) == (
        HTTPStatus.BAD_REQUEST,
        "more than 100000 segment documents in one request",
    )
    decoded, _, answer = post("/TraceSegments", {"TraceSegmentDocuments": [1] * 3_000})
    assert decoded is not None
    assert decoded.rejected_spans == 3_000
    assert len(answer["UnprocessedTraceSegments"]) == 1_000


@pytest.mark.parametrize("body", [b"{}", b"", b"odd"])
def test_the_rules_are_told_whatever_is_asked(body: bytes) -> None:
    decoded, status, answer = post("/GetSamplingRules", body)
    assert (decoded, status) == (None, HTTPStatus.OK)
    assert answer["SamplingRuleRecords"][0]["SamplingRule"]["FixedRate"] == 1.0


def test_the_targets_are_told_for_the_rules_asked_about() -> None:
    reports = {"SamplingStatisticsDocuments": [{"RuleName": "Default", "RequestCount": 1}]}
    decoded, status, answer = post("/SamplingTargets", reports)
    assert (decoded, status) == (None, HTTPStatus.OK)
    assert answer["SamplingTargetDocuments"][0]["RuleName"] == "Default"
    assert post("/SamplingTargets", b"odd")[1] == HTTPStatus.BAD_REQUEST


def test_telemetry_is_taken_and_not_kept() -> None:
    assert post("/TelemetryRecords", {"TelemetryRecords": []}) == (None, HTTPStatus.OK, {})


def test_an_error_says_what_it_is_in_aws_s_form() -> None:
    request = HttpRequest("POST", "/TraceSegments")
    answers = [
        json.loads(XrayHttp().refuse(request, status, "why").body)
        for status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
    ]
    assert answers == [{"__type": "ThrottledException", "message": "why"}, {"message": "why"}]


@given(
    st.sampled_from(sorted(XrayHttp.paths)),
    st.binary(max_size=100)
    | objects_of("TraceSegmentDocuments", "SamplingStatisticsDocuments", "RuleName", *SEGMENT).map(
        lambda value: json.dumps(value).encode()
    ),
)
def test_any_request_is_answered(path: str, body: bytes) -> None:
    decoded, _, _ = post(path, body)
    if decoded is not None:
        decoded.batch.to_arrow()
