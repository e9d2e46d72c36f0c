"""OTLP's protobuf messages, declared so that decoding is cheap and survives bad text.

Field numbers are those of opentelemetry/proto/trace/v1/trace.proto and its imports; the wire form
is the same. Two liberties: what is decoded through a cache or seldom (attributes, events, links,
resource, scope, status) is declared as ``bytes`` and parsed on demand, and every ``string`` is
``bytes``, because one invalid UTF-8 byte would make protobuf refuse the whole request.
"""

from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = descriptor_pb2.FieldDescriptorProto


class _Field(NamedTuple):
    number: int
    name: str
    type: str
    repeated: bool = False
    oneof: bool = False


_MESSAGES: dict[str, tuple[_Field, ...]] = {
    "Request": (_Field(1, "resource_spans", "ResourceSpans", repeated=True),),
    "ResourceSpans": (
        _Field(1, "resource", "bytes"),
        _Field(2, "scope_spans", "ScopeSpans", repeated=True),
        _Field(3, "schema_url", "bytes"),
        # Senders of before 2022 put the same content under this number.
        _Field(1000, "instrumentation_library_spans", "ScopeSpans", repeated=True),
    ),
    "ScopeSpans": (
        _Field(1, "scope", "bytes"),
        _Field(2, "spans", "Span", repeated=True),
        _Field(3, "schema_url", "bytes"),
    ),
    "Span": (
        _Field(1, "trace_id", "bytes"),
        _Field(2, "span_id", "bytes"),
        _Field(3, "trace_state", "bytes"),
        _Field(4, "parent_span_id", "bytes"),
        _Field(5, "name", "bytes"),
        _Field(6, "kind", "int32"),
        _Field(7, "start_time_unix_nano", "fixed64"),
        _Field(8, "end_time_unix_nano", "fixed64"),
        _Field(9, "attributes", "bytes", repeated=True),
        _Field(10, "dropped_attributes_count", "uint32"),
        _Field(11, "events", "bytes", repeated=True),
        _Field(12, "dropped_events_count", "uint32"),
        _Field(13, "links", "bytes", repeated=True),
        _Field(14, "dropped_links_count", "uint32"),
        _Field(15, "status", "bytes"),
        _Field(16, "flags", "fixed32"),
    ),
    "Status": (_Field(2, "message", "bytes"), _Field(3, "code", "int32")),
    "Event": (
        _Field(1, "time_unix_nano", "fixed64"),
        _Field(2, "name", "bytes"),
        _Field(3, "attributes", "bytes", repeated=True),
        _Field(4, "dropped_attributes_count", "uint32"),
    ),
    "Link": (
        _Field(1, "trace_id", "bytes"),
        _Field(2, "span_id", "bytes"),
        _Field(3, "trace_state", "bytes"),
        _Field(4, "attributes", "bytes", repeated=True),
        _Field(5, "dropped_attributes_count", "uint32"),
        _Field(6, "flags", "fixed32"),
    ),
    "Resource": (_Field(1, "attributes", "bytes", repeated=True),),
    "Scope": (
        _Field(1, "name", "bytes"),
        _Field(2, "version", "bytes"),
        _Field(3, "attributes", "bytes", repeated=True),
    ),
    "KeyValue": (_Field(1, "key", "bytes"), _Field(2, "value", "AnyValue")),
    "AnyValue": (
        _Field(1, "string_value", "bytes", oneof=True),
        _Field(2, "bool_value", "bool", oneof=True),
        _Field(3, "int_value", "int64", oneof=True),
        _Field(4, "double_value", "double", oneof=True),
        _Field(5, "array_value", "ArrayValue", oneof=True),
        _Field(6, "kvlist_value", "KeyValueList", oneof=True),
        _Field(7, "bytes_value", "bytes", oneof=True),
    ),
    "ArrayValue": (_Field(1, "values", "AnyValue", repeated=True),),
    "KeyValueList": (_Field(1, "values", "KeyValue", repeated=True),),
}
_PACKAGE = "tracefall.otlp"


def _message_classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="tracefall/otlp.proto", package=_PACKAGE, syntax="proto3"
    )
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field in fields:
            label = _TYPES.LABEL_REPEATED if field.repeated else _TYPES.LABEL_OPTIONAL
            declared = message.field.add(name=field.name, number=field.number, label=label)
            if field.type in _MESSAGES:
                declared.type = _TYPES.TYPE_MESSAGE
                declared.type_name = f".{_PACKAGE}.{field.type}"
            else:
                declared.type = _TYPES.Type.Value(f"TYPE_{field.type.upper()}")
            if field.oneof:
                declared.oneof_index = 0
        if any(field.oneof for field in fields):
            message.oneof_decl.add(name="value")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _message_classes()
Request = _CLASSES["Request"]
Span = _CLASSES["Span"]
Status = _CLASSES["Status"]
Event = _CLASSES["Event"]
Link = _CLASSES["Link"]
Resource = _CLASSES["Resource"]
Scope = _CLASSES["Scope"]
KeyValue = _CLASSES["KeyValue"]
