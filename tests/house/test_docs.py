"""Documentation says what there is: commands, flags, formats, engines, dependencies, samples."""

import re
import subprocess
import tomllib

import click
import pytest

from tests.conftest import REPOSITORY
from tests.formats.reading import chunks
from tests.house.readme import README, with_tables
from viewer import __version__
from viewer.cli import main as program
from viewer.formats import FORMATS
from viewer.store import ENGINES

# Parts of words that have no business in the project, put together so as not to find themselves.
UNWANTED = (
    "/wo" + "rk/",
    "/ro" + "ot/",
    "/tm" + "p/w",
    "pypi" + r"\.org",
    "python" + "hosted",
    "npm" + r"js\.(com|org)",
    r"\bissue\s+#?" + r"\d+",
    "chat" + "gpt",
    "co" + "pilot",
)


def readme() -> str:
    return README.read_text()


def test_the_readmes_tables_are_up_to_date() -> None:
    assert readme() == with_tables(readme()), "run: python -m tests.house.readme"


def test_every_command_has_an_example_in_its_help() -> None:
    for name, command in program.commands.items():
        example = f"Example: tracefall {name}"
        assert example in (command.help or ""), name


def test_every_flag_says_what_it_does() -> None:
    for name, command in program.commands.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts}"


@pytest.mark.parametrize("format_", FORMATS, ids=lambda format_: format_.name)
def test_every_format_stands_in_the_readme(format_: object) -> None:
    assert f"`{format_.name}`" in readme()  # type: ignore[attr-defined]


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_every_engine_stands_in_the_readme(engine: str) -> None:
    assert f"`{engine}:" in readme()


def test_the_readmes_links_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "docs/dependencies.md"):
        document = REPOSITORY / name
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{name}: {target}"


def test_the_commands_of_the_readme_and_of_ci_are_the_same() -> None:
    (command,) = re.findall(r"exec (.+?) \"\$@\"", (REPOSITORY / ".ci/run").read_text())
    assert f"\n    {command}\n" in readme()


def test_the_changelog_begins_with_what_is_unreleased_or_this_version() -> None:
    headings = re.findall(r"^## (.+)$", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    for heading in headings[1:2]:
        assert heading.split()[0] == __version__


def test_every_dependency_is_justified() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    wanted = list(project["project"]["dependencies"])
    for group in project["dependency-groups"].values():
        wanted += group
    wanted += project["build-system"]["requires"]
    text = (REPOSITORY / "docs/dependencies.md").read_text()
    for requirement in wanted:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert name is not None
        assert f"| `{name[0]}` |" in text, requirement
    named = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    declared = {re.split(r"[<>=!~ \[;]", requirement)[0] for requirement in wanted}
    assert named == declared


def test_every_sample_stands_in_its_readme_and_the_other_way_round() -> None:
    folder = REPOSITORY / "sample_traces"
    text = (folder / "README.md").read_text()
    listed = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    there = {
        str(path.relative_to(folder))
        for path in folder.glob("*/*")
        if path.is_file() and path.parent.name != "programs"
    }
    assert listed == there


def test_nothing_names_machines_registries_or_tickets() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    unwanted = re.compile("|".join(UNWANTED), re.IGNORECASE)
    for name in listed.stdout.splitlines():
        path = REPOSITORY / name
        if not path.is_file() or "vendor/" in name:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found = unwanted.search(text)
        assert found is None, f"{name}: {found[0] if found else ''}"


def test_the_samples_readme_counts_what_the_samples_hold() -> None:
    folder = REPOSITORY / "sample_traces"
    rows = re.findall(
        r"^\| `([^`]+)` \| ([\d,]+) \| ([\d,]+) \|",
        (folder / "README.md").read_text(),
        re.MULTILINE,
    )
    for name, spans, traces in rows:
        decoded = chunks((folder / name).read_bytes())
        trace_ids = {trace_id for chunk in decoded for trace_id in chunk.batch.trace_id}
        counted = (sum(len(chunk.batch) for chunk in decoded), len(trace_ids))
        assert counted == (int(spans.replace(",", "")), int(traces.replace(",", ""))), name
        assert not [rejection for chunk in decoded for rejection in chunk.rejected], name
