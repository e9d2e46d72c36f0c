"""OTLP's protobuf messages, declared so that decoding is cheap and survives bad text.

Field numbers are those of opentelemetry/proto/trace/v1/trace.proto and its imports; the wire form
is the same. What is decoded through a cache or seldom (attributes, events, links, resource, scope,
status) is declared as ``bytes`` and parsed on demand.
"""

from viewer.formats.messages import Field, message_classes

_MESSAGES = {
    "Request": (Field(1, "resource_spans", "ResourceSpans", repeated=True),),
    "ResourceSpans": (
        Field(1, "resource", "bytes"),
        Field(2, "scope_spans", "ScopeSpans", repeated=True),
        Field(3, "schema_url", "bytes"),
        # Senders of before 2022 put the same content under this number.
        Field(1000, "instrumentation_library_spans", "ScopeSpans", repeated=True),
    ),
    "ScopeSpans": (
        Field(1, "scope", "bytes"),
        Field(2, "spans", "Span", repeated=True),
        Field(3, "schema_url", "bytes"),
    ),
    "Span": (
        Field(1, "trace_id", "bytes"),
        Field(2, "span_id", "bytes"),
        Field(3, "trace_state", "bytes"),
        Field(4, "parent_span_id", "bytes"),
        Field(5, "name", "bytes"),
        Field(6, "kind", "int32"),
        Field(7, "start_time_unix_nano", "fixed64"),
        Field(8, "end_time_unix_nano", "fixed64"),
        Field(9, "attributes", "bytes", repeated=True),
        Field(10, "dropped_attributes_count", "uint32"),
        Field(11, "events", "bytes", repeated=True),
        Field(12, "dropped_events_count", "uint32"),
        Field(13, "links", "bytes", repeated=True),
        Field(14, "dropped_links_count", "uint32"),
        Field(15, "status", "bytes"),
        Field(16, "flags", "fixed32"),
    ),
    "Status": (Field(2, "message", "bytes"), Field(3, "code", "int32")),
    "Event": (
        Field(1, "time_unix_nano", "fixed64"),
        Field(2, "name", "bytes"),
        Field(3, "attributes", "bytes", repeated=True),
        Field(4, "dropped_attributes_count", "uint32"),
    ),
    "Link": (
        Field(1, "trace_id", "bytes"),
        Field(2, "span_id", "bytes"),
        Field(3, "trace_state", "bytes"),
        Field(4, "attributes", "bytes", repeated=True),
        Field(5, "dropped_attributes_count", "uint32"),
        Field(6, "flags", "fixed32"),
    ),
    "Resource": (Field(1, "attributes", "bytes", repeated=True),),
    "Scope": (
        Field(1, "name", "bytes"),
        Field(2, "version", "bytes"),
        Field(3, "attributes", "bytes", repeated=True),
    ),
    "KeyValue": (Field(1, "key", "bytes"), Field(2, "value", "AnyValue")),
    "AnyValue": (
        Field(1, "string_value", "bytes", oneof=True),
        Field(2, "bool_value", "bool", oneof=True),
        Field(3, "int_value", "int64", oneof=True),
        Field(4, "double_value", "double", oneof=True),
        Field(5, "array_value", "ArrayValue", oneof=True),
        Field(6, "kvlist_value", "KeyValueList", oneof=True),
        Field(7, "bytes_value", "bytes", oneof=True),
    ),
    "ArrayValue": (Field(1, "values", "AnyValue", repeated=True),),
    "KeyValueList": (Field(1, "values", "KeyValue", repeated=True),),
}
_CLASSES = message_classes("tracefall.otlp", _MESSAGES)
Request = _CLASSES["Request"]
Span = _CLASSES["Span"]
Status = _CLASSES["Status"]
Event = _CLASSES["Event"]
Link = _CLASSES["Link"]
Resource = _CLASSES["Resource"]
Scope = _CLASSES["Scope"]
KeyValue = _CLASSES["KeyValue"]
