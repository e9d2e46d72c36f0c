"""Files in, a line each out."""

from io import BytesIO
from typing import BinaryIO

from tests.ui.stage import HTML, a_client, htmx_headers
from viewer.formats.base import DecodeError
from viewer.store.base import StoreError
from viewer.trace.report import FileReport, Rejection

TRACE = "0af7651916cd43dd8448eb211c80319c"


def ingest(name: str, stream: BinaryIO) -> FileReport:
    content = stream.read()
    if content == b"bad":
        raise DecodeError("looks like HTML", "byte 0")
    if content == b"full":
        raise StoreError("the disk is full")
    rejected = (Rejection("a span without an ID", 3, "line 7"),) if content == b"part" else ()
    return FileReport(name, "OTLP JSON", 1234, 17, rejected, TRACE)


def send(
    *files: tuple[str, bytes], headers: dict[str, str] = HTML, **services: object
) -> tuple[int, str]:
    client = a_client(**{"ingest": ingest, **services})
    form = {"files": [(BytesIO(content), name) for name, content in files]}
    response = client.post("/upload", data=form, headers=headers)
    return response.status_code, response.text


def test_each_file_is_reported_whatever_became_of_the_others() -> None:
    status, text = send(
        ("a.html", b"bad"), ("b.json", b"part"), ("c.json", b""), ("d.json", b"full")
    )
    assert status == 200
    assert "byte 0: looks like HTML" in text
    assert "3 × a span without an ID" in text
    assert "line 7" in text
    assert "the disk is full" in text
    assert "34 traces with 2,468 spans stored" in text
    assert f'href="/trace/{TRACE}"' in text


def test_more_traces_than_were_counted_are_said_to_be_more() -> None:
    def many(name: str, stream: BinaryIO) -> FileReport:
        return FileReport(name, "OTLP JSON", 9, 5, more_traces=len(stream.read()) > 1)

    _, text = send(("a.json", b"12"), ("b.json", b"1"), ingest=many)
    assert "more than 10 traces with 18 spans stored" in text
    assert text.count("more than 5 traces") == 1


def test_htmx_gets_the_report_alone() -> None:
    _, text = send(("a.json", b""), headers=htmx_headers("upload-report"))
    assert text.startswith('<section id="upload-report"')


def test_no_file_is_said() -> None:
    status, text = send()
    assert status == 200
    assert "Choose a file first" in text


def test_a_files_path_and_markup_stay_out_of_its_name() -> None:
    _, text = send(("C:\\traces\\<b>x</b>.json", b""))
    assert "&lt;b&gt;x" in text or "b&gt;.json" in text
    assert "<b>x" not in text
    assert "traces\\" not in text


def test_a_read_only_store_takes_nothing() -> None:
    assert send(("a.json", b""), ingest=None)[0] == 403
    text = a_client(ingest=None).get("/upload", headers=HTML).text
    assert "read-only" in text
    assert '<form class="drop-zone"' not in text


def test_too_much_is_a_413() -> None:
    status, text = send(("a.json", b"x" * 2000), upload_limit_bytes=1000)
    assert status == 413
    assert "too large" in text
