"""Thrift's two wire forms, binary and compact, read within bounds (thrift/doc/specs of Apache Thrift:
thrift-binary-protocol.md, thrift-compact-protocol.md).

What the structs are called and hold is taken from the .thrift files, as thriftpy2 loads them. Its own
readers are not for strangers' bytes: a list of items of no known type costs no bytes, so that eleven
of them keep it busy for minutes, and a number may be as long as the message.
"""

import struct
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from thriftpy2.thrift import TType

from viewer.formats.base import DecodeError

MAX_DEPTH = 64
_STOP, _BOOL, _BYTE, _DOUBLE = TType.STOP, TType.BOOL, TType.BYTE, TType.DOUBLE
_I16, _I32, _I64, _TEXT = TType.I16, TType.I32, TType.I64, TType.STRING
_STRUCT, _MAP, _SET, _LIST = TType.STRUCT, TType.MAP, TType.SET, TType.LIST
_MAX_VARINT = 10
# Nobody sends millions of items (structs, texts, pairs of a map) that hold nothing. They would take
# no room, but a processor for half a minute.
_MAX_SMALL_ITEMS, _ITEM_SIZE = 1_000_000, 8

Fields = dict[str, Any]


class Field(NamedTuple):
    """A field of a struct. ``wire`` is its type as sent; ``item`` the struct that it, or each of its
    items, is."""

    name: str
    wire: int
    is_binary: bool
    item: "Shape | None"


class Shape(NamedTuple):
    """A struct: its fields by number, and which of them it must have."""

    name: str
    fields: Mapping[int, Field]
    required: tuple[str, ...]


def shape_of(declared: Any) -> Shape:
    """Return the shape of a struct that thriftpy2 has loaded (of structs, lists of structs, and
    plain types; its depth is the .thrift file's)."""
    fields: dict[int, Field] = {}
    for number, (kind, name, *rest) in declared.thrift_spec.items():
        item = rest[0] if kind == _STRUCT else rest[0][1] if kind == _LIST else None
        fields[number] = Field(
            name,
            _TEXT if kind == TType.BINARY else kind,
            kind == TType.BINARY,
            None if item is None else shape_of(item),
        )
    required = tuple(spec[1] for spec in declared.thrift_spec.values() if spec[-1])
    return Shape(declared.__name__, fields, required)


class Message(NamedTuple):
    """The head of a message: which method is called, and how (`thrift.TMessageType`)."""

    method: str
    kind: int


class ThriftReader:
    """Reads values one after another; raises DecodeError at what cannot be one.

    Items of lists that lack a required field are left out, and counted in ``left_out`` by struct and
    field: the rest can still be read, and a list of empty structs, a byte each, takes no room.
    """

    widths: ClassVar[Mapping[int, int]] = {}
    """The types whose items in a list are all of one size."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        """``position``: where the first value begins."""
        self.data, self.position = data, position
        self.left_out: Counter[tuple[str, str]] = Counter()
        self._depth = 0
        self._items_left = _MAX_SMALL_ITEMS + len(data) // _ITEM_SIZE

    def read(self, shape: Shape) -> Fields:
        """Return the fields of the struct that begins here, by name."""
        try:
            fields = self._struct(shape)
        except (IndexError, struct.error):
            raise self._broken("it breaks off") from None
        if self.position > len(self.data):
            raise self._broken("it breaks off")
        return fields

    def read_message(self) -> Message:
        """Return the head of a message."""
        try:
            return self._message()
        except (IndexError, struct.error):
            raise self._broken("it breaks off") from None

    def _struct(self, shape: Shape) -> Fields:
        self._enter()
        fields: Fields = {}
        number = 0
        while True:
            wire, number = self._field(number)
            if wire == _STOP:
                break
            field = shape.fields.get(number)
            if field is None or field.wire != wire:
                self._skip(wire)
            else:
                fields[field.name] = self._value(field)
        self._depth -= 1
        return fields

    def _value(self, field: Field) -> object:
        wire = field.wire
        if wire == _TEXT:
            raw = self._bytes()
            return raw if field.is_binary else raw.decode("utf-8", "replace")
        if wire == _LIST and field.item is not None:
            return self._structs(field.item)
        if wire == _STRUCT and field.item is not None:
            return self._struct(field.item)
        return self._number(wire)

    def _structs(self, item: Shape) -> list[Fields]:
        self._enter()
        wire, size = self._list()
        self._count(wire, size)
        structs: list[Fields] = []
        if wire == _STRUCT:
            for _ in range(size):
                fields = self._struct(item)
                for name in item.required:
                    if name not in fields:
                        self.left_out[item.name, name] += 1
                        break
                else:
                    structs.append(fields)
        else:
            self._skip_items(wire, size)
        self._depth -= 1
        return structs

    def _skip(self, wire: int) -> None:
        """Pass over a field of any type."""
        self._skip_items(wire, 1)

    def _skip_items(self, wire: int, count: int) -> None:
        """Pass over so many items; those of a type that is none would take no bytes."""
        width = self.widths.get(wire)
        if width is not None:
            self.position += width * count
            return
        for _ in range(count):
            if wire == _TEXT:
                self._bytes()
            elif wire == _STRUCT:
                self._skip_struct()
            elif wire in (_LIST, _SET):
                self._enter()
                inner, size = self._list()
                self._count(inner, size)
                self._skip_items(inner, size)
                self._depth -= 1
            elif wire == _MAP:
                self._skip_map()
            elif wire in (_I16, _I32, _I64):
                self._number(wire)
            else:
                raise self._broken(f"there is no type {wire}")

    def _skip_struct(self) -> None:
        self._enter()
        number = 0
        while True:
            wire, number = self._field(number)
            if wire == _STOP:
                break
            self._skip(wire)
        self._depth -= 1

    def _skip_map(self) -> None:
        self._enter()
        key, value, size = self._map()
        self._count(_MAP, size)
        for _ in range(size):
            self._skip_items(key, 1)
            self._skip_items(value, 1)
        self._depth -= 1

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._broken(f"it is nested deeper than {MAX_DEPTH} levels")

    def _count(self, wire: int, items: int) -> None:
        """Count items that are gone over one by one; there may be so many in all."""
        if wire not in self.widths:
            self._items_left -= items
        if self._items_left < 0:
            raise self._broken("it has more items than there is room for anything in them")

    def _sized(self, size: int) -> int:
        """Return a declared size (bytes, or items of at least one) if there may be so many."""
        left = len(self.data) - self.position
        if not 0 <= size <= left:
            raise self._broken(f"it declares a size of {size} where {max(left, 0)} bytes are left")
        return size

    def _bytes(self) -> bytes:
        size = self._sized(self._size())
        begin = self.position
        self.position = begin + size
        return self.data[begin : self.position]

    def _broken(self, why: str) -> DecodeError:
        return DecodeError(f"malformed Thrift: {why}", f"byte {min(self.position, len(self.data))}")

    # What differs between the wire forms. They may raise IndexError and struct.error at the end.

    def _message(self) -> Message:
        raise NotImplementedError

    def _field(self, before: int) -> tuple[int, int]:
        """Return a field's type and number, given the number of the one before it."""
        raise NotImplementedError

    def _list(self) -> tuple[int, int]:
        """Return the type and number of a list's items."""
        raise NotImplementedError

    def _map(self) -> tuple[int, int, int]:
        """Return the types of a map's keys and values, and how many there are."""
        raise NotImplementedError

    def _size(self) -> int:
        raise NotImplementedError

    def _number(self, wire: int) -> int | float | bool:
        raise NotImplementedError


class BinaryReader(ThriftReader):
    """Thrift's binary protocol; a message may begin with a version (strict) or without."""

    widths: ClassVar[Mapping[int, int]] = {
        _BOOL: 1,
        _BYTE: 1,
        _I16: 2,
        _I32: 4,
        _I64: 8,
        _DOUBLE: 8,
    }
    _FIELD, _ITEMS, _PAIRS = struct.Struct(">bh"), struct.Struct(">bi"), struct.Struct(">bbi")
    _NUMBERS: ClassVar[Mapping[int, struct.Struct]] = {
        _BOOL: struct.Struct(">?"),
        _BYTE: struct.Struct(">b"),
        _I16: struct.Struct(">h"),
        _I32: struct.Struct(">i"),
        _I64: struct.Struct(">q"),
        _DOUBLE: struct.Struct(">d"),
    }

    def _message(self) -> Message:
        first = self._size()
        if first < 0:
            method, kind = self._bytes(), first & 0xFF
        else:
            self.position = 0
            method = self._bytes()
            kind = int(self._number(_BYTE))
        self._number(_I32)
        return Message(method.decode("utf-8", "replace"), kind)

    def _field(self, before: int) -> tuple[int, int]:
        if self.data[self.position] == _STOP:
            self.position += 1
            return _STOP, before
        wire, number = self._FIELD.unpack_from(self.data, self.position)
        self.position += 3
        return wire, number

    def _list(self) -> tuple[int, int]:
        wire, size = self._ITEMS.unpack_from(self.data, self.position)
        self.position += 5
        return wire, self._sized(size)

    def _map(self) -> tuple[int, int, int]:
        key, value, size = self._PAIRS.unpack_from(self.data, self.position)
        self.position += 6
        return key, value, self._sized(size)

    def _size(self) -> int:
        (size,) = self._NUMBERS[_I32].unpack_from(self.data, self.position)
        self.position += 4
        return int(size)

    def _number(self, wire: int) -> int | float | bool:
        layout = self._NUMBERS[wire]
        number: int | float | bool
        (number,) = layout.unpack_from(self.data, self.position)
        self.position += layout.size
        return number


class CompactReader(ThriftReader):
    """Thrift's compact protocol."""

    widths: ClassVar[Mapping[int, int]] = {_BOOL: 1, _BYTE: 1, _DOUBLE: 8}
    _TRUE, _FALSE = 1, 2
    _DOUBLE_LAYOUT = struct.Struct("<d")
    _TYPES: ClassVar[Mapping[int, int]] = {
        _TRUE: _BOOL,
        _FALSE: _BOOL,
        3: _BYTE,
        4: _I16,
        5: _I32,
        6: _I64,
        7: _DOUBLE,
        8: _TEXT,
        9: _LIST,
        10: _SET,
        11: _MAP,
        12: _STRUCT,
    }

    def __init__(self, data: bytes, position: int = 0) -> None:
        super().__init__(data, position)
        self._bool = False

    def _message(self) -> Message:
        kind = self.data[1] >> 5
        self.position = 2
        self._varint()
        return Message(self._bytes().decode("utf-8", "replace"), kind)

    def _field(self, before: int) -> tuple[int, int]:
        head = self.data[self.position]
        self.position += 1
        code = head & 0x0F
        if code == 0:
            return _STOP, before
        number = before + (head >> 4) if head >> 4 else self._zigzag()
        # A field's truth is its type; it takes no bytes of its own.
        self._bool = code == self._TRUE
        return self._type(code), number

    def _skip(self, wire: int) -> None:
        if wire != _BOOL:
            self._skip_items(wire, 1)

    def _list(self) -> tuple[int, int]:
        head = self.data[self.position]
        self.position += 1
        size = head >> 4
        if size == 15:
            size = self._varint()
        # An empty list may leave its type open.
        return self._type(head & 0x0F) if size else _STRUCT, self._sized(size)

    def _map(self) -> tuple[int, int, int]:
        size = self._sized(self._varint())
        if not size:
            return _BYTE, _BYTE, 0
        head = self.data[self.position]
        self.position += 1
        return self._type(head >> 4), self._type(head & 0x0F), size

    def _type(self, code: int) -> int:
        wire = self._TYPES.get(code)
        if wire is None:
            raise self._broken(f"there is no type {code}")
        return wire

    def _size(self) -> int:
        return self._varint()

    def _number(self, wire: int) -> int | float | bool:
        if wire == _BOOL:
            return self._bool
        if wire == _DOUBLE:
            number: float
            (number,) = self._DOUBLE_LAYOUT.unpack_from(self.data, self.position)
            self.position += 8
            return number
        if wire == _BYTE:
            byte = self.data[self.position]
            self.position += 1
            return byte - 256 if byte > 127 else byte
        return self._zigzag()

    def _zigzag(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        data, position = self.data, self.position
        byte = data[position]
        position += 1
        number = byte & 0x7F
        shift = 7
        while byte & 0x80:
            if shift == 7 * _MAX_VARINT:
                raise self._broken("a number has more than 64 bits")
            byte = data[position]
            position += 1
            number |= (byte & 0x7F) << shift
            shift += 7
        self.position = position
        if number >> 64:
            raise self._broken("a number has more than 64 bits")
        return number
