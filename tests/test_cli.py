"""The program `tracefall`: every command, what it says, and its exit codes."""

import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import duckdb
import pytest
from click.testing import CliRunner, Result

from bench.server import Server
from tests.builders import a_batch, a_trace
from tests.collector.senders import Senders, a_body, connect, send
from tests.conftest import CLOSED, REPOSITORY, SAMPLES
from viewer import __version__
from viewer.cli import main
from viewer.formats.otlp.encode import encode
from viewer.store import open_store, read_table

COMMANDS = ("serve", "demo", "import", "export", "prune", "status")
TRACE = f"{0xABCDEF01:032x}"


def tracefall(*arguments: object, stdin: bytes | None = None) -> Result:
    """Run a command in this process. What it raises fails the test: nothing may be a traceback."""
    result = CliRunner().invoke(main, [str(item) for item in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def line_of(result: Result, code: int = 1) -> str:
    """The one line on stderr of a command that failed."""
    assert result.exit_code == code
    assert not result.stdout
    (line,) = result.stderr.splitlines()
    return line


@contextmanager
def program(*arguments: object, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the program as a process; it is killed at the end of the block if it still runs."""
    kept = {name: value for name, value in os.environ.items() if "TRACEFALL" not in name}
    command = [sys.executable, "-m", "viewer", *map(str, arguments)]
    process = subprocess.Popen(
        command,
        env={**kept, **CLOSED, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    # A program that hangs must end its test, not the whole run.
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    with process:
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def until_ready(process: "subprocess.Popen[str]") -> list[str]:
    """The lines printed up to `ready`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if lines[-1] == "ready":
            return lines
    raise AssertionError(f"never ready: {lines} {process.communicate()}")


def ended(process: "subprocess.Popen[str]", number: int = signal.SIGTERM) -> tuple[int, float, str]:
    """Signal the program; return its exit code, the seconds that took, and its stderr."""
    begin = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    return process.returncode, time.monotonic() - begin, errors


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def get(url: str, token: str | None = None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(Request(url, headers=headers), timeout=20) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.fixture
def store(tmp_path: Path) -> str:
    """The URL of a store that holds two traces."""
    url = f"duckdb:{tmp_path / 'traces.duckdb'}"
    written = open_store(url)
    written.write_spans([a_batch([*a_trace(0xABCDEF01), *a_trace(2, service="pay")])])
    written.close()
    return url


def ids_in(url: str) -> set[str]:
    return {trace_id for batch in read_table(url.partition(":")[2]) for trace_id in batch.trace_id}


# Wrong usage, help


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["serve", "--no-such-flag"],
        ["import", str(SAMPLES / "otlp-json"), "--to", "http://127.0.0.1:9", "--again"],
        ["--port", "off"],
        ["serve", "--port", "99999"],
        ["serve", "--retention", "soon"],
        ["serve", "--read-only", "a.parquet", "b.parquet"],
        ["serve", "--read-only", "--store", "duckdb:a", "b.parquet"],
        ["import"],
        ["export"],
        ["export", "1234", "--format", "html5"],
        ["prune", "--max-size", "much"],
    ],
)
def test_wrong_usage_is_2_and_says_what_was_expected(arguments: list[str]) -> None:
    result = tracefall(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_there_for_every_command(name: str) -> None:
    assert set(COMMANDS) == set(main.commands)
    result = tracefall(name, "--help")
    assert result.exit_code == 0
    assert f"Example: tracefall {name}" in result.stdout


def test_the_version_is_the_packages() -> None:
    assert tracefall("--version").stdout == f"tracefall, version {__version__}\n"


# import


def test_import_stores_files_folders_and_compressed_ones(store: str) -> None:
    result = tracefall("import", SAMPLES / "otlp-json", SAMPLES / "zipkin-v2", "--store", store)
    assert (result.exit_code, result.stdout) == (0, "")
    lines = result.stderr.splitlines()
    assert len(lines) == len(list(SAMPLES.glob("otlp-json/*"))) + len(
        list(SAMPLES.glob("zipkin-v2/*"))
    )
    assert (
        f"{SAMPLES}/otlp-json/healthy-checkouts.jsonl.gz: otlp-json, 636 spans in 80 traces"
        in lines
    )
    assert len(ids_in(store)) > 80


def test_a_file_is_imported_once_unless_it_is_wanted_again(store: str, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(encode(a_trace(3)))

    def stored() -> str:
        return tracefall("status", "--store", store).stdout.splitlines()[0].split(",")[0]

    before = stored()
    tracefall("import", file, "--store", store)
    once = stored()
    assert once != before
    result = tracefall("import", file, "--store", store)
    assert result.exit_code == 0
    assert "already imported on " in result.stderr
    assert stored() == once
    assert tracefall("import", file, "--again", "--store", store).exit_code == 0
    assert stored() != once


def test_a_server_passes_over_files_that_were_imported_before(tmp_path: Path) -> None:
    store, file = f"duckdb:{tmp_path / 'a.duckdb'}", tmp_path / "a.json"
    file.write_bytes(encode(a_trace(3)))
    with Server(store, files=[file]) as server:
        server.stop()
        server.start()
        assert f"{file}: otlp-json, 3 spans in 1 trace" in server.output
        assert f"{file}: already imported on " in server.output
    assert tracefall("status", "--store", store).stdout.startswith("3 spans in 1 trace,")


def test_import_reads_stdin(store: str) -> None:
    result = tracefall("import", "-", "--store", store, stdin=encode(a_trace(3)))
    assert result.exit_code == 0
    assert result.stderr == "stdin: otlp-json, 3 spans in 1 trace\n"
    assert f"{3:032x}" in ids_in(store)


def test_a_wrong_file_is_one_line_and_costs_neither_the_others_nor_what_is_stored(
    store: str, tmp_path: Path
) -> None:
    wrong, good = tmp_path / "wrong.json", tmp_path / "good.json"
    wrong.write_text('{"resourceSpans": [{"scopeSpans": nonsense')
    good.write_bytes(encode(a_trace(3)))
    before = ids_in(store)
    line = line_of(tracefall("import", wrong, "--store", store))
    assert line.startswith(f"{wrong}: line 1 (byte 34): no JSON")
    assert "; accepted are " in line
    assert "OTLP protobuf, OTLP JSON" in line
    assert ids_in(store) == before
    result = tracefall("import", wrong, good, tmp_path / "none", "--store", store)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[1:] == [
        f"{good}: otlp-json, 3 spans in 1 trace",
        f"{tmp_path / 'none'}: No such file or directory",
    ]
    assert ids_in(store) == before | {f"{3:032x}"}


def test_an_empty_folder_is_said_to_be_one(store: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    line = line_of(tracefall("import", tmp_path / "empty", "--store", store))
    assert line == f"tracefall: {tmp_path / 'empty'}: no files in it"


@pytest.mark.parametrize("command", ["import", "prune", "status", "export", "serve"])
def test_a_store_that_is_none_is_one_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "x").write_bytes(b"this is a text, not a database")
    arguments = {"import": [str(SAMPLES)], "export": ["1"]}.get(command, [])
    if command == "serve":
        # Within this process it would take over the signals of the tests.
        with program("serve", "--port", 0, "--store", f"duckdb:{tmp_path / 'x'}") as process:
            stdout, stderr = process.communicate(timeout=20)
        line, code = stderr.rstrip("\n"), process.returncode
        assert (stdout, code) == ("", 1)
    else:
        line = line_of(tracefall(command, *arguments, "--store", f"duckdb:{tmp_path / 'x'}"))
    assert line.startswith(f"tracefall: {tmp_path / 'x'} is ")
    assert "DuckDB" in line


def test_a_store_url_of_an_unknown_kind_says_what_is_known() -> None:
    line = line_of(tracefall("status", "--store", "oracle:x"))
    assert line == "tracefall: 'oracle:x' names no store: a store is duckdb:PATH or memory:"


# A store that a server holds, and import --to


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server that asks for a token, and the URL of its store."""
    url = f"duckdb:{tmp_path_factory.mktemp('cli') / 'held.duckdb'}"
    with Server(url, "--auth-token", "s3cret", "--retention", "off") as server:
        yield server, url


@pytest.mark.parametrize("command", ["import", "prune", "status", "export"])
def test_a_store_in_use_names_its_holder_and_the_way_round(
    guarded: tuple[Server, str], command: str
) -> None:
    server, url = guarded
    arguments = {"import": [str(SAMPLES)], "export": ["1"]}.get(command, [])
    line = line_of(tracefall(command, *arguments, "--store", url))
    assert f"{url.removeprefix('duckdb:')} is in use by process {server.pid} (" in line
    assert ("--to URL" in line) == (command == "import")


def test_files_are_sent_to_a_running_server(guarded: tuple[Server, str], tmp_path: Path) -> None:
    server, _ = guarded
    (tmp_path / "a.json").write_bytes(encode(a_trace(11)))
    arguments = ("--to", server.ui_url, "--auth-token", "s3cret")
    result = tracefall("import", tmp_path / "a.json", SAMPLES / "zipkin-v2", *arguments)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.splitlines()[0] == "a.json: otlp-json, 3 spans in 1 trace"
    result = tracefall("import", "-", *arguments, stdin=encode(a_trace(12)))
    assert (result.exit_code, result.stderr) == (0, "stdin: otlp-json, 3 spans in 1 trace\n")
    for number in (11, 12):
        assert get(f"{server.ui_url}/api/traces/{number:x}", "s3cret")[0] == 200


def test_a_server_that_refuses_is_one_line_a_file(
    guarded: tuple[Server, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = guarded
    path = tmp_path / "page.html"
    path.write_text("<!DOCTYPE html>")
    assert "A token is needed" in line_of(tracefall("import", path, "--to", server.ui_url))
    monkeypatch.setenv("TRACEFALL_AUTH_TOKEN", "s3cret")
    line = line_of(tracefall("import", path, "--to", server.ui_url))
    assert line.startswith(f"{path}: HTML page; accepted are")


# export


@pytest.mark.parametrize("name", ["otlp", "jaeger", "zipkin"])
def test_export_writes_what_import_reads(store: str, tmp_path: Path, name: str) -> None:
    path, other = tmp_path / "out.json", f"duckdb:{tmp_path / 'other.duckdb'}"
    arguments = ("export", "abcdef01", "2", "--format", name, "--store", store)
    printed = tracefall(*arguments)
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert tracefall(*arguments, "-o", path).stdout == ""
    assert path.read_bytes() == printed.stdout_bytes
    assert tracefall("import", path, "--store", other).exit_code == 0
    assert ids_in(other) == {TRACE, f"{2:032x}"}


def test_export_of_what_is_not_stored_writes_nothing(store: str, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    line = line_of(tracefall("export", TRACE, "f" * 32, "-o", path, "--store", store))
    assert line.startswith(f"tracefall: {'f' * 32} is not stored; it was read as a trace ID in hex")
    assert not path.exists()
    assert "neither an ID" in tracefall("export", "hello there", "--store", store).stderr


def test_export_into_a_folder_that_is_not_there_is_one_line(store: str, tmp_path: Path) -> None:
    path = tmp_path / "no" / "out.json"
    line = line_of(tracefall("export", TRACE, "-o", path, "--store", store))
    assert line == f"tracefall: {path}: No such file or directory"


# prune, status


def test_status_says_what_is_in_the_store(store: str) -> None:
    lines = tracefall("status", "--store", store).stdout.splitlines()
    assert re.fullmatch(r"6 spans in 2 traces, [\d.]+ MB", lines[0])
    assert lines[1] == "from 2023-11-14 22:13:20 UTC to 2023-11-14 22:13:20 UTC"
    assert lines[2:] == ["  pay: 3 spans", "  shop: 3 spans"]


def test_status_of_another_tools_file_in_place(tmp_path: Path) -> None:
    result = tracefall("status", "--store", a_foreign_parquet(tmp_path))
    assert result.stdout.startswith("2 spans in 1 trace, ")


def test_status_of_a_store_that_is_not_there_makes_none(tmp_path: Path) -> None:
    line = line_of(tracefall("status", "--store", f"duckdb:{tmp_path / 'none'}"))
    assert line == f"tracefall: {tmp_path / 'none'} cannot be opened: No such file or directory"
    assert not list(tmp_path.iterdir())


def test_prune_removes_by_age_and_says_how_many(store: str) -> None:
    time.sleep(1.1)  # ages are counted from when a span was stored
    kept = tracefall("prune", "--retention", "1h", "--max-size", "off", "--store", store)
    assert kept.stdout == "removed 0 spans: 0 by age, 0 by size\n"
    removed = tracefall("prune", "--retention", "1s", "--store", store)
    assert removed.stdout == "removed 6 spans: 6 by age, 0 by size\n"
    assert ids_in(store) == set()


# serve


def test_serve_prints_its_doors_in_order_then_ready_and_ends_with_0(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(encode(a_trace(0xABCDEF01)))
    with program("serve", path, "--store", "memory:", "--port", 0, "--otlp-http", 0) as process:
        lines = until_ready(process)
        names = [line.rpartition(" ")[0] for line in lines]
        assert (names[:2], names[-1]) == (["UI", "OTLP/HTTP"], "")
        # Doors without a port of their own are the pages'.
        assert all(line.split(" ")[-1].startswith(lines[0].split()[1]) for line in lines[2:-1])
        assert re.fullmatch(r"UI http://127\.0\.0\.1:\d+", lines[0])
        assert re.fullmatch(r"OTLP/HTTP http://127\.0\.0\.1:\d+/v1/traces", lines[1])
        assert get(f"{lines[0].split()[1]}/api/traces/{TRACE}")[0] == 200
        code, seconds, errors = ended(process, signal.SIGINT)
    assert code == 0
    assert seconds < 10
    assert errors == f"{path}: otlp-json, 3 spans in 1 trace\n"


def test_the_program_alone_serves_and_is_told_by_the_environment(tmp_path: Path) -> None:
    told = {
        "TRACEFALL_STORE": f"duckdb:{tmp_path / 'told.duckdb'}",
        "TRACEFALL_PORT": "0",
        "TRACEFALL_OTLP_HTTP": "off",
        "TRACEFALL_AUTH_TOKEN": "s3cret",
        "TRACEFALL_HOST": "0.0.0.0",
    }
    with program(**told) as process:
        url = until_ready(process)[0].split()[1].replace("0.0.0.0", "127.0.0.1")
        assert get(f"{url}/api/services")[0] == 401
        assert get(f"{url}/api/services", "s3cret")[0] == 200
        code, _, errors = ended(process)
    # Open to others, but not without a token: nothing to warn of.
    assert (code, errors) == (0, "")
    assert (tmp_path / "told.duckdb").exists()


def test_an_address_that_others_reach_is_a_warning_without_a_token() -> None:
    with Server("memory:", "--host", "0.0.0.0") as server:
        warning = server.output.splitlines()[0]
    assert warning.startswith("tracefall: warning: everybody who reaches 0.0.0.0 can read")
    assert warning.endswith("set --auth-token")


def test_a_pages_port_that_is_taken_is_1_and_names_the_flag(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        path = tmp_path / "a.duckdb"
        with program("serve", "--port", port, "--store", f"duckdb:{path}") as process:
            stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stdout) == (1, "")
    (line,) = stderr.splitlines()
    assert line.startswith(f"tracefall: port {port} is taken")
    assert "--port" in line
    assert not path.exists()


def test_a_receivers_port_that_is_taken_is_a_warning_that_names_port_and_flag() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with Server("memory:", "--otlp-http", str(port)) as server:
            assert "UI" in server.doors
            assert "OTLP/HTTP" not in server.doors
            assert get(f"{server.ui_url}/healthz")[0] == 200
            warning = server.output.splitlines()[0]
    assert warning.startswith(f"tracefall: warning: port {port} is taken")
    assert warning.endswith("--otlp-http")


def a_foreign_parquet(folder: Path) -> Path:
    """A span table as another tool writes it: one trace of two spans."""
    path = folder / "foreign.parquet"
    with duckdb.connect() as con:
        con.execute(f"COPY ({foreign_spans()}) TO '{path}' (FORMAT parquet)")
    return path


def a_foreign_duckdb(folder: Path) -> Path:
    path = folder / "foreign.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(f"CREATE TABLE otel_spans AS {foreign_spans()}")
    return path


def foreign_spans() -> str:
    return (
        f"SELECT * FROM (VALUES ('{TRACE}', '00000000000000aa', '', 'GET /', 'web', 5000, 1000),"
        f" ('{TRACE}', '00000000000000bb', '00000000000000aa', 'query', 'db', 5100, 10))"
        " t(trace_id, span_id, parent_span_id, span_name, service_name, start_time_unix_nano,"
        " duration_nano)"
    )


@pytest.mark.parametrize("make", [a_foreign_parquet, a_foreign_duckdb])
def test_read_only_shows_another_tools_file_in_place(tmp_path: Path, make: object) -> None:
    path: Path = make(tmp_path)  # type: ignore[operator]
    before, beside = path.read_bytes(), list(tmp_path.iterdir())
    with program("serve", "--read-only", path, "--port", 0) as process:
        lines = until_ready(process)
        assert [line.split()[0] for line in lines] == ["UI", "ready"]
        url = lines[0].split()[1]
        (trace,) = json.loads(get(f"{url}/api/traces/{TRACE}")[1])["data"]
        assert {span["operationName"] for span in trace["spans"]} == {"GET /", "query"}
        assert json.loads(get(f"{url}/api/services")[1])["data"] == ["db", "web"]
        assert f'data-result-row="{TRACE[16:]}"'.encode() in get(f"{url}/search?lookback=all")[1]
        code, _, errors = ended(process)
    assert (code, errors) == (0, "")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == beside


def test_read_only_of_a_file_without_spans_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "numbers.parquet"
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT 1 AS a) TO '{path}' (FORMAT parquet)")
    with program("serve", "--read-only", path, "--port", 0) as process:
        stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stdout) == (1, "")
    (line,) = stderr.splitlines()
    assert str(path) in line


def test_while_it_starts_health_is_503_and_a_signal_ends_even_a_long_import(
    tmp_path: Path,
) -> None:
    pipe, port = tmp_path / "never-ending.json", free_port()
    os.mkfifo(pipe)
    store = f"duckdb:{tmp_path / 'a.duckdb'}"
    arguments = ("--store", store, "--port", port, "--otlp-http", 0)
    with program("serve", pipe, *arguments) as process, pipe.open("wb", buffering=0) as writer:
        writer.write(b'{"resourceSpans": [')
        deadline = time.monotonic() + 20
        while True:
            try:
                status, body = get(f"http://127.0.0.1:{port}/healthz")
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert (status, json.loads(body)) == (503, {"status": "starting"})
        code, seconds, errors = ended(process)
    assert (code, errors) == (0, "")
    assert seconds < 5


def test_sigterm_ends_within_ten_seconds_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with Server(f"duckdb:{path}") as server:
        halfway = begun_request(server.otlp_url)
        stuck = unread_answer(server)
        with Senders(server.otlp_url, itertools.count(1)) as senders:
            senders.send_for(0.7)
            seconds = server.stop()
        halfway.close()
        stuck.close()
    assert seconds < 10
    # Those that arrive while it ends may be told to come again; anything else would be a fault.
    assert set(senders.refused) <= {503}
    assert set(senders.acknowledged) <= ids_in(f"duckdb:{path}")
    assert not list(Path(f"{path}.journal").glob("*.spans"))


def begun_request(url: str) -> http.client.HTTPConnection:
    """A client that has sent half a request, and says no more."""
    connection = connect(url)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Length", "1000")
    connection.endheaders()
    connection.send(bytes(500))
    return connection


def unread_answer(server: Server) -> socket.socket:
    """A client that asks for a large trace and does not read the answer."""
    connection = connect(server.otlp_url)
    body, trace_id = a_body(0xFFFF, spans=12_000)
    assert send(connection, body) == 200
    connection.close()
    parts = urlsplit(server.ui_url)
    path = f"/api/traces/{trace_id}"
    deadline = time.monotonic() + 5
    while get(server.ui_url + path)[0] != 200:
        assert time.monotonic() < deadline
    client = socket.create_connection((str(parts.hostname), int(parts.port or 0)))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    client.recv(1, socket.MSG_PEEK)
    return client


def test_demo_shows_the_samples_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with program("demo", "--port", 0, "--otlp-http", 0, TMPDIR=str(tmp_path)) as process:
        lines = until_ready(process)
        assert process.stdout is not None
        shown = process.stdout.readline().removeprefix("Look at ").strip()
        assert shown.startswith(lines[0].split()[1] + "/trace/")
        status, body = get(shown)
        assert status == 200
        assert b"data-finding" in body
        code, _, errors = ended(process)
    assert code == 0
    samples = [path for path in SAMPLES.glob("*/*") if path.parent.name != "programs"]
    assert len(errors.splitlines()) == len(samples)
    assert not list(tmp_path.iterdir())


def test_a_policy_that_is_wrong_is_one_line_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("[sampling]\n\nkeep_percentage = 10\n")
    with program("serve", "--store", "memory:", "--port", 0, "--policy", path) as process:
        stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stdout) == (1, "")
    (line,) = stderr.splitlines()
    assert line.startswith(f"tracefall: {path}:3: unknown key 'keep_percentage', did you mean")
