"""OTLP protobuf in files: one ExportTraceServiceRequest, or many with a 4-byte big-endian length
before each, as the Collector's file exporter writes (opentelemetry-proto: collector/trace/v1).

Requests after one another are one request with all their spans, as protobuf has it. So a piece of a
file is decoded at once, and if that fails request by request, for what is good in it.
"""

from collections.abc import Iterator

from viewer.formats.base import Decoded, DecodeError, Payload
from viewer.formats.otlp.decoder import OtlpDecoder
from viewer.formats.otlp.protobuf import EXPECTED, decode_message

_TAG = 0x0A  # field 1 of the request, with a length
_LENGTH = 4
# Loading the compiled decoder takes a second, and the first time ten.
_WORTH_BYTES = 32 << 20


class OtlpProtobuf:
    """The format `otlp-proto`."""

    name = "otlp-proto"
    title = "OTLP protobuf"

    def __init__(self) -> None:
        self._decoder = OtlpDecoder()
        self._bytes = 0

    def sniff(self, data: bytes) -> bool:
        """Recognise one message, or a length prefix that is followed by one."""
        return _begins_frame(data) or (0 < len(data) == _end_of_fields(data))

    def sniff_begin(self, data: bytes) -> bool:
        """Recognise the same by its begin."""
        return _begins_frame(data) or _end_of_fields(data) >= 0

    def cut(self, data: bytes) -> int:
        """Return where the last whole frame, or the last whole field of a message, ends."""
        position = 0
        if data[:1] != bytes([_TAG]):
            for _, end in _frames(data):
                if end > len(data):
                    break
                position = end
            return position
        while position < len(data):
            end = _end_of_field(data, position)
            if end < 0:
                return len(data)
            if end == 0 or end > len(data):
                break
            position = end
        return position

    def decode(self, payload: Payload) -> Iterator[Decoded]:
        """Yield the spans; a frame that breaks is a rejection if one before it was good."""
        data = payload.data
        is_message = _end_of_fields(data) == len(data) > 0
        frames = [(0, len(data))] if is_message else list(_frames(data))
        if frames and frames[-1][1] <= len(data):
            joined = data if is_message else b"".join(data[begin:end] for begin, end in frames)
            decoded = self._decode_at_once(joined)
            if decoded is not None:
                yield decoded
                return
        read = payload.at
        for begin, end in frames:
            where = f"byte {payload.at + begin}"
            try:
                if end > len(data):
                    raise DecodeError(f"{EXPECTED} of {end - begin} bytes; the file ends", where)
                yield from decode_message(data[begin:end], where)
            except DecodeError as error:
                if not read:
                    raise
                broken = Decoded(breaks_off=True)
                broken.reject(error.reason, error.where)
                yield broken
                return
            read += 1
        if not read:
            raise DecodeError(EXPECTED, "byte 0")

    def _decode_at_once(self, data: bytes) -> Decoded | None:
        """Decode requests after one another; None if one of them may be broken."""
        self._bytes += len(data)
        if self._bytes >= _WORTH_BYTES and not self._decoder.is_compiled:
            self._decoder.warm_up()
            self._bytes = 0  # where there is no compiler, it is not looked for again at once
        try:
            return self._decoder.decode_request(data)
        except DecodeError:
            return None


def _begins_frame(data: bytes) -> bool:
    if len(data) < _LENGTH or data[0] not in (0, 1):
        return False
    begin, end = next(_frames(data))
    return begin < end and data[begin] == _TAG if begin < len(data) else False


def _end_of_fields(data: bytes) -> int:
    """Return where fields of number 1 with a length, end to end, end, which may be beyond the data;
    -1 if something else is there."""
    position = 0
    while position < len(data):
        end = _end_of_field(data, position)
        if end <= 0:
            return end or len(data) + 1
        position = end
    return position


def _end_of_field(data: bytes, position: int) -> int:
    """Return where a field of number 1 with a length ends; 0 if the data ends within the length, -1
    if something else is there."""
    if data[position] != _TAG:
        return -1
    length, shift = 0, 0
    for byte in data[position + 1 : position + 6]:
        position += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return position + 1 + length
    return -1 if shift > 28 else 0


def _frames(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (begin, end) of each length-prefixed message; the last may lie beyond the data."""
    position = 0
    while position + _LENGTH <= len(data):
        begin = position + _LENGTH
        position = begin + int.from_bytes(data[position:begin], "big")
        yield begin, position
