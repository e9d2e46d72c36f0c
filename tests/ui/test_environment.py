"""What every template may use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from tests.ui.stage import HTML, a_client
from viewer.ui.environment import breakable


def test_a_long_name_may_break_after_its_signs() -> None:
    assert breakable("GET /api/{id}") == "GET /<wbr>api/<wbr>{id}"
    assert breakable("a.b::c") == "a.<wbr>b::<wbr>c"


@given(st.text())
def test_no_name_becomes_markup(text: str) -> None:
    assert "<" not in breakable(text).replace("<wbr>", "")


def test_a_template_with_a_missing_variable_fails() -> None:
    template = a_client().application.jinja_env.from_string("{{ nothing }}")
    with pytest.raises(UndefinedError):
        template.render()


def test_everything_is_escaped_whatever_the_file_is_called() -> None:
    template = a_client().application.jinja_env.from_string("{{ text }}")
    assert template.render(text="<b>") == "&lt;b&gt;"


def test_the_navigation_marks_the_page_one_is_on() -> None:
    text = a_client().get("/upload", headers=HTML).text
    assert 'href="/upload" aria-current="page"' in text
    assert 'href="/search" aria-current="page"' not in text
