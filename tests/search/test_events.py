"""Which events tell of an error; what stores make of it is in the stores' kit."""

import pytest

from viewer.search.events import tells_error
from viewer.trace.attributes import Value
from viewer.trace.span import Event


@pytest.mark.parametrize("name", ["exception", "error"])
def test_a_name_tells(name: str) -> None:
    assert tells_error(Event(1, name))
    assert not tells_error(Event(1, name.upper()))


@pytest.mark.parametrize(
    ("key", "value", "tells"),
    [
        ("exception.type", "E", True),
        ("exception.message", "", True),
        ("error.kind", "x", True),
        ("error.object", None, True),
        ("level", "Error", True),
        ("severity", "CRITICAL", True),
        ("level", "info", False),
        ("level", 3, False),
        ("exception", "x", False),
        ("LEVEL", "error", False),
    ],
)
def test_an_attribute_tells(key: str, value: Value, tells: bool) -> None:
    assert tells_error(Event(1, "log", (("a", 1), (key, value)))) is tells
