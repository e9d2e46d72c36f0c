"""MessagePack as strangers write it, read at a cost that the bytes themselves pay for.

The C library makes a list as long as a header claims before it has seen an item. So the long arrays
(chunks, spans, strings) are walked header by header, and what is left has a limit; a value within a
value (``meta_struct``) goes to the library's Python form, which makes nothing beforehand.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

import msgpack  # type: ignore[import-untyped]
from msgpack.exceptions import OutOfData, StackError  # type: ignore[import-untyped]
from msgpack.fallback import Unpacker as PythonUnpacker  # type: ignore[import-untyped]

from viewer.formats.base import DecodeError

MAX_ITEMS = 1 << 16
# How short chunks and spans can be. Shorter ones pass where they are few, to be refused singly.
CHUNK_SIZE, SPAN_SIZE = 8, 10
_LEEWAY = 10_000
# An empty list or map is a byte on the wire and seventy in memory; real ones are longer on average.
_CONTAINER_SIZE = 8


class Pairs(list[tuple[object, object]]):
    """A map as its pairs, in the order of the wire, keys that come twice included."""


def _mapping(pairs: Sequence[tuple[object, object]]) -> dict[object, object]:
    try:
        return dict(pairs)
    except TypeError:
        # A list or map as a key: the pair is nothing that anybody means.
        return {key: value for key, value in pairs if isinstance(key, str | int | bytes)}


class _Containers:
    """Counts the lists and maps that the library makes, and raises ValueError at too many."""

    def __init__(self, size: int, make: Callable[[list[tuple[object, object]]], object]) -> None:
        self._left = _LEEWAY + size // _CONTAINER_SIZE
        self._make = make

    def map_of(self, pairs: list[tuple[object, object]]) -> object:
        self._count()
        return self._make(pairs)

    def list_of(self, items: list[object]) -> list[object]:
        self._count()
        return items

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError("more lists and maps than there is room for anything in them")


def _mapping_of_all(pairs: Iterable[tuple[object, object]]) -> dict[object, object]:
    """As _mapping, for the library's Python form, whose iterator would be used up by a fault."""
    return _mapping(list(pairs))


class Reader:
    """Walks MessagePack. Every method raises DecodeError with what was expected and where; text
    that is no UTF-8 is replaced, so that it costs no neighbour."""

    def __init__(self, data: bytes, *, pairs: bool = False) -> None:
        """``pairs``: maps become Pairs instead of dicts."""
        self._size = len(data)
        self._claimed = 0
        containers = _Containers(len(data), Pairs if pairs else _mapping)
        self._unpacker = msgpack.Unpacker(
            raw=False,
            unicode_errors="replace",
            strict_map_key=False,
            object_pairs_hook=containers.map_of,
            list_hook=containers.list_of,
            max_buffer_size=max(len(data), 1),
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
        )
        self._unpacker.feed(data)

    @property
    def size(self) -> int:
        """How many bytes there are in all."""
        return self._size

    @property
    def rest(self) -> int:
        """How many bytes follow."""
        return self._size - int(self._unpacker.tell())

    def array(self, what: str, item_size: int = 1) -> int:
        """Enter an array; return its length. ``item_size`` is how many bytes an item has at least:
        lists of less are refused, before each item of millions is refused in words."""
        length = self.try_array(what, item_size)
        if length is None:
            raise DecodeError(f"expected {what}", f"byte {self._last}")
        return length

    def map(self, what: str) -> int:
        """Enter a map; return its number of pairs."""
        length = self.try_map(what)
        if length is None:
            raise DecodeError(f"expected {what}", f"byte {self._last}")
        return length

    def try_array(self, what: str, item_size: int = 1) -> int | None:
        """As array, but a value of another type is passed over: None."""
        try:
            length = int(self._unpacker.read_array_header())
        except OutOfData:
            self._broken(what, "breaks off")
        except ValueError:
            self._pass_over(what)
            return None
        self._claimed += length * item_size
        if self._claimed > self._size + _LEEWAY:
            self._broken(what, f"claims {length} items, more than there is room for")
        return length

    def try_map(self, what: str) -> int | None:
        """As map, but a value of another type is passed over: None."""
        try:
            return int(self._unpacker.read_map_header())
        except OutOfData:
            self._broken(what, "breaks off")
        except ValueError:
            self._pass_over(what)
            return None

    def value(self, what: str) -> object:
        """Return the next value whole."""
        try:
            value: object = self._unpacker.unpack()
        except OutOfData:
            self._broken(what, "breaks off")
        except StackError:
            self._broken(what, "is nested too deeply")
        except ValueError as error:
            self._broken(what, f"is no MessagePack ({str(error) or 'a byte without meaning'})")
        return value

    def _pass_over(self, what: str) -> None:
        self._last = self._unpacker.tell()
        self.value(what)

    def _broken(self, what: str, how: str) -> NoReturn:
        raise DecodeError(f"expected {what}, which {how}", f"byte {self._unpacker.tell()}")


def unpack_within(data: bytes) -> object:
    """Return the value that bytes within a value hold; raise ValueError if they are none."""
    unpacker = PythonUnpacker(
        raw=False, unicode_errors="replace", strict_map_key=False, object_pairs_hook=_mapping_of_all
    )
    unpacker.feed(data)
    try:
        value: object = unpacker.unpack()
    except OutOfData as error:
        raise ValueError("it breaks off") from error
    if unpacker.tell() != len(data):
        raise ValueError("something follows the value")
    return value
