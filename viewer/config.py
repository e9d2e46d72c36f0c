"""One frozen Config, made from flags and environment; rooms below get plain arguments from it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import click

from viewer.store.retention import KEEPS_ALL

_SIZE_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_AGE_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
ENVIRONMENT = "TRACEFALL_"
# Of every receiver: its setting, its port unless told otherwise, and what it takes.
RECEIVER_PORTS = (
    ("--otlp-http", 4318, "OTLP over HTTP"),
    ("--otlp-grpc", 4317, "OTLP over gRPC"),
    ("--jaeger-http", 14268, "Jaeger's Thrift over HTTP"),
    ("--jaeger-grpc", 14250, "Jaeger's protobuf over gRPC"),
    ("--jaeger-compact", 6831, "Jaeger's compact Thrift over UDP"),
    ("--jaeger-binary", 6832, "Jaeger's binary Thrift over UDP"),
    ("--jaeger-sampling", 5778, "Jaeger's clients that ask how to sample"),
    ("--zipkin", 9411, "Zipkin's clients"),
    ("--datadog", 8126, "Datadog's tracers"),
    ("--xray", 2000, "AWS X-Ray's SDKs, UDP and TCP"),
)
Ports = Mapping[str, int | None]
DEFAULT_PORTS: Ports = MappingProxyType({flag: port for flag, port, _ in RECEIVER_PORTS})


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a user can set. ``ports`` are the receivers' by their flags: None, or no entry, =
    off; 0 = any free one."""

    store: str = "duckdb:tracefall.duckdb"
    read_only: bool = False
    host: str = "127.0.0.1"
    port: int = 16686
    ports: Ports = field(default_factory=lambda: DEFAULT_PORTS)
    retention_s: int | None = 7 * 86_400
    max_size: int | None = 20 * 10**9
    auth_token: str | None = None
    query_timeout_s: int | None = 60
    jaeger_strategies: str | None = None
    policy: str | None = None

    @property
    def retention_text(self) -> str:
        """Return the retention rule in words."""
        rules = []
        if self.retention_s is not None:
            rules.append(_age_text(self.retention_s))
        if self.max_size is not None:
            rules.append(f"{self.max_size / 10**9:g} GB")
        if not rules:
            return KEEPS_ALL
        return " or ".join(rules) + (", whichever comes first" if len(rules) > 1 else "")


def parse_age(text: str) -> int | None:
    """Return ``7d``, ``36h``, ``2w`` … in seconds, None for ``off``; raise ValueError."""
    if text == "off":
        return None
    match = re.fullmatch(r"(\d{1,9})([smhdw])", text)
    if not match or int(match[1]) == 0:
        raise ValueError(f"{text!r} is no age; write 7d, 36h, 2w or off")
    return int(match[1]) * _AGE_UNITS[match[2]]


def parse_size(text: str) -> int | None:
    """Return ``20GB``, ``500MB`` … in bytes, None for ``off``; raise ValueError."""
    if text == "off":
        return None
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]?B?)", text.strip(), re.IGNORECASE)
    unit = match[2].upper() if match else ""
    if not match or float(match[1]) == 0:
        raise ValueError(f"{text!r} is no size; write 20GB, 500MB or off")
    return int(
        float(match[1]) * _SIZE_UNITS[unit if unit.endswith("B") or not unit else unit + "B"]
    )


def parse_port(text: str) -> int | None:
    """Return a port number (0 = any free one), None for ``off``; raise ValueError."""
    return None if text == "off" else _port(text, "0 to 65535, or off")


def parse_open_port(text: str) -> int:
    """As parse_port, for a door that cannot be left shut; raise ValueError."""
    return _port(text, "0 to 65535")


def _port(text: str, expected: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text) or int(text) > 65_535:
        raise ValueError(f"{text!r} is no port; write {expected}")
    return int(text)


def _age_text(seconds: int) -> str:
    for unit, name in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % unit == 0:
            count = seconds // unit
            return f"{count} {name}{'s' if count != 1 else ''}"
    raise AssertionError(seconds)


class _Parsed(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.4 on only
    """A click type made of one of the parsers above."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name, self._parse = name, parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Setting(NamedTuple):
    """A setting: its flag, default as the user would type it, and what it does."""

    flag: str
    default: str | bool | None
    help: str
    type: "click.ParamType[Any] | None" = None


STORE_SETTINGS = (
    Setting("--store", "duckdb:tracefall.duckdb", "Where spans are kept: duckdb:PATH or memory:"),
)
RETENTION_SETTINGS = (
    Setting(
        "--retention",
        "7d",
        "Remove spans stored longer ago than this (7d, 36h, off).",
        _Parsed("AGE", parse_age),
    ),
    Setting(
        "--max-size",
        "20GB",
        "Remove the oldest spans beyond this size of the store (20GB, off).",
        _Parsed("SIZE", parse_size),
    ),
)
_PORT_SETTINGS = tuple(
    Setting(
        flag,
        str(port),
        f"Port for {what} (0 = any free one, off = none).",
        _Parsed("PORT", parse_port),
    )
    for flag, port, what in RECEIVER_PORTS
)
SERVE_SETTINGS = (
    *STORE_SETTINGS,
    Setting("--read-only", False, "Browse a file that something else wrote; opens no receivers."),
    Setting("--host", "127.0.0.1", "Address of the pages and of all receivers."),
    Setting(
        "--port",
        "16686",
        "Port of the pages and query APIs (0 = any free one).",
        _Parsed("PORT", parse_open_port),
    ),
    *_PORT_SETTINGS,
    Setting(
        "--no-receivers",
        False,
        "Open no receiver's port; the pages' port still takes what comes by HTTP.",
    ),
    *RETENTION_SETTINGS,
    Setting(
        "--policy",
        None,
        "File (TOML) that says which traces are kept and what is redacted.",
        click.Path(exists=True, dir_okay=False),
    ),
    Setting(
        "--jaeger-strategies",
        None,
        "Jaeger's sampling strategies file (JSON); its clients sample everything without one.",
        click.Path(exists=True, dir_okay=False),
    ),
    Setting(
        "--query-timeout",
        "60s",
        "Give a page or query up after this time (60s, 5m, off).",
        _Parsed("TIME", parse_age),
    ),
    Setting("--auth-token", None, "Ask for this token on pages, APIs and receivers alike."),
)
_DEMO_FLAGS = (
    "--host",
    "--port",
    *DEFAULT_PORTS,
    "--no-receivers",
    "--query-timeout",
    "--auth-token",
)
DEMO_SETTINGS = tuple(setting for setting in SERVE_SETTINGS if setting.flag in _DEMO_FLAGS)


def options(settings: Sequence[Setting]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that gives a click command these settings, each also read from its
    environment variable TRACEFALL_<NAME>."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for setting in reversed(settings):
            is_switch = isinstance(setting.default, bool)
            command = click.option(
                setting.flag,
                default=setting.default,
                is_flag=is_switch,
                type=None if is_switch else setting.type,
                help=setting.help,
                envvar=ENVIRONMENT + _name(setting.flag).upper(),
                show_envvar=True,
                show_default=setting.default is not None and not is_switch,
            )(command)
        return command

    return decorate


def _name(flag: str) -> str:
    """Return what click calls a flag's value."""
    return flag.lstrip("-").replace("-", "_")


def config_of(arguments: dict[str, Any]) -> Config:
    """Return the Config that a serve command's parsed arguments mean."""
    closed = arguments["no_receivers"] or arguments["read_only"]
    return Config(
        store=arguments["store"],
        read_only=arguments["read_only"],
        host=arguments["host"],
        port=arguments["port"],
        ports={flag: None if closed else arguments[_name(flag)] for flag in DEFAULT_PORTS},
        retention_s=arguments["retention"],
        max_size=arguments["max_size"],
        auth_token=arguments["auth_token"] or None,
        query_timeout_s=arguments["query_timeout"],
        jaeger_strategies=arguments["jaeger_strategies"],
        policy=arguments["policy"],
    )


def demo_config_of(arguments: dict[str, Any], store: str) -> Config:
    """Return the Config of a demo on this store: nothing of the old samples is pruned."""
    kept = dict.fromkeys(("retention", "max_size", "policy", "jaeger_strategies"))
    kept |= {"store": store, "read_only": False}
    return config_of({**arguments, **kept})
