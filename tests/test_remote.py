"""Files sent to a server over real sockets."""

import io
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.builders import a_trace
from viewer.app import Application
from viewer.config import Config
from viewer.formats.otlp.encode import encode
from viewer.remote import RemoteError, send_stream
from viewer.trace.report import FileReport

TOKEN = "s3cret"


@pytest.fixture(scope="module")
def server() -> Iterator[Application]:
    """A server that asks for a token."""
    running = Application(Config("memory:", port=0, ports={}, retention_s=None, auth_token=TOKEN))
    running.start()
    running.ready()
    yield running
    running.stop()


def send(server: Application, data: bytes, token: str | None = TOKEN) -> FileReport:
    return send_stream(server.ui_url + "/", "a b&ü.json", io.BytesIO(data), token)


def test_the_servers_report_comes_back_whole(server: Application) -> None:
    good = encode(a_trace(1))
    report = send(server, good + b"\n{bad")
    (rejection,) = report.rejected
    assert (rejection.count, rejection.where) == (1, f"line 2 (byte {len(good) + 2})")
    assert rejection.reason.startswith("no JSON")
    stored = FileReport("a b&ü.json", "otlp-json", 3, 1, (rejection,), f"{1:032x}")
    assert report == stored
    assert len(server.store.get_spans(f"{1:032x}")) == 3


def test_a_file_on_disk_and_a_pipe_are_sent_as_well(server: Application, tmp_path: Path) -> None:
    path, pipe = tmp_path / "file", tmp_path / "pipe"
    path.write_bytes(encode(a_trace(2)))
    with path.open("rb") as file:
        assert send_stream(server.ui_url, "file", file, TOKEN).spans == 3
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(encode(a_trace(3)),))
    writer.start()
    with pipe.open("rb") as stream:
        assert send_stream(server.ui_url, "pipe", stream, TOKEN).spans == 3
    writer.join()


def test_what_of_a_file_has_been_read_before_is_not_sent(
    server: Application, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"<read already>" + encode(a_trace(4)))
    with path.open("rb") as file:
        file.read(14)
        assert send_stream(server.ui_url, "rest", file, TOKEN).spans == 3


def test_the_reason_of_a_refusal_is_the_servers(server: Application) -> None:
    with pytest.raises(RemoteError, match="HTML page"):
        send(server, b"<!DOCTYPE html>")


@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_the_token_it_says_that_one_is_needed(
    server: Application, token: str | None
) -> None:
    with pytest.raises(RemoteError, match="token is needed"):
        send(server, b"{}", token)


def test_a_path_that_is_no_server_of_ours_is_said(server: Application) -> None:
    with pytest.raises(RemoteError, match="No page of this server has the address"):
        send_stream(server.ui_url + "/nowhere", "x", io.BytesIO(b"{}"), TOKEN)


@pytest.mark.parametrize("url", ["127.0.0.1:16686", "ftp://127.0.0.1", "file:///etc/passwd", ""])
def test_anything_but_http_is_refused(url: str) -> None:
    with pytest.raises(RemoteError, match=r"is no http\(s\) URL"):
        send_stream(url, "x", io.BytesIO(b"{}"), None)


def test_a_server_that_is_not_there_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(RemoteError, match=f"{url} cannot be reached: Connection refused"):
        send_stream(url, "x", io.BytesIO(b"{}"), None)


class _Other(BaseHTTPRequestHandler):
    """A server that is none of ours: it answers what its path asks for."""

    def do_POST(self) -> None:
        if self.path.startswith("/reset"):
            self.rfile.read(10)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()
            return
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"data": []}' if self.path.startswith("/json") else b"<html>hello"
        self.send_response(500 if self.path.startswith("/error") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Other) as running:
        threading.Thread(target=running.serve_forever).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/json", "not as a Tracefall server does"),
        ("/html", "not as a Tracefall server does"),
        ("/error", "the server answered 500"),
    ],
)
def test_a_server_of_another_kind_is_said_to_be_one(
    other: str, path: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"{}")
    with (
        (tmp_path / "file").open("rb") as file,
        pytest.raises(RemoteError, match=said) as raised,
    ):
        send_stream(other + path, "x", file, None)
    assert "\n" not in str(raised.value)


def test_an_upload_that_is_cut_off_may_have_been_too_large(other: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(20 << 20))
    with (
        (tmp_path / "file").open("rb") as file,
        pytest.raises(RemoteError, match=r"broke off \(.+\); the file may be larger"),
    ):
        send_stream(other + "/reset", "x", file, None)
