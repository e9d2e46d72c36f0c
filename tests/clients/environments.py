"""The environments that the real clients run in: `python3 tests/clients/environments.py [NAME…]`.

Each is made once, in .clients/NAME of the repository; a second run takes what is there unless its
pins have changed. There are several because the clients' own needs clash (protobuf 3 and 7) or
because a client is wanted in two versions. Standard library only: nothing is installed yet.
"""

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent.parent / ".clients"
NODE_AT_LEAST = (18, 19)
_BIN = "Scripts" if os.name == "nt" else "bin"

# All that is installed, not only what is asked for: an environment is the same one next year.
PYTHON = {
    "otel": """
        opentelemetry-api==1.45.1 opentelemetry-sdk==1.45.1 opentelemetry-proto==1.45.1
        opentelemetry-exporter-otlp-proto-common==1.45.1
        opentelemetry-exporter-otlp-proto-grpc==1.45.1
        opentelemetry-exporter-otlp-proto-http==1.45.1
        opentelemetry-exporter-http-transport==0.66b1
        opentelemetry-exporter-otlp-common==0.66b1
        opentelemetry-exporter-otlp-json-common==0.66b1
        opentelemetry-exporter-otlp-json-http==0.66b1
        opentelemetry-proto-json==0.66b1 opentelemetry-semantic-conventions==0.66b1
        certifi==2026.10.19.post1 charset-normalizer==3.5.3 googleapis-common-protos==1.76.0
        grpcio==1.85.3 idna==3.20 protobuf==7.36.2 requests==2.34.2 typing_extensions==4.16.0
        urllib3==2.8.0
    """,
    "otel-flask": """
        opentelemetry-api==1.45.1 opentelemetry-sdk==1.45.1 opentelemetry-proto==1.45.1
        opentelemetry-distro==0.66b1
        opentelemetry-exporter-otlp-proto-common==1.45.1
        opentelemetry-exporter-otlp-proto-grpc==1.45.1
        opentelemetry-exporter-otlp-proto-http==1.45.1
        opentelemetry-exporter-http-transport==0.66b1
        opentelemetry-exporter-otlp-common==0.66b1
        opentelemetry-instrumentation==0.66b1 opentelemetry-instrumentation-dbapi==0.66b1
        opentelemetry-instrumentation-flask==0.66b1 opentelemetry-instrumentation-requests==0.66b1
        opentelemetry-instrumentation-sqlite3==0.66b1 opentelemetry-instrumentation-wsgi==0.66b1
        opentelemetry-semantic-conventions==0.66b1 opentelemetry-util-http==0.66b1
        blinker==1.9.0 certifi==2026.10.19.post1 charset-normalizer==3.5.3 click==8.5.1 Flask==3.1.3
        googleapis-common-protos==1.76.0 grpcio==1.85.3 idna==3.20 itsdangerous==2.2.0 Jinja2==3.1.6
        MarkupSafe==3.0.4 packaging==26.4 protobuf==7.36.2 requests==2.34.2
        typing_extensions==4.16.0 urllib3==2.8.0 Werkzeug==3.1.9 wrapt==2.5.2
    """,
    "otel-zipkin": """
        opentelemetry-api==1.45.1 opentelemetry-sdk==1.45.1
        opentelemetry-exporter-zipkin-json==1.45.1 opentelemetry-exporter-zipkin-proto-http==1.45.1
        opentelemetry-semantic-conventions==0.66b1
        certifi==2026.10.19.post1 charset-normalizer==3.5.3 idna==3.20 protobuf==3.20.3
        requests==2.34.2 typing_extensions==4.16.0 urllib3==2.8.0
    """,
    "otel-jaeger": """
        opentelemetry-api==1.21.0 opentelemetry-sdk==1.21.0
        opentelemetry-exporter-jaeger==1.21.0 opentelemetry-exporter-jaeger-proto-grpc==1.21.0
        opentelemetry-exporter-jaeger-thrift==1.21.0 opentelemetry-semantic-conventions==0.42b0
        Deprecated==1.3.1 googleapis-common-protos==1.59.1 grpcio==1.85.3
        importlib-metadata==6.11.0 protobuf==3.20.3 thrift==0.25.0 typing_extensions==4.16.0
        wrapt==2.5.2 zipp==4.1.2
    """,
    # jaeger-client does not ask for six, but its Thrift code imports it.
    "jaeger-client": """
        jaeger-client==4.8.0 opentracing==2.4.0 six==1.17.0 threadloop==1.0.2 thrift==0.25.0
        tornado==6.6.1
    """,
    "py-zipkin": "py-zipkin==1.2.8 protobuf==7.36.2 typing_extensions==4.16.0",
    # The last one that sends Thrift.
    "py-zipkin-thrift": "py-zipkin==0.20.2 ijson==3.6.0 ply==3.11 six==1.17.0 thriftpy2==0.7.1",
    "xray": """
        aws-xray-sdk==2.15.0 botocore==1.44.8 jmespath==1.1.0 python-dateutil==2.9.0.post0
        six==1.17.0 urllib3==2.8.0 wrapt==2.5.2
    """,
    "ddtrace4": """
        ddtrace==4.16.0 ddtrace-internal==0.1.0 bytecode==0.19.1 envier==0.6.1
        opentelemetry-api==1.45.2 typing_extensions==4.16.0 wrapt==2.5.2
    """,
    "ddtrace3": """
        ddtrace==3.19.9 bytecode==0.19.1 envier==0.6.1 opentelemetry-api==1.45.2
        typing_extensions==4.16.0 wrapt==2.5.2
    """,
    "ddtrace2": """
        ddtrace==2.21.12 bytecode==0.19.1 envier==0.5.2 opentelemetry-api==1.45.2 protobuf==7.36.2
        typing_extensions==4.16.0 wrapt==1.17.3 xmltodict==1.0.4
    """,
}
NODE = {
    "node-otel": {
        "@opentelemetry/api": "1.9.1",
        "@opentelemetry/exporter-trace-otlp-grpc": "0.223.0",
        "@opentelemetry/exporter-trace-otlp-http": "0.223.0",
        "@opentelemetry/exporter-trace-otlp-proto": "0.223.0",
        "@opentelemetry/exporter-zipkin": "2.12.1",
        "@opentelemetry/resources": "2.12.0",
        "@opentelemetry/sdk-trace-node": "2.12.0",
    },
    "node-otel-2022": {
        "@opentelemetry/api": "1.3.0",
        "@opentelemetry/exporter-trace-otlp-http": "0.34.0",
        "@opentelemetry/resources": "1.8.0",
        "@opentelemetry/sdk-trace-node": "1.8.0",
    },
    "node-otel-jaeger": {
        "@opentelemetry/api": "1.9.1",
        "@opentelemetry/exporter-jaeger": "2.11.0",
        "@opentelemetry/resources": "2.11.0",
        "@opentelemetry/sdk-trace-node": "2.11.0",
    },
    "node-jaeger-client": {"jaeger-client": "3.19.0", "opentracing": "0.14.7"},
    "node-zipkin": {"zipkin": "0.22.0", "zipkin-transport-http": "0.22.0", "node-fetch": "2.7.0"},
    "node-xray": {"aws-xray-sdk-core": "3.12.0"},
    "node-ddtrace": {"dd-trace": "5.132.0"},
}
NAMES = (*PYTHON, *NODE)


class CannotInstall(Exception):
    """An environment cannot be made; the message says which, and what failed."""


class Unreachable(CannotInstall):
    """...because no registry answers from here."""


# How pip and npm say that there is no way to a registry, as opposed to one that refuses.
_NO_NETWORK = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH"
    r"|ERR_SOCKET_TIMEOUT|NewConnectionError|NameResolutionError|ConnectTimeoutError"
    r"|Failed to establish a new connection|Temporary failure in name resolution"
)


@dataclass(frozen=True, slots=True)
class Environment:
    """How a program is run in it: ``[*command, program]``, with these variables besides one's own."""

    name: str
    command: tuple[str, ...]
    variables: Mapping[str, str]


def ready(name: str) -> Environment:
    """Return an environment, made first unless it is there. Raises CannotInstall."""
    folder = FOLDER / name
    pins = PYTHON[name].split() if name in PYTHON else NODE[name]
    runtime = sys.version if name in PYTHON else _node("--version")
    wanted = hashlib.sha256(repr((pins, runtime, str(folder))).encode()).hexdigest()
    stamp = folder / "installed"
    with _alone(name):
        if not (stamp.exists() and stamp.read_text() == wanted):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            if name in PYTHON:
                _install_python(name, folder)
            else:
                _install_node(name, folder)
            stamp.write_text(wanted)
    if name in PYTHON:
        return Environment(name, (str(folder / _BIN / "python"),), {})
    return Environment(name, ("node",), {"NODE_PATH": str(folder / "node_modules")})


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Let one process at a time make an environment; a database's lock ends with its process."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = sqlite3.connect(FOLDER / f"{name}.lock", timeout=600, isolation_level=None)
    with closing(lock):
        lock.execute("BEGIN EXCLUSIVE")
        yield


def _install_python(name: str, folder: Path) -> None:
    """Without a pip of its own: the one that runs this installs into it, and seconds are saved."""
    _run(name, [sys.executable, "-m", "venv", "--without-pip", str(folder)])
    pip = [sys.executable, "-m", "pip", "--python", str(folder / _BIN / "python")]
    quiet = ["--disable-pip-version-check", "--quiet", "--retries", "1"]
    _run(name, [*pip, "install", *quiet, "--no-deps", *PYTHON[name].split()])


def _install_node(name: str, folder: Path) -> None:
    numbers = re.findall(r"\d+", _node("--version"))
    if tuple(map(int, numbers)) < NODE_AT_LEAST:
        raise CannotInstall(
            f"{name}: needs Node {'.'.join(map(str, NODE_AT_LEAST))}; this is {'.'.join(numbers)}"
        )
    npm = shutil.which("npm")
    if npm is None:
        raise CannotInstall(f"{name}: there is no npm on this machine")
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": NODE[name]}))
    quiet = [
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--fetch-retries=1",
        "--loglevel=error",
    ]
    _run(name, [npm, "install", *quiet], folder)


def _node(argument: str) -> str:
    node = shutil.which("node")
    if node is None:
        raise CannotInstall("there is no node on this machine")
    return subprocess.run([node, argument], capture_output=True, text=True, check=True).stdout


def _run(name: str, command: list[str], folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stdout + done.stderr
        kind = Unreachable if _NO_NETWORK.search(said) else CannotInstall
        raise kind(f"{name}: `{' '.join(command)}` ended with {done.returncode}:\n{said}")


def _megabytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*")) / 1e6


def main() -> int:
    failed = 0
    for name in sys.argv[1:] or NAMES:
        begin = time.monotonic()
        try:
            ready(name)
        except CannotInstall as error:
            failed += 1
            print(error, file=sys.stderr)
        else:
            seconds = time.monotonic() - begin
            print(f"{name:20}{seconds:6.1f} s {_megabytes(FOLDER / name):7.0f} MB", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
