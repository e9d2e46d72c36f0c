"""How much text may be made of strings that are sent once and pointed to over and over.

A pointer takes a byte or two, and what it points to may be megabytes: a small body would become
terabytes of attributes. Clients repeat statements and stack traces, so there is much room for that.
"""

_LEAST, _TIMES = 32 << 20, 8
_SHORT = 64
NO_ROOM = "a span points to long strings that were pointed to too often"


class Room:
    """The room that a payload has for the strings that it points to."""

    def __init__(self, body_size: int) -> None:
        self._left = max(_LEAST, _TIMES * body_size)

    def holds(self, text: str) -> bool:
        """Take room for a string pointed to; say whether there was any. Short ones need none."""
        if len(text) <= _SHORT:
            return True
        self._left -= len(text)
        return self._left >= 0
