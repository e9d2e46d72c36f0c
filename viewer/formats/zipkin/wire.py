"""Zipkin's protobuf messages (package zipkin.proto3), declared so that one bad span costs one span.

Field numbers and wire types are those of openzipkin/zipkin-api: zipkin.proto. Annotations and tags
are ``bytes`` that are parsed one by one, so that a span of millions of them is refused before it
takes memory.
"""

from viewer.formats.messages import Field, message_classes

_MESSAGES = {
    "Span": (
        Field(1, "trace_id", "bytes"),
        Field(2, "parent_id", "bytes"),
        Field(3, "id", "bytes"),
        Field(4, "kind", "int32"),
        Field(5, "name", "bytes"),
        Field(6, "timestamp", "fixed64"),
        Field(7, "duration", "uint64"),
        Field(8, "local_endpoint", "Endpoint"),
        Field(9, "remote_endpoint", "Endpoint"),
        Field(10, "annotations", "bytes", repeated=True),
        Field(11, "tags", "bytes", repeated=True),
        Field(12, "debug", "bool"),
        Field(13, "shared", "bool"),
    ),
    "Endpoint": (
        Field(1, "service_name", "bytes"),
        Field(2, "ipv4", "bytes"),
        Field(3, "ipv6", "bytes"),
        Field(4, "port", "int32"),
    ),
    "Annotation": (Field(1, "timestamp", "fixed64"), Field(2, "value", "bytes")),
    "Tag": (Field(1, "key", "bytes"), Field(2, "value", "bytes")),
}
_CLASSES = message_classes("tracefall.zipkin", _MESSAGES)
Span = _CLASSES["Span"]
Endpoint = _CLASSES["Endpoint"]
Annotation = _CLASSES["Annotation"]
Tag = _CLASSES["Tag"]
