"""What X-Ray's daemon opens for the SDKs: datagrams of one document, and its API over HTTP.

Wire contract: aws-xray-daemon (the datagram's header) and the service model ``xray-2016-04-12``.
All that is asked about sampling is answered with: keep everything. Signatures are not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import orjson

from viewer.formats.base import Decoded, DecodeError
from viewer.formats.loose_json import load, paused_gc
from viewer.formats.receiver import HttpAnswer, HttpRequest
from viewer.formats.xray.documents import Sent, sent_documents
from viewer.formats.xray.json import is_header
from viewer.formats.xray.sampling import rules, rules_asked_for, targets
from viewer.formats.xray.segments import Refused, add_documents

_HEADER = 'the first line is to be {"format":"json","version":1}'
_RULES, _TARGETS = "/GetSamplingRules", "/SamplingTargets"
_DOCUMENTS, _TELEMETRY = "/TraceSegments", "/TelemetryRecords"
# X-Ray itself takes 50; so many cost seconds to refuse, where a hostile body could hold millions.
_MAX_DOCUMENTS = 100_000
_TYPES = {
    HTTPStatus.BAD_REQUEST: "InvalidRequestException",
    HTTPStatus.TOO_MANY_REQUESTS: "ThrottledException",
}


@dataclass(slots=True)
class DecodedDocuments(Decoded):
    """The spans of a request, and which of its documents are not kept, or not all of them."""

    refused: list[Refused] = field(default_factory=list)


class XrayUdp:
    """X-Ray as its SDKs send it: a header line, then one document."""

    name = "AWS X-Ray UDP"
    flag = "--xray"
    port = 2000

    def decode(self, datagram: bytes) -> Decoded:
        """Return the spans of a datagram; raises DecodeError."""
        header, _, body = datagram.partition(b"\n")
        try:
            known = is_header(load(header))
        except DecodeError:
            known = False
        if not known:
            raise DecodeError(f"no X-Ray header: {_HEADER}")
        if not body.strip():
            raise DecodeError("no segment document follows the X-Ray header")
        value = load(body)
        if not isinstance(value, dict):
            raise DecodeError("an X-Ray segment document is a JSON object")
        decoded = Decoded()
        add_documents([Sent(value)], decoded, lenient=False)
        return decoded


class XrayHttp:
    """X-Ray's API, as far as its SDKs and its daemon call it."""

    name = "AWS X-Ray HTTP"
    flag = "--xray"
    port = 2000
    shown_path = _DOCUMENTS
    paths: Mapping[str, tuple[str, ...]] = dict.fromkeys(
        (_RULES, _TARGETS, _DOCUMENTS, _TELEMETRY), ("POST",)
    )

    def decode(self, request: HttpRequest) -> Decoded | None:
        """Return the spans of the documents sent, None for what is about sampling or the sender's
        own state. Any content type is taken, as SDKs send several. Raises DecodeError."""
        if request.path == _TARGETS:
            rules_asked_for(request.body)
        if request.path != _DOCUMENTS:
            return None
        decoded = DecodedDocuments()
        with paused_gc():
            value = load(request.body)
            sent = value.get("TraceSegmentDocuments") if isinstance(value, dict) else None
            if not isinstance(sent, list):
                raise DecodeError('expected {"TraceSegmentDocuments": ["…", …]}')
            if len(sent) > _MAX_DOCUMENTS:
                raise DecodeError(f"more than {_MAX_DOCUMENTS} segment documents in one request")
            documents = sent_documents({"TraceSegmentDocuments": sent})
            decoded.refused = add_documents(documents, decoded, lenient=False)
        return decoded

    def answer(self, request: HttpRequest, decoded: Decoded | None) -> HttpAnswer:
        """Answer as X-Ray does; the documents that are not kept are named."""
        if request.path == _RULES:
            return _answer(rules())
        if request.path == _TARGETS:
            return _answer(targets(rules_asked_for(request.body)))
        if request.path != _DOCUMENTS:
            return _answer({})
        refused = decoded.refused if isinstance(decoded, DecodedDocuments) else []
        unprocessed = [
            {"Id": item.id, "ErrorCode": item.code, "Message": item.reason} for item in refused
        ]
        return _answer({"UnprocessedTraceSegments": unprocessed})

    def refuse(
        self,
        request: HttpRequest,  # noqa: ARG002 (all paths err alike)
        status: HTTPStatus,
        message: str,
    ) -> HttpAnswer:
        """Answer with an error as the protocol of AWS (rest-json) has it."""
        named = {"__type": _TYPES[status]} if status in _TYPES else {}
        return _answer({**named, "message": message}, status)


def _answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> HttpAnswer:
    return HttpAnswer(status, orjson.dumps(value))
