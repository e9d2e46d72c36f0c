"""Pages in gzip for those who take it."""

import gzip

from tests.builders import a_trace
from tests.ui.stage import HTML, a_client, a_store

GZIP = {**HTML, "Accept-Encoding": "gzip, br"}


def test_a_page_is_smaller_and_the_same() -> None:
    client = a_client(a_store(a_trace(1)))
    plain, packed = client.get("/search", headers=HTML), client.get("/search", headers=GZIP)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.data) == int(packed.headers["Content-Length"]) < len(plain.data) / 2
    # The line that says how long the search took may differ.
    assert gzip.decompress(packed.data)[:500] == plain.data[:500]


def test_who_does_not_take_it_gets_it_plain() -> None:
    answer = a_client().get("/search", headers={**HTML, "Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in answer.headers
    assert b"<!doctype html>" in answer.data[:200]


def test_static_files_are_compressed_and_known_again_by_their_tag() -> None:
    client = a_client()
    page = client.get("/search", headers=HTML).text
    path = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    with client.get(path, headers=GZIP) as first:
        assert b"@layer" in gzip.decompress(first.data)
        tag = first.headers["ETag"]
    with client.get(path, headers={**GZIP, "If-None-Match": tag}) as again:
        assert (again.status_code, again.data) == (304, b"")


def test_small_answers_are_left_alone() -> None:
    answer = a_client().get("/static/nothing", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 404
    small = a_client().get("/api/services", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers
