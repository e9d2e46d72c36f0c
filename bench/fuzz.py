"""Hostile bytes at every door: `python -m bench.fuzz [--seconds 600] [--seed 1]`.

Starts a server of its own, and sends to each of its doors in turn what no client would: good payloads
that are cut, mutated, or another door's; random bytes; deep and large JSON; decompression bombs.
After each round of doors a good payload must be taken at every one of them. Ends with 1 at the first
answer that is no clear refusal, a lost neighbour, a server that is gone, or memory that keeps growing.
"""

import argparse
import gzip
import http.client
import json
import random
import socket
import sys
import tempfile
import time
import urllib.request
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import grpc

from bench.payloads import PAYLOADS, Traces, trace_id
from bench.server import Server
from viewer.config import DEFAULT_PORTS

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_POST_SPANS = "/jaeger.api_v2.CollectorService/PostSpans"
_JSON = "application/json"
_FOUND_S = 10.0
_GROWTH_MB = 400
_TOO_LARGE = http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE
_SOME_TIME_NS = 1_795_000_000_000_000_000
Values = random.Random
Make = Callable[[int, Traces, int], bytes]


class Fault(Exception):
    """A door did what it must not; the message says which, what was sent and what came back."""


@dataclass(frozen=True, slots=True)
class Target:
    """A door, or one of its paths. ``media_type`` says that it is HTTP."""

    door: str
    method: str = ""
    path: str = ""
    media_type: str = ""

    @property
    def name(self) -> str:
        return f"{self.door} {self.method} {self.path} {self.media_type}".strip()


def _datadog(version: str, media_type: str = "application/msgpack") -> Target:
    return Target("Datadog", "PUT", f"/{version}/traces", media_type)


TARGETS = (
    Target("OTLP/HTTP", "POST", "/v1/traces", "application/x-protobuf"),
    Target("OTLP/HTTP", "POST", "/v1/traces", _JSON),
    Target("OTLP/gRPC", path=_EXPORT),
    Target("Jaeger gRPC", path=_POST_SPANS),
    Target("Jaeger HTTP", "POST", "/api/traces", "application/x-thrift"),
    Target("Jaeger compact"),
    Target("Jaeger binary"),
    Target("Zipkin", "POST", "/api/v2/spans", _JSON),
    Target("Zipkin", "POST", "/api/v2/spans", "application/x-protobuf"),
    Target("Zipkin", "POST", "/api/v1/spans", _JSON),
    Target("Zipkin", "POST", "/api/v1/spans", "application/x-thrift"),
    *(_datadog(version) for version in ("v0.3", "v0.4", "v0.5", "v0.7", "v1.0")),
    _datadog("v0.4", _JSON),
    Target("AWS X-Ray UDP"),
    Target("AWS X-Ray HTTP", "POST", "/TraceSegments", _JSON),
    Target("AWS X-Ray HTTP", "POST", "/SamplingTargets", _JSON),
    Target("Jaeger sampling", "GET", "/sampling", ""),
)
# A good payload at each of these must still be taken; the others differ from them in the format only.
GOOD = {
    "OTLP/HTTP": TARGETS[0],
    "OTLP/gRPC": TARGETS[2],
    "Jaeger HTTP": TARGETS[4],
    "Jaeger compact": TARGETS[5],
    "Zipkin": TARGETS[7],
    "Datadog": _datadog("v0.4"),
    "AWS X-Ray UDP": Target("AWS X-Ray UDP"),
}


def hostile_bodies(values: Values, door: str) -> Iterator[bytes]:
    """Yield bytes that are nothing this door takes, or nearly: its own payload and another door's,
    cut and mutated, random bytes, JSON of the wrong shape."""
    others: list[Make] = list(PAYLOADS.values())
    for make in (PAYLOADS.get(door, others[0]), values.choice(others)):
        good = make(0, range(1), _SOME_TIME_NS)
        yield from (good[: values.randrange(len(good))], mutated(good, values))
        yield from (mutated(mutated(good, values), values), good)
    yield values.randbytes(values.choice((0, 1, 5, 100, 5000)))
    yield odd_json(values)


def mutated(data: bytes, values: Values) -> bytes:
    """Return the bytes with a few of them changed, left out, doubled or put in."""
    made = bytearray(data)
    for _ in range(values.randint(1, 8)):
        at = values.randrange(len(made) + 1)
        change = values.randrange(4)
        if change == 0 and at < len(made):
            made[at] = values.choice((0, 1, 0x7F, 0x80, 0xFF, values.randrange(256)))
        elif change == 1:
            del made[at : at + values.randint(1, 4)]
        elif change == 2:
            made[at:at] = made[at : at + values.randint(1, 40)]
        else:
            made[at:at] = values.randbytes(values.randint(1, 8))
    return bytes(made)


def odd_json(values: Values) -> bytes:
    """Return JSON that is too deep, too wide, or of the right names and wrong types."""
    kind = values.randrange(4)
    if kind == 0:
        depth = values.choice((10, 500, 100_000))
        return b"[" * depth + (b"]" * depth if values.random() < 0.5 else b"")
    if kind == 1:
        return json.dumps([{}] * values.choice((1, 1000, 20_000))).encode()
    names = ("traceId", "id", "trace_id", "span_id", "resourceSpans", "Traces", "Segments", "name",
             "annotations", "tags", "meta", "start_time", "subsegments", "parentId", "timestamp")  # fmt: skip
    odd: tuple[object, ...] = (
        None,
        True,
        -1,
        1e308,
        2**70,
        "",
        "\ud800",
        "0" * 40,
        [],
        [[]],
        {},
        {"a": {"b": [None]}},
    )
    return json.dumps(
        [{values.choice(names): values.choice(odd) for _ in range(5)} for _ in range(5)]
    ).encode()


@dataclass
class Doors:
    """Sends to the doors of a running server, and judges what they answer."""

    addresses: Mapping[str, str]
    outcomes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._channels = {
            name: grpc.insecure_channel(urlsplit(self.addresses[name]).netloc)
            for name in self.addresses
            if "gRPC" in name
        }
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def close(self) -> None:
        """Release what is open."""
        for channel in self._channels.values():
            channel.close()
        self._udp.close()

    def send(self, target: Target, body: bytes, encoding: str = "") -> int | str:
        """Send; return HTTP's status or gRPC's code ("" for UDP). Raises Fault at an answer that is
        neither success nor a clear refusal."""
        address = self.addresses[target.door]
        if address.startswith("udp:"):
            parts = urlsplit(address)
            self._udp.sendto(body[:65_000], (parts.hostname, parts.port))
            return ""
        outcome: int | str
        if target.door in self._channels:
            outcome = self._call(target, body)
        else:
            outcome = self._request(target, body, encoding)
        self.outcomes[f"{target.name}: {outcome}"] += 1
        return outcome

    def _request(self, target: Target, body: bytes, encoding: str) -> int:
        parts = urlsplit(self.addresses[target.door])
        assert parts.hostname is not None
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        headers = {"Content-Type": target.media_type} if target.media_type else {}
        if encoding:
            headers["Content-Encoding"] = encoding
        try:
            connection.request(target.method, target.path, body, headers)
            answer = connection.getresponse()
            said = answer.read()
        except OSError as error:
            raise Fault(f"{target.name}: no answer to {body[:200]!r}: {error}") from error
        finally:
            connection.close()
        if answer.status >= 500 or b"Traceback" in said:
            raise Fault(f"{target.name}: {answer.status} {said[:500]!r} to {body[:200]!r}")
        if answer.status >= 400 and not said.strip():
            raise Fault(f"{target.name}: {answer.status} without a word to {body[:200]!r}")
        return answer.status

    def _call(self, target: Target, body: bytes) -> str:
        try:
            call: Callable[..., bytes] = self._channels[target.door].unary_unary(target.path)
            call(body, timeout=60)
        except grpc.RpcError as error:
            code, said = error.code(), error.details() or ""
            refusals = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED)
            if code not in refusals or not said or "Traceback" in said:
                raise Fault(f"{target.name}: {code} {said!r} to {body[:200]!r}") from error
            return code.name
        return "OK"


def check_neighbours(doors: Doors, ui_url: str, number: int) -> None:
    """Send a good trace to every door; raise Fault unless each is found."""
    for client, (door, target) in enumerate(GOOD.items(), 1):
        body = PAYLOADS[door](client, range(number, number + 1), time.time_ns())
        doors.send(target, body)
    end = time.monotonic() + _FOUND_S
    for client, door in enumerate(GOOD, 1):
        url = f"{ui_url}/api/traces/{trace_id(client, number)}"
        while True:
            try:
                urllib.request.urlopen(url, timeout=60).close()
                break
            except OSError as error:
                if time.monotonic() > end:
                    raise Fault(f"{door}: a good trace beside bad ones is lost: {error}") from error
                time.sleep(0.05)


def bombs() -> Iterator[tuple[bytes, str]]:
    """Yield small bodies that are huge once decompressed."""
    huge = bytes(100 << 20)
    yield gzip.compress(huge), "gzip"
    yield zlib.compress(huge), "deflate"


def run(seconds: float, seed: int, folder: Path) -> Counter[str]:
    """Run it; raises Fault."""
    values = random.Random(seed)
    store = f"duckdb:{folder / 'fuzz.duckdb'}"
    with Server(store, receivers=tuple(DEFAULT_PORTS)) as server:
        doors = Doors(server.doors)
        for body, encoding in bombs():
            for target in TARGETS:
                if target.media_type and doors.send(target, body, encoding) != _TOO_LARGE:
                    raise Fault(f"{target.name} took a bomb")
        check_neighbours(doors, server.ui_url, 0)
        first_mb = server.rss_bytes() / 1e6
        end, rounds = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            rounds += 1
            for target in TARGETS:
                for body in hostile_bodies(values, target.door):
                    doors.send(target, body)
            check_neighbours(doors, server.ui_url, rounds)
            grown_mb = server.rss_bytes() / 1e6 - first_mb
            if grown_mb > _GROWTH_MB:
                raise Fault(f"memory grew by {grown_mb:.0f} MB in {rounds} rounds")
        doors.close()
        doors.outcomes["rounds"] = rounds
        doors.outcomes["megabytes at first"] = round(first_mb)
        doors.outcomes["megabytes at last"] = round(server.rss_bytes() / 1e6)
        return doors.outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-fuzz-") as folder:
        try:
            outcomes = run(asked.seconds, asked.seed, Path(folder))
        except Fault as fault:
            print(f"fault: {fault}")
            return 1
    for name, count in sorted(outcomes.items()):
        print(f"{count:>10,}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
