"""What is shown to be copied works."""

import json
import shutil
import subprocess

import pytest

from viewer.trace.report import DoorReport
from viewer.ui.viewmodel.first_span import FirstSpan, first_span

DOOR = DoorReport("OTLP/HTTP", "http://127.0.0.1:4318/v1/traces")
UI = "http://viewer.example:16686"


def text(found: FirstSpan, id_: str) -> str:
    return next(snippet.text for snippet in found.snippets if snippet.id == id_)


def guide(*doors: DoorReport, needs_token: bool = False) -> FirstSpan:
    return first_span(doors, UI, read_only=False, needs_token=needs_token)


def test_the_settings_name_the_real_port() -> None:
    assert "ENDPOINT=http://127.0.0.1:4318" in text(guide(DOOR), "snippet-env")


def test_the_pages_own_port_takes_spans_where_the_receiver_is_closed() -> None:
    closed = DoorReport("OTLP/HTTP", DOOR.address, closed="port taken")
    assert f"ENDPOINT={UI}" in text(guide(closed), "snippet-env")


def test_a_token_is_sent_but_not_shown() -> None:
    found = guide(DOOR, needs_token=True)
    assert "Authorization=Bearer%20$TRACEFALL_TOKEN" in text(found, "snippet-env")
    assert "Authorization: Bearer $TRACEFALL_TOKEN" in text(found, "snippet-curl")


def test_a_read_only_server_asks_for_nothing() -> None:
    found = first_span([DOOR], UI, read_only=True, needs_token=False)
    assert not found.can_receive
    assert not found.snippets


@pytest.mark.skipif(not shutil.which("openssl"), reason="the command needs openssl")
def test_the_span_by_hand_is_valid_json_for_a_shell() -> None:
    command = text(guide(DOOR), "snippet-curl").replace("curl ", "printf '%s\\n' ", 1)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    body = done.stdout.partition("-d\n")[2]
    (span,) = json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert len(span["traceId"]) == 32
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) >= 42_000_000
