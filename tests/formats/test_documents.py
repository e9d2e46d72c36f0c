import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.reading import read
from tests.formats.strategies import json_values
from viewer.formats.base import DecodeError, Payload
from viewer.formats.documents import documents

SPAN = {
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "name": "GET /",
    "timestamp": 1_700_000_000_000_000,
}


def a_line(name: str) -> str:
    return json.dumps({**SPAN, "name": name})


def names(data: bytes | str) -> list[str]:
    return [span.name for span in read(data).spans]


@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_content(mark: str) -> None:
    assert names(f"{a_line('é')}\n{a_line('b')}".encode(mark)) == ["é", "b"]


@pytest.mark.parametrize("between", ["\n", "\r\n", "\n\n\n", " ", "", "\n\x1e"])
@pytest.mark.parametrize("indent", [None, 2])
def test_values_stand_in_lines_or_in_a_row(between: str, indent: int | None) -> None:
    text = between.join(json.dumps({**SPAN, "name": name}, indent=indent) for name in "abc")
    assert names(text) == ["a", "b", "c"]


def test_lists_and_lists_of_lists_are_looked_into() -> None:
    span = json.dumps(SPAN)
    assert len(read(f"[{span},{span}]").spans) == 2
    assert len(read(f"[[{span}],[{span}]]").spans) == 2


def test_a_file_may_mix_formats() -> None:
    zipkin = '{"traceId":"a","id":"b"}'
    contents = read(f"{zipkin}\n{a_line('plain')}")
    assert contents.format == "zipkin-v2, plain-json"
    assert len(contents.spans) == 2


def test_bad_lines_are_named_and_the_good_ones_kept() -> None:
    text = "\n".join([a_line("a"), "nonsense", '{"cut": ', a_line("b"), '{"other": 1}', "x", "y"])
    contents = read(text)
    assert [span.name for span in contents.spans] == ["a", "b"]
    assert [fault.where.split(" (")[0] for fault in contents.rejected] == [
        "line 2, lines 6–7",
        "line 3",
        "line 5",
    ]
    assert contents.rejected[2].reason == "JSON without spans: keys “other”"


def test_spans_inside_a_broken_trace_are_not_taken_out_of_it() -> None:
    span = {"traceID": "a", "spanID": "b", "operationName": "op", "processID": "p1"}
    text = json.dumps({"spans": [span], "processes": {"p1": {"serviceName": "shop"}}}, indent=2)
    with pytest.raises(DecodeError, match="it breaks off"):
        read(text[:-10])


def test_lines_of_a_list_that_breaks_off_are_kept() -> None:
    contents = read(f"[{a_line('a')},\n{a_line('b')},\n{a_line('c')},\n{a_line('d')[:40]}")
    assert [span.name for span in contents.spans] == ["b", "c"]
    (fault,) = contents.rejected
    assert (fault.reason, fault.count) == ("no JSON: it breaks off", 2)
    assert fault.where.startswith("line 1 (breaks at line 4, ")


def test_an_item_of_a_list_that_is_no_span_is_named() -> None:
    contents = read(f'[{json.dumps(SPAN)}, {{"other": 1}}]')
    assert [fault.where for fault in contents.rejected] == ["item 2"]


def test_one_broken_value_is_refused_with_the_place_where_it_breaks() -> None:
    text = json.dumps({"spans": [SPAN]}, indent=1)
    with pytest.raises(DecodeError) as refusal:
        read(text[:-4])
    assert "it breaks off" in str(refusal.value)
    assert f"line 1 (breaks at line 9, byte {len(text) - 4})" in str(refusal.value)


def test_text_and_nothing_are_refused_with_what_they_look_like() -> None:
    for data, what in ((b"", "an empty file"), (b"<html></html>", "HTML page")):
        with pytest.raises(DecodeError, match=what):
            read(data)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[\n" * 100_000])
def test_endless_nesting_is_refused_quickly(text: str) -> None:
    began = time.process_time()
    with pytest.raises(DecodeError, match="nested too deeply"):
        read(text)
    assert time.process_time() - began < 5


def test_values_that_break_late_again_and_again_do_not_take_for_ever() -> None:
    line = "[" + "1," * 8000 + "\n"
    began = time.process_time()
    with pytest.raises(DecodeError):
        read(line * 300)
    assert time.process_time() - began < 10


def test_long_strings_and_bad_utf8_cross_the_window_in_one_piece() -> None:
    long = "ä" * 200_000
    text = json.dumps({**SPAN, "name": long}, indent=1, ensure_ascii=False).encode()
    both = text + b"\n" + text.replace("ää".encode(), b"\xff\xff", 1)
    first, second = names(both)
    assert first == long
    assert second == "��" + long[2:]


def test_deep_attributes_are_cut_and_the_span_is_kept() -> None:
    deep: object = "bottom"
    for _ in range(100):
        deep = {"next": deep}
    (span,) = read(json.dumps({**SPAN, "attributes": {"deep": deep}})).spans
    assert span.attributes[0][0] == "deep"


@given(
    st.lists(st.one_of(st.dictionaries(st.text(), json_values), st.lists(json_values)), max_size=5)
)
def test_what_json_wrote_is_split_again(values: list[object]) -> None:
    for between in ("\n", " ", ""):
        text = between.join(json.dumps(value) for value in values)
        found = [document.value for document in documents(Payload(text.encode()))]
        assert repr(found) == repr(values) or found == values


def complaint_about(data: bytes) -> str:
    try:
        read(data)
    except DecodeError as error:
        return str(error)
    return ""


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_decode_errors_of_one_line(data: bytes) -> None:
    for prefix in (b"", b"{", b'[{"traceId":', b"\n"):
        assert "\n" not in complaint_about(prefix + data)
