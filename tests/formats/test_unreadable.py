import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.strategies import json_values
from viewer.formats.unreadable import describe_bytes, describe_value


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"),
        (b" \n\t", "a blank file"),
        (b"\x89PNG\r\n\x1a\n", "PNG image"),
        (b"%PDF-1.7", "PDF document"),
        (b"PK\x03\x04rest", "ZIP archive"),
        (b"  <!DOCTYPE html><html>", "HTML page"),
        (b"<?xml version='1.0'?>", "XML document"),
        (b"traceid,spanid,name\n1,2,a\n3,4,b\n", "CSV, columns “traceid,spanid,name”"),
        (b"a\tb\n1\t2\n", "tab-separated values"),
        (b"---\ntraces: 1\n", "YAML document"),
        (b" [[]]\n", "an empty JSON list"),
        (b"Dear colleague,\nsee the trace", "text that begins “Dear colleague,”"),
        (b"12345678DUCK0000", "DuckDB database"),
        (b"PAR1....", "Parquet file"),
        (b"SQLite format 3\x00", "SQLite database"),
        (bytes(range(256)), "binary data of no known kind"),
        (gzip.compress(b"", mtime=0), "gzip within gzip"),
    ],
)
def test_it_says_what_bytes_look_like(data: bytes, what: str) -> None:
    assert describe_bytes(data).startswith(what)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({}, "JSON without spans: an empty object"),
        ({"a": 1, "b": 2}, "JSON without spans: keys “a”, “b”"),
        (
            {str(number): 0 for number in range(9)},
            "JSON without spans: keys “0”, “1”, “2”, “3”, “4”, …",
        ),
        ([], "an empty JSON list"),
        ([[1]], "JSON lists within lists"),
        (3, "JSON without spans: a number"),
        (None, "JSON without spans: null"),
        ({"traces": [{"rootServiceName": "a"}]}, "Tempo search summaries"),
        ({"traceEvents": []}, "Chrome trace events"),
        ({"data": None, "errors": [{"code": 404, "msg": "x"}]}, "a Jaeger error answer"),
        ({"data": []}, "a Jaeger answer without traces"),
    ],
)
def test_it_says_what_json_looks_like(value: object, what: str) -> None:
    assert describe_value(value).startswith(what)


def test_foreign_text_is_cut_and_made_harmless() -> None:
    what = describe_value({"\x1b[31m" + "x" * 1000: 1})
    assert len(what) < 100
    assert "\x1b" not in what


@given(st.binary(max_size=300))
def test_any_bytes_are_described_in_one_printable_line(data: bytes) -> None:
    assert describe_bytes(data).isprintable()


@given(json_values)
def test_any_json_is_described_in_one_printable_line(value: object) -> None:
    assert describe_value(value).isprintable()
