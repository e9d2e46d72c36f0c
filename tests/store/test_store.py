import subprocess
import sys
from pathlib import Path

import pytest

from viewer.store import is_table_file, open_store
from viewer.store.base import StoreError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "url", ["", "x", "postgres://host/db", "clickhouse://h", "tracefall.duckdb", ":"]
)
def test_an_unknown_scheme_is_refused_by_a_line_that_says_what_is_accepted(url: str) -> None:
    with pytest.raises(StoreError, match=r"duckdb:PATH or memory:") as raised:
        open_store(url)
    assert "\n" not in str(raised.value)


def test_a_scheme_without_its_path_or_with_one_too_many_is_refused() -> None:
    with pytest.raises(StoreError):
        open_store("duckdb:")
    with pytest.raises(StoreError):
        open_store("memory:x")


def test_a_bare_path_is_for_reading_only(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    open_store(f"duckdb:{path}").close()
    with pytest.raises(StoreError):
        open_store(str(path))
    open_store(str(path), read_only=True).close()
    with pytest.raises(StoreError):
        open_store(str(tmp_path / "absent.duckdb"), read_only=True)
    with pytest.raises(StoreError, match="absent"):
        open_store(f"duckdb:{tmp_path / 'absent.duckdb'}", read_only=True)
    assert not (tmp_path / "absent.duckdb").exists()


def test_tables_are_known_by_their_first_bytes() -> None:
    assert is_table_file(b"PAR1\x15\x04\x15\x00\x00\x00\x00\x00")
    assert is_table_file(b"\x00" * 8 + b"DUCK\x40")
    assert not is_table_file(b'{"resourceSpans":[]}')
    assert not is_table_file(b"DUCK")
    assert not is_table_file(b"")


def test_an_engines_library_is_imported_only_when_it_is_chosen() -> None:
    code = (
        "import sys; from viewer.store import open_store; open_store('memory:').close();"
        " sys.exit('duckdb' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False)
    assert done.returncode == 0
