"""Jaeger's Thrift messages, written by thriftpy2, as its clients write them."""

from typing import Any

from thriftpy2.protocol.binary import TBinaryProtocol
from thriftpy2.protocol.compact import TCompactProtocol
from thriftpy2.thrift import TMessageType
from thriftpy2.transport import TMemoryBuffer

from viewer.formats.jaeger import thrift

AGENT = thrift.AGENT
JAEGER = AGENT.jaeger
STRING, DOUBLE, BOOL, LONG, BINARY = range(5)
HIGH, LOW, SPAN_ID = 0x0AF7651916CD43DD, 0x1448EB211C80319C, 0x37AD6B7169203331
TRACE = f"{HIGH:016x}{LOW:016x}"


def signed(number: int) -> int:
    """The i64 that has these 64 bits."""
    return number - (1 << 64) if number >> 63 else number


def tag(key: str, value: object) -> Any:
    kinds = {str: STRING, float: DOUBLE, bool: BOOL, int: LONG, bytes: BINARY}
    fields = ("vStr", "vDouble", "vBool", "vLong", "vBinary")
    kind = kinds[type(value)]
    return JAEGER.Tag(key=key, vType=kind, **{fields[kind]: value})


def tags(**values: object) -> list[Any]:
    return [tag(key.replace("__", "."), value) for key, value in values.items()]


def log(timestamp: int, **fields: object) -> Any:
    return JAEGER.Log(timestamp=timestamp, fields=tags(**fields))


def reference(kind: int, span_id: int, high: int = HIGH, low: int = LOW) -> Any:
    return JAEGER.SpanRef(refType=kind, traceIdHigh=high, traceIdLow=low, spanId=span_id)


def span(**fields: object) -> Any:
    known: dict[str, object] = {
        "traceIdHigh": HIGH,
        "traceIdLow": LOW,
        "spanId": SPAN_ID,
        "parentSpanId": 0,
        "operationName": "GET /",
        "flags": 1,
        "startTime": 1_700_000_000_000_001,
        "duration": 5,
    }
    return JAEGER.Span(**(known | fields))


def batch(*spans: object, service: str = "shop", **process_tags: object) -> Any:
    process = JAEGER.Process(serviceName=service, tags=tags(**process_tags))
    return JAEGER.Batch(process=process, spans=list(spans))


def bare(value: Any) -> bytes:
    """A struct in Thrift binary, as it goes over HTTP."""
    buffer = TMemoryBuffer()
    value.write(TBinaryProtocol(buffer))
    written: bytes = buffer.getvalue()
    return written


def compact(value: Any, kind: int = TMessageType.ONEWAY, method: str = "emitBatch") -> bytes:
    """A call of the agent in Thrift compact."""
    return _call(TCompactProtocol, value, kind, method)


def binary(
    value: Any,
    kind: int = TMessageType.ONEWAY,
    method: str = "emitBatch",
    *,
    strict: bool = True,
) -> bytes:
    """A call of the agent in Thrift binary."""
    return _call(lambda buffer: TBinaryProtocol(buffer, strict_write=strict), value, kind, method)


def _call(protocol_of: Any, value: Any, kind: int, method: str) -> bytes:
    buffer = TMemoryBuffer()
    protocol = protocol_of(buffer)
    protocol.write_message_begin(method, kind, 1)
    AGENT.Agent.emitBatch_args(batch=value).write(protocol)
    protocol.write_message_end()
    written: bytes = buffer.getvalue()
    return written
