import pytest
from google.protobuf.message import DecodeError as ProtobufError

from viewer.formats.messages import Field, message_classes

CLASSES = message_classes(
    "tracefall.tests.tree",
    {
        "Tree": (
            Field(1, "name", "bytes"),
            Field(2, "branches", "Tree", repeated=True),
            Field(3, "leaf", "Leaf"),
        ),
        "Leaf": (
            Field(1, "text", "bytes", oneof=True),
            Field(2, "number", "fixed64", oneof=True),
        ),
    },
)
Tree, Leaf = CLASSES["Tree"], CLASSES["Leaf"]


def test_every_message_of_the_table_is_a_class() -> None:
    assert list(CLASSES) == ["Tree", "Leaf"]
    assert Tree.DESCRIPTOR.full_name == "tracefall.tests.tree.Tree"


def test_messages_hold_values_lists_and_one_another() -> None:
    tree = Tree(name=b"oak", branches=[Tree(name=b"branch", leaf=Leaf(number=7))])
    assert tree.SerializeToString() == bytes.fromhex(
        "0a036f616b12130a066272616e63681a09110700000000000000"
    )
    assert Tree.FromString(tree.SerializeToString()) == tree


def test_fields_of_a_oneof_exclude_one_another() -> None:
    leaf = Leaf(text=b"green", number=0)
    assert leaf.WhichOneof("value") == "number"
    assert not Leaf().WhichOneof("value")


def test_text_that_is_no_utf_8_costs_nothing_as_bytes_and_the_whole_message_as_string() -> None:
    wire = b"\x0a\x04caf\xe9"
    assert Tree.FromString(wire).name == b"caf\xe9"
    strict = message_classes("tracefall.tests.strict", {"Tree": (Field(1, "name", "string"),)})
    with pytest.raises(ProtobufError):
        strict["Tree"].FromString(wire)


def test_two_tables_may_use_the_same_package() -> None:
    again = message_classes("tracefall.tests.tree", {"Tree": (Field(1, "height", "int32"),)})
    assert again["Tree"](height=3).height == 3
