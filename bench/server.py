"""A Tracefall server as a process of its own: for measurements, and for tests that need a real one."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from viewer.config import DEFAULT_PORTS

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
READY = "ready"


class ServerFailed(Exception):
    """The server did not get ready, or ended badly; the message holds what it printed."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children have used so far."""

    cpu_s: float
    peak_rss_bytes: int


class Server:
    """Context manager: starts `python -m viewer serve …`, ends it in good order."""

    def __init__(
        self,
        store: str,
        *arguments: str,
        files: Sequence[Path] = (),
        python: str = sys.executable,
        cwd: Path | None = None,
        ready_s: float = 60.0,
        receivers: Sequence[str] = ("--otlp-http",),
        module: str = "viewer",
    ) -> None:
        """``receivers`` are the flags of those that get a port of their own, any free one;
        ``module`` is another program with the same command line."""
        ports = [
            word for flag in DEFAULT_PORTS for word in (flag, "0" if flag in receivers else "off")
        ]
        self._command = [
            *(python, "-m", module, "serve", "--store", store),
            *("--port", "0", *ports, *arguments),
            *map(str, files),
        ]
        self._cwd, self._ready_s = cwd, ready_s
        self._lines: list[str] = []
        self._heard = threading.Event()
        self.doors: dict[str, str] = {}
        self.was_killed = False

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(check=kind is None)

    @property
    def ui_url(self) -> str:
        """The pages' address, without a slash at its end."""
        return self.doors["UI"]

    @property
    def otlp_url(self) -> str:
        """Where OTLP/HTTP is sent to, path included."""
        return self.doors["OTLP/HTTP"]

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """Everything printed so far, both streams."""
        return "\n".join(self._lines)

    def start(self) -> None:
        """Start it (again) and wait until it is ready; raise ServerFailed with its output."""
        self._heard.clear()
        begin = len(self._lines)
        self.doors = {}
        self._process = subprocess.Popen(
            self._command,
            cwd=self._cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        # The end of its output also wakes this up, a moment before the process can be seen to be gone.
        self._heard.wait(self._ready_s)
        if READY not in self._lines[begin:] or self._process.poll() is not None:
            failed_by_itself = not self.was_killed
            self.kill()
            self.was_killed = not failed_by_itself
            raise ServerFailed(f"{' '.join(self._command)}:\n{self.output}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                text = line.rstrip("\n")
                self._lines.append(text)
                name, _, address = text.rpartition(" ")
                if address.startswith(("http://", "udp://")):
                    self.doors[name] = address
                if text == READY:
                    self._heard.set()
        self._heard.set()

    def stop(self, check: bool = True) -> float:
        """End it by SIGTERM and return the seconds that took; raise ServerFailed unless it exits 0."""
        if self._process.poll() is not None:
            return 0.0
        begin = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()
            code = -signal.SIGKILL
        self._reader.join(timeout=5)
        if check and code:
            raise ServerFailed(f"ended with {code}:\n{self.output}")
        return time.monotonic() - begin

    def kill(self) -> None:
        """End it by SIGKILL, as a crash would."""
        self.was_killed = True
        self._process.kill()
        self._process.wait()
        self._reader.join(timeout=5)

    def kill_if_started(self) -> None:
        """End it by SIGKILL from another thread, be it ready or not."""
        if self._process.poll() is None:
            self.was_killed = True
            self._process.kill()

    def usage(self) -> Usage:
        """Return what the process has used so far (Linux: /proc)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        # proc(5): utime, stime, cutime and cstime are fields 14 to 17, the name being the second.
        ticks = sum(int(field) for field in fields[11:15])
        return Usage(ticks / _TICKS, self._memory("VmHWM"))

    def rss_bytes(self) -> int:
        """Return the memory the process holds now (Linux: /proc)."""
        return self._memory("VmRSS")

    def _memory(self, name: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024
