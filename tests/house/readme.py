"""README's generated tables: `python -m tests.house.readme` writes them, test_docs compares them."""

import click

from tests.conftest import REPOSITORY
from viewer.cli import main as program

README = REPOSITORY / "README.md"


def commands_table() -> str:
    """One row per command: how it is called, what it does, an example."""
    rows = ["| command | does | example |", "|---|---|---|"]
    for name, command in program.commands.items():
        paragraphs = (command.help or "").split("\n\n")
        does = " ".join(paragraphs[0].split())
        example = next(
            line.partition("Example:")[2].strip()
            for line in (command.help or "").splitlines()
            if "Example:" in line
        )
        context = click.Context(command)
        arguments = " ".join(
            parameter.make_metavar(context)
            for parameter in command.params
            if isinstance(parameter, click.Argument)
        )
        called = f"tracefall {name} {arguments}".strip().replace("...", "…")
        rows.append(f"| `{called}` | {does} | `{example}` |")
    return "\n".join(rows)


def flags_table() -> str:
    """One row per flag and default, with the commands that take it."""
    takers: dict[tuple[str, str, str, str], list[str]] = {}
    for name, command in program.commands.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                takers.setdefault(_flag_row(parameter), []).append(name)
    rows = ["| flag | default | environment | for | |", "|---|---|---|---|---|"]
    for (flag, default, environment, does), names in takers.items():
        rows.append(f"| {flag} | {default} | {environment} | {', '.join(names)} | {does} |")
    return "\n".join(rows)


def _flag_row(option: click.Option) -> tuple[str, str, str, str]:
    default = "" if option.is_flag or not isinstance(option.default, str | int) else option.default
    shown = f"`{default}`" if default != "" else ""
    environment = f"`{option.envvar}`" if option.envvar else ""
    flags = ", ".join(f"`{flag}`" for flag in option.opts)
    return flags, shown, environment, option.help or ""


TABLES = {"commands": commands_table, "flags": flags_table}


def with_tables(text: str) -> str:
    """Return README's text with its generated tables as they should be."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- {name}: end -->"
        before, found, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not found or not found_end:
            raise ValueError(f"README.md lacks the marks {begin!r} and {end!r}")
        text = before + begin + table() + "\n" + end + after
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
