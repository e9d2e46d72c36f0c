"""Pages load their modules in one file, which holds each of them once and in working order."""

import re
from collections import Counter
from pathlib import Path

from tests.ui.stage import HTML, a_client
from viewer.paths import STATIC
from viewer.ui.scripts import joined_modules

_NAMED = re.compile(r"^(?:async )?(?:const|let|var|class|function\*?) ([\w$]+)", re.MULTILINE)


def test_modules_come_after_those_they_import_and_each_once(tmp_path: Path) -> None:
    (tmp_path / "main.js").write_text('import "./a.js";\nimport "./b.js";\nmain();\n')
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\na(b);\n')
    (tmp_path / "b.js").write_text("export const b = 1;\nexport function f() {}\n")
    lines = [line for line in joined_modules(tmp_path).splitlines() if line[:2] not in ("//", "")]
    assert lines == ["const b = 1;", "function f() {}", "a(b);", "main();"]


def test_modules_that_import_each_other_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "main.js").write_text('import "./a.js";\n')
    (tmp_path / "a.js").write_text('import "./main.js";\na();\n')
    assert joined_modules(tmp_path).count("a();") == 1


def test_all_of_our_modules_are_in_it() -> None:
    joined = joined_modules(STATIC / "js")
    for path in sorted((STATIC / "js").glob("*.js")):
        assert joined.count(f"// {path.name}\n") == 1, path.name
    assert joined.count("customElements.define(") == sum(
        path.read_text().count("customElements.define(") for path in (STATIC / "js").glob("*.js")
    )


def test_nothing_is_left_of_imports_and_exports() -> None:
    joined = joined_modules(STATIC / "js")
    assert not re.search(r"^\s*(?:import|export)\b|\bimport\s*\(", joined, re.MULTILINE)


def test_no_two_modules_use_one_name_at_their_top_level() -> None:
    names = Counter(_NAMED.findall(joined_modules(STATIC / "js")))
    assert names["TracePage"] == 1
    assert [name for name, times in names.items() if times > 1] == []


def test_a_page_asks_for_one_module_which_may_be_kept_for_long() -> None:
    client = a_client()
    text = client.get("/search", headers=HTML).text
    (address,) = re.findall(r'<script src="([^"]+)" type="module">', text)
    answer = client.get(address)
    assert answer.mimetype == "text/javascript"
    assert answer.text == joined_modules(STATIC / "js")
    assert "immutable" in answer.headers["Cache-Control"]


def test_the_modules_are_there_by_themselves_as_well() -> None:
    client = a_client()
    address = re.findall(r'<script src="([^"]+)joined.js"', client.get("/search").text)[0]
    with client.get(f"{address}span-tree.js") as answer:
        assert answer.text == (STATIC / "js/span-tree.js").read_text()
    assert client.get(f"{address}nothing.js").status_code == 404
