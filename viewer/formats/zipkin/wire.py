"""Zipkin's protobuf messages (package zipkin.proto3), declared so that one bad span costs one span.

Field numbers and wire types are those of openzipkin/zipkin-api: zipkin.proto. They are declared
here, not generated from it, for two liberties: every ``string`` is ``bytes``, since protobuf would
refuse a whole message for one invalid UTF-8 byte, and annotations and tags are ``bytes`` that are
parsed one by one, so that a span of millions of them is refused before it takes memory.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "tracefall.zipkin"
_TYPES = descriptor_pb2.FieldDescriptorProto
# message: (number, name, type); brackets: repeated, capitals: a message
_MESSAGES = {
    "Span": (
        (1, "trace_id", "bytes"),
        (2, "parent_id", "bytes"),
        (3, "id", "bytes"),
        (4, "kind", "int32"),
        (5, "name", "bytes"),
        (6, "timestamp", "fixed64"),
        (7, "duration", "uint64"),
        (8, "local_endpoint", "Endpoint"),
        (9, "remote_endpoint", "Endpoint"),
        (10, "annotations", "[bytes]"),
        (11, "tags", "[bytes]"),
        (12, "debug", "bool"),
        (13, "shared", "bool"),
    ),
    "Endpoint": (
        (1, "service_name", "bytes"),
        (2, "ipv4", "bytes"),
        (3, "ipv6", "bytes"),
        (4, "port", "int32"),
    ),
    "Annotation": ((1, "timestamp", "fixed64"), (2, "value", "bytes")),
    "Tag": ((1, "key", "bytes"), (2, "value", "bytes")),
}


def _message_classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="tracefall/zipkin.proto", package=_PACKAGE, syntax="proto3"
    )
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for number, name, kind in fields:
            repeated, kind = kind.startswith("["), kind.strip("[]")
            label = _TYPES.LABEL_REPEATED if repeated else _TYPES.LABEL_OPTIONAL
            declared = message.field.add(name=name, number=number, label=label)
            if kind in _MESSAGES:
                declared.type = _TYPES.TYPE_MESSAGE
                declared.type_name = f".{_PACKAGE}.{kind}"
            else:
                declared.type = _TYPES.Type.Value(f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


_CLASSES = _message_classes()
Span = _CLASSES["Span"]
Endpoint = _CLASSES["Endpoint"]
Annotation = _CLASSES["Annotation"]
Tag = _CLASSES["Tag"]
