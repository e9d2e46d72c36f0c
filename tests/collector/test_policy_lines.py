"""Each key of a TOML file is found on its line."""

import pytest

from viewer.collector.policy_lines import Lines, Path

FILE = r"""# [not.a.table] = 1
first = '''
second = 2
[no.table]'''
third = "a # b \" c"  # "

[outer.inner]
"a.b".c = 1
'q' = [1, [2, "]"],
  3,  # ] no end
  { x = 1, y = [
    7] }]
after = 1979-05-27T07:32:00Z

[[rules]]
keys = []
[rules.sub]
deep = true
[[rules]]
keys = ["a",
  "b"]
[[rules.more]]
z = 1
[[rules.more]]
z = 2
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("first",), 2),
        (("third",), 5),
        (("outer", "inner"), 7),
        (("outer", "inner", "a.b"), 8),
        (("outer", "inner", "a.b", "c"), 8),
        (("outer", "inner", "q"), 9),
        (("outer", "inner", "q", 1, 1), 9),
        (("outer", "inner", "q", 2), 10),
        (("outer", "inner", "q", 3, "y"), 11),
        (("outer", "inner", "q", 3, "y", 0), 12),
        (("outer", "inner", "after"), 13),
        (("rules",), 15),
        (("rules", 0), 15),
        (("rules", 0, "sub", "deep"), 18),
        (("rules", 1), 19),
        (("rules", 1, "keys", 1), 21),
        (("rules", 1, "more", 0, "z"), 23),
        (("rules", 1, "more", 1, "z"), 25),
        # What is not there stands where its table stands.
        (("rules", 1, "action"), 19),
        (("nothing",), 1),
    ],
)
def test_a_key_is_found_on_its_line(path: Path, line: int) -> None:
    assert Lines(FILE).of(path) == line


def test_windows_line_ends_count_once() -> None:
    assert Lines("a = 1\r\n\r\n[b]\r\nc = 2\r\n").of(("b", "c")) == 4


def test_quotes_that_end_a_long_text_belong_to_it() -> None:
    assert Lines('a = """x"""""\nb = 1\n').of(("b",)) == 2
    assert Lines("a = '''x'''''\nb = 1").of(("b",)) == 2
