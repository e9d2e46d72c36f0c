"""Templates keep the contract: one variable each, its view model named, no script and no style."""

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest
from jinja2 import Environment, meta

from tests.conftest import REPOSITORY
from tests.ui.stage import a_client

TEMPLATES = REPOSITORY / "templates"
NAMES = sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*.html"))
PARTIALS = [name for name in NAMES if Path(name).name.startswith("_")]
_FIRST_LINE = re.compile(r"\{#.*#\}")
_DOTTED = re.compile(r"\bviewer(?:\.\w+)+\b")
_VOID = frozenset(
    {
        "br",
        "col",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "wbr",
        "use",
        "rect",
        "path",
        "line",
        "circle",
    }
)


@pytest.fixture(scope="module")
def environment() -> Environment:
    return a_client().application.jinja_env


def source(name: str) -> str:
    return (TEMPLATES / name).read_text()


def free_variables(environment: Environment, name: str) -> set[str]:
    return meta.find_undeclared_variables(environment.parse(source(name))) - set(
        environment.globals
    )


def test_there_are_templates() -> None:
    assert len(NAMES) > 10


@pytest.mark.parametrize("name", NAMES)
def test_its_first_line_names_a_view_model_that_exists(name: str) -> None:
    first = source(name).partition("\n")[0]
    assert _FIRST_LINE.match(first), "the first line is no comment"
    named = _DOTTED.findall(first)
    assert named, "no dotted name in the first line"
    for dotted in named:
        module, _, attribute = dotted.rpartition(".")
        assert hasattr(import_module(module), attribute), dotted


@pytest.mark.parametrize("name", PARTIALS)
def test_a_partial_prints_one_variable_named_like_itself(
    environment: Environment, name: str
) -> None:
    expected = Path(name).stem.removeprefix("_")
    assert free_variables(environment, name) <= {expected}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PARTIALS])
def test_a_page_passes_on_what_its_partials_print(environment: Environment, name: str) -> None:
    included = meta.find_referenced_templates(environment.parse(source(name)))
    allowed = {Path(partial).stem.removeprefix("_") for partial in included if partial}
    assert free_variables(environment, name) <= allowed


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_neither_script_nor_style_nor_handlers(name: str) -> None:
    text = source(name)
    if name == "offline/page.html":
        # It has nowhere to load its style from; its policy names this one by its digest.
        text = text.replace("<style>{{ offline_page.css }}</style>", "", 1)
    assert not re.search(r"<style\b", text)
    assert not re.search(r"\sstyle=", text)
    assert not re.search(r"\son[a-z]+=", text)
    assert not re.search(r"hx-on|hx-vals=['\"]js:|javascript:", text)
    assert not re.search(r"hx-trigger=[\"'][^\"']*\[", text), "a trigger filter needs eval"
    for attributes, body in re.findall(r"<script\b([^>]*)>(.*?)</script>", text, re.DOTALL):
        assert "src=" in attributes
        assert not body.strip()


@pytest.mark.parametrize("name", NAMES)
def test_every_request_of_htmx_is_also_a_link_or_a_form(name: str) -> None:
    """Except what only adds: suggestions, a field's options, a report that refreshes itself."""
    adds_only = ("/search/suggestions", "/search/operations")
    for tag in re.findall(r"<[a-z][^>]*hx-(?:get|post)=[^>]*>", source(name)):
        if any(path in tag for path in adds_only) or "every " in tag or "data-link" in tag:
            continue
        assert re.search(r"\s(href|action)=", tag) or tag.startswith("<button"), tag


@pytest.mark.parametrize("name", PARTIALS)
def test_a_partial_is_one_element_with_an_id(name: str) -> None:
    roots = root_elements(source(name))
    assert len(roots) == 1, [tag for tag, _ in roots]
    assert roots[0][1].get("id"), f"<{roots[0][0]}> has no id"


def root_elements(template: str) -> list[tuple[str, dict[str, str]]]:
    """Return the outermost elements, Jinja's own marks and macros left aside."""
    text = re.sub(r"\{#.*?#\}", "", template, flags=re.DOTALL)
    text = re.sub(r"\{%-?\s*macro.*?endmacro\s*-?%\}", "", text, flags=re.DOTALL)
    text = re.sub(r"\{[{%].*?[%}]\}", "x", text, flags=re.DOTALL)
    outline = _Outline()
    outline.feed(text)
    return outline.roots


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.roots: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        if self.depth == 0:
            self.roots.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.depth += 1

    def handle_startendtag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        if self.depth == 0:
            self.roots.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self.depth -= 1
