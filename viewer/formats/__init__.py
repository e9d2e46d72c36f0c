"""Bytes ⇄ spans, one folder per wire format; none knows another. Recognised by content."""

from collections.abc import Iterator
from dataclasses import replace

from viewer.formats.base import Decoded, DecodeError, Format, JsonFormat, Payload
from viewer.formats.compression import MAX_DECOMPRESSED, decompress
from viewer.formats.datadog.json import DatadogJson
from viewer.formats.datadog.msgpack import DatadogMsgpack
from viewer.formats.documents import decode_documents
from viewer.formats.jaeger.json import JaegerJson
from viewer.formats.otlp.json import OtlpJson
from viewer.formats.otlp.protobuf import OtlpProtobuf
from viewer.formats.plain.json import PlainJson
from viewer.formats.xray.json import XrayJson
from viewer.formats.zipkin.proto import ZipkinProto
from viewer.formats.zipkin.thrift import ZipkinThrift
from viewer.formats.zipkin.v1 import ZipkinV1
from viewer.formats.zipkin.v2 import ZipkinV2

# A new format is one more line in one of these. The first that recognises a file reads it, as does
# the first that claims a JSON value; so OTLP protobuf, which takes any message's field 1, comes last.
BINARY_FORMATS: tuple[Format, ...] = (
    ZipkinProto(),
    ZipkinThrift(),
    DatadogMsgpack(),
    OtlpProtobuf(),
)
JSON_FORMATS: tuple[JsonFormat, ...] = (
    OtlpJson(),
    JaegerJson(),
    ZipkinV1(),
    ZipkinV2(),
    XrayJson(),
    DatadogJson(),
    PlainJson(),
)
FORMATS: tuple[Format | JsonFormat, ...] = (*BINARY_FORMATS, *JSON_FORMATS)
ACCEPTED = ", ".join(wire_format.title for wire_format in FORMATS)


class Decoding:
    """A file being decoded: iterate it for its chunks of spans. ``format`` names what was met so
    far (several names where a file mixes JSON formats), so read it afterwards."""

    def __init__(self, payload: Payload, limit: int = MAX_DECOMPRESSED) -> None:
        """Decompress and recognise the bytes; raises DecodeError if decompression fails."""
        self._payload = replace(payload, data=decompress(payload.data, limit))
        self._binary = next(
            (
                wire_format
                for wire_format in BINARY_FORMATS
                if wire_format.sniff(self._payload.data)
            ),
            None,
        )
        self._met: list[JsonFormat] = []

    @property
    def format(self) -> str:
        """The name of the format, empty as long as nothing was recognised."""
        if self._binary is not None:
            return self._binary.name
        return ", ".join(wire_format.name for wire_format in self._met)

    def __iter__(self) -> Iterator[Decoded]:
        """Yield the chunks; raises DecodeError, in one line, if nothing can be read."""
        if self._binary is not None:
            yield from self._binary.decode(self._payload)
            return
        try:
            yield from decode_documents(
                self._payload.data, JSON_FORMATS, self._payload.lenient, self._met
            )
        except DecodeError as error:
            reason = f"{error.reason}; accepted are {ACCEPTED}, plain or in gzip or zstd"
            raise DecodeError(reason, error.where) from None


def decode(payload: Payload, limit: int = MAX_DECOMPRESSED) -> Decoding:
    """Decode bytes of any registered format, compressed or not; at most ``limit`` bytes when
    decompressed. See Decoding; raises DecodeError, as does iterating."""
    return Decoding(payload, limit)
