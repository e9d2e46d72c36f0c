"""What is copied as Markdown shows names as they are, whatever they hold."""

import pytest

from viewer.ui.viewmodel.markdown import escape, markdown


def test_a_trace_is_a_line_and_a_list() -> None:
    text = markdown("shop: GET /", ["2.34 s", "9 spans"], ["payment is the bottleneck"])
    assert text == "**shop: GET /**: 2.34 s, 9 spans\n- payment is the bottleneck"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("[x](http://evil)", r"\[x\](http://evil)"),
        ("a\n# b", r"a \# b"),
        ("`<script>`", r"\`\<script\>\`"),
        ("user_id *", r"user\_id \*"),
        ("@everyone", r"\@everyone"),
    ],
)
def test_text_stays_text(text: str, escaped: str) -> None:
    assert escape(text) == escaped
