"""Bytes ⇄ spans, one folder per wire format; none knows another. Recognised by content."""

from viewer.formats.base import Format, JsonFormat
from viewer.formats.compression import MAX_DECOMPRESSED
from viewer.formats.datadog.json import DatadogJson
from viewer.formats.datadog.msgpack import DatadogMsgpack
from viewer.formats.jaeger.json import JaegerJson
from viewer.formats.otlp.file import OtlpProtobuf
from viewer.formats.otlp.json import OtlpJson
from viewer.formats.plain.json import PlainJson
from viewer.formats.reading import BEGIN, Place, Reading, Source
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


def read_file(
    source: Source,
    *,
    lenient: bool = True,
    limit: int | None = MAX_DECOMPRESSED,
    begin: Place = BEGIN,
) -> Reading:
    """Read a file of any registered format, compressed or not, of at most ``limit`` bytes when
    decompressed, from a place on that an earlier reading of it has given. Raises DecodeError, as does
    iterating it."""
    return Reading(source, BINARY_FORMATS, JSON_FORMATS, lenient=lenient, limit=limit, begin=begin)
