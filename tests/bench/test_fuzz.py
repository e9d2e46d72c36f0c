"""A few seconds of what `python -m bench.fuzz` does for ten minutes: hostile bytes at every door."""

import random
from pathlib import Path

import pytest

from bench import fuzz
from bench.fuzz import TARGETS, Doors, Fault, Target, hostile_bodies, run
from viewer.collector.receivers import make_receivers
from viewer.formats.otlp.decoder import OtlpDecoder


def test_every_path_that_takes_spans_and_every_port_is_a_target() -> None:
    receivers = make_receivers(OtlpDecoder())
    doors = {target.door for target in TARGETS}
    assert doors == {
        receiver.name for receiver in (*receivers.http, *receivers.grpc, *receivers.datagram)
    }
    paths = {target.path for target in TARGETS}
    for receiver in receivers.http:
        for path in receiver.paths:
            assert path in paths or not path.endswith(("/spans", "/traces")), path


def test_no_door_falls_over_and_no_good_trace_is_lost(tmp_path: Path) -> None:
    outcomes = run(3.0, 7, tmp_path)
    assert outcomes["rounds"] > 0
    refused = {name.split(":")[0] for name in outcomes if name.endswith((": 400", "ARGUMENT"))}
    assert refused == {target.name for target in TARGETS if target.path}


def test_the_same_seed_makes_the_same_bytes() -> None:
    made = [list(hostile_bodies(random.Random(3), "Zipkin")) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0] != list(hostile_bodies(random.Random(4), "Zipkin"))


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"oh"), (400, b""), (200, b"Traceback (most recent call last)")]
)
def test_an_answer_that_is_no_clear_refusal_is_a_fault(
    status: int, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answer:
        def __init__(self, *_: object, **__: object) -> None:
            self.status = status

        def request(self, *_: object) -> None: ...

        def getresponse(self) -> "Answer":
            return self

        def read(self) -> bytes:
            return body

        def close(self) -> None: ...

    monkeypatch.setattr(fuzz.http.client, "HTTPConnection", Answer)
    doors = Doors({"Zipkin": "http://127.0.0.1:1"})
    with pytest.raises(Fault, match=r"Zipkin POST /x"):
        doors.send(Target("Zipkin", "POST", "/x", "application/json"), b"")
    doors.close()
