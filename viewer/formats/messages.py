"""Protobuf message classes out of a table of fields, for what strangers send.

They are declared, not generated from the .proto files, for two liberties. A ``string`` is declared
as ``bytes``, whose wire form is the same: one invalid UTF-8 byte in a ``string`` makes protobuf
refuse the whole message, while bytes cost nobody else and are decoded with replacement. And a part
that is to be parsed later, or one by one, is ``bytes`` in place of its message.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_TYPES = descriptor_pb2.FieldDescriptorProto


class Field(NamedTuple):
    """A field of a message. ``type`` is one of protobuf's, or a message of the same package; those
    of a message that are ``oneof`` exclude one another, and `WhichOneof("value")` tells them."""

    number: int
    name: str
    type: str
    repeated: bool = False
    oneof: bool = False


def message_classes(package: str, messages: Mapping[str, Sequence[Field]]) -> dict[str, Any]:
    """Return the classes of a package's messages by name, in a pool of their own."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package.replace('.', '/')}.proto", package=package, syntax="proto3"
    )
    for message_name, fields in messages.items():
        message = file.message_type.add(name=message_name)
        for field in fields:
            label = _TYPES.LABEL_REPEATED if field.repeated else _TYPES.LABEL_OPTIONAL
            declared = message.field.add(name=field.name, number=field.number, label=label)
            if field.type in messages:
                declared.type = _TYPES.TYPE_MESSAGE
                declared.type_name = f".{package}.{field.type}"
            else:
                declared.type = _TYPES.Type.Value(f"TYPE_{field.type.upper()}")
            if field.oneof:
                declared.oneof_index = 0
        if any(field.oneof for field in fields):
            message.oneof_decl.add(name="value")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in messages
    }
