"""Kill -9 at any moment, over and over: `python -m bench.crash --rounds 200 --seed 1`.

Each round starts a server whose retention, compaction and checkpoints come all the time
(`bench.hasty`), sends traces from several connections, reads meanwhile, and kills it at a random
moment; now and then before it is ready. Every other round or so the file is opened and looked at:
each trace that was acknowledged is there once and whole, or is remembered as removed by retention and
was old enough; none that was removed comes back. Ends with 1 if any of that does not hold.
"""

import argparse
import http.client
import itertools
import random
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from bench.ingest import connection, post
from bench.payloads import SPANS, otlp, trace_id
from bench.server import Server, ServerFailed
from viewer.app import Ingest
from viewer.store.base import StoreError

AGE_S = 2
SIZE = "6MB"
_SENDERS = 4
_TRACES = 10
_PAGES = (
    "/search?service=client-1&lookback=1h",
    "/api/services",
    "/api/traces?service=client-2&limit=5",
    "/status",
)


@dataclass(slots=True)
class Tally:
    """What happened over all rounds. ``waiting`` has when each trace was sent that is to be found."""

    waiting: dict[str, float] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    acknowledged: int = 0
    refused: int = 0
    removed: int = 0
    reads: int = 0
    looks: int = 0
    compactions: int = 0
    faults: list[str] = field(default_factory=list)


class Traffic:
    """Context manager: senders and a reader that go on until the server is gone."""

    def __init__(self, server: Server, numbers: Iterator[int], tally: Tally) -> None:
        self._server, self._numbers, self._tally = server, numbers, tally
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._send, args=(client,)) for client in range(_SENDERS)
        ]
        self._threads.append(threading.Thread(target=self._read))

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _send(self, client: int) -> None:
        try:
            with connection(self._server.otlp_url) as (link, path):
                while not self._ended.is_set():
                    with self._lock:
                        first = next(self._numbers) * _TRACES
                    traces = range(first, first + _TRACES)
                    begin = time.time()
                    status, _ = post(link, path, otlp(client, traces, time.time_ns()))
                    with self._lock:
                        if status == 200:
                            self._tally.acknowledged += len(traces)
                            ids = (trace_id(client, number) for number in traces)
                            self._tally.waiting.update(dict.fromkeys(ids, begin))
                        else:
                            self._tally.refused += 1
        except (OSError, http.client.HTTPException):
            # The server has been killed; what was not answered does not count.
            return

    def _read(self) -> None:
        for page in itertools.cycle(_PAGES):
            if self._ended.is_set():
                return
            try:
                with urllib.request.urlopen(self._server.ui_url + page, timeout=30) as answer:
                    answer.read()
                self._tally.reads += 1
            except urllib.error.HTTPError as error:
                said = error.read().decode("utf-8", "replace")[:300]
                self._tally.faults.append(f"{page} was answered {error.code}: {said}")
            except (OSError, http.client.HTTPException):
                return


def look(path: Path, tally: Tally, *, by_age_only: bool) -> None:
    """Open the file, take over the journal, and check what is there."""
    tally.looks += 1
    try:
        Ingest(f"duckdb:{path}").close()
    except StoreError as error:
        tally.faults.append(f"the file cannot be opened: {error}")
        return
    now = time.time()
    with duckdb.connect(str(path), read_only=True) as con:
        rows = con.execute(
            "SELECT trace_id, count(*), count(DISTINCT span_id) FROM spans GROUP BY trace_id"
        ).fetchall()
        removed = dict(
            con.execute("SELECT trace_id, sum(spans) FROM removed GROUP BY trace_id").fetchall()
        )
    stored = {found: (spans, distinct) for found, spans, distinct in rows}
    for found, counts in stored.items():
        if counts != (SPANS, SPANS):
            tally.faults.append(f"{found} has {counts[0]} spans, {counts[1]} different ones")
    tally.faults += [f"{found} came back" for found in sorted(tally.gone & stored.keys())]
    for wanted, sent in list(tally.waiting.items()):
        if wanted in stored:
            continue
        if wanted not in removed:
            tally.faults.append(f"{wanted}, sent {now - sent:.2f} s ago, is lost")
        elif removed[wanted] != SPANS:
            tally.faults.append(f"{wanted} was removed with {removed[wanted]} spans")
        elif by_age_only and now - sent < AGE_S:
            tally.faults.append(f"{wanted} was removed after {now - sent:.2f} s")
        del tally.waiting[wanted]
        tally.gone.add(wanted)
        tally.removed += 1


def one_round(path: Path, chance: random.Random, numbers: Iterator[int], tally: Tally) -> bool:
    """Start, send, kill; return whether retention went by age only."""
    by_age_only = chance.random() < 0.5
    bounds = ("--retention", f"{AGE_S}s", "--max-size", "off" if by_age_only else SIZE)
    server = Server(f"duckdb:{path}", *bounds, module="bench.hasty")
    if chance.random() < 0.1:
        threading.Timer(chance.uniform(0.3, 1.2), server.kill_if_started).start()
    try:
        server.start()
    except ServerFailed as failure:
        if not server.was_killed:
            tally.faults.append(f"it does not start: {failure}")
        return by_age_only
    if server.was_killed:
        return by_age_only
    with Traffic(server, numbers, tally):
        time.sleep(chance.uniform(0, 1.6))
        server.kill()
    tally.compactions += server.output.count("was made smaller")
    return by_age_only


def run(rounds: int, seed: int, folder: Path) -> Tally:
    """Do so many rounds on one file; stop at the first one that finds a fault."""
    chance, numbers, tally = random.Random(seed), itertools.count(1), Tally()
    path = folder / "crash.duckdb"
    only_age = True
    for number in range(1, rounds + 1):
        only_age &= one_round(path, chance, numbers, tally)
        if number == rounds or chance.random() < 0.6:
            look(path, tally, by_age_only=only_age)
            only_age = True
        if tally.faults:
            print(f"round {number}:", file=sys.stderr)
            break
        if number % 10 == 0:
            print(
                f"{number} rounds: {tally.acknowledged:,} traces acknowledged,"
                f" {tally.removed:,} removed, {len(tally.waiting):,} stored",
                flush=True,
            )
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Kill servers at random, and look for what is lost."
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tracefall-crash-") as folder:
        tally = run(arguments.rounds, arguments.seed, Path(folder))
    print(
        f"{tally.acknowledged:,} traces of {SPANS} spans acknowledged, {tally.refused:,} requests"
        f" refused, {tally.removed:,} traces removed by retention, {tally.compactions} compactions,"
        f" {tally.reads:,} pages read, the file looked at {tally.looks} times"
    )
    for fault in tally.faults[:20]:
        print(fault, file=sys.stderr)
    if tally.faults:
        sys.exit(f"{len(tally.faults)} faults")


if __name__ == "__main__":
    main()
