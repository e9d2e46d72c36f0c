"""A real server process for tests that send to it, kill it, or open its pages."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


class Server:
    """`tracefall serve` on free ports; use it as a context manager. Its log is in ``log``."""

    def __init__(self, store: str, files: Sequence[Path] = (), flags: Sequence[str] = ()) -> None:
        ports = ["--port", "0", "--otlp-http", "0", "--retention", "off"]
        command = [sys.executable, "-m", "viewer", "serve", "--store", store, *ports, *flags]
        self.process = subprocess.Popen(
            [*command, *map(str, files)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.log: list[str] = []
        self.doors: dict[str, str] = {}
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line.rstrip())
            name, _, address = line.strip().rpartition(" ")
            if address.startswith("http"):
                self.doors[name] = address
            if line.strip() == "ready":
                break
        else:
            raise AssertionError("the server did not start:\n" + "\n".join(self.log))
        # Whatever it says later must be read, or it would block on a full pipe.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        return self.doors["UI"]

    @property
    def otlp(self) -> str:
        return self.doors["OTLP/HTTP"]

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it as a service manager would; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line.rstrip())
