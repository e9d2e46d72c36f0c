"""Settings: flag, else environment, else default."""

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from viewer.collector.receivers import make_receivers
from viewer.config import (
    DEFAULT_PORTS,
    SERVE_SETTINGS,
    Config,
    config_of,
    demo_config_of,
    options,
    parse_age,
    parse_open_port,
    parse_port,
    parse_size,
)
from viewer.formats.otlp.decoder import OtlpDecoder


def config_from(*flags: str, **environment: str) -> Config:
    """Return what `serve` would run with."""
    made: list[Config] = []

    @click.command()
    @options(SERVE_SETTINGS)
    def command(**arguments: Any) -> None:
        made.append(config_of(arguments))

    result = CliRunner().invoke(command, flags, env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return made[0]


def test_defaults_are_those_of_the_config_itself() -> None:
    assert config_from() == Config()


@pytest.mark.parametrize(
    ("flag", "text", "field", "value"),
    [
        ("--store", "memory:", "store", "memory:"),
        ("--read-only", "1", "read_only", True),
        ("--host", "::1", "host", "::1"),
        ("--port", "1", "port", 1),
        ("--retention", "36h", "retention_s", 36 * 3600),
        ("--max-size", "500MB", "max_size", 500 * 10**6),
        ("--auth-token", "s3cret", "auth_token", "s3cret"),
    ],
)
def test_a_setting_is_read_from_its_environment_variable(
    flag: str, text: str, field: str, value: object
) -> None:
    assert flag in {setting.flag for setting in SERVE_SETTINGS}
    variable = "TRACEFALL_" + flag[2:].replace("-", "_").upper()
    assert getattr(config_from(**{variable: text}), field) == value


def test_a_flag_goes_before_the_environment() -> None:
    assert config_from("--port", "7", TRACEFALL_PORT="8").port == 7


@pytest.mark.parametrize("closed", ["--no-receivers", "--read-only"])
def test_no_receiver_is_open_where_none_is_wanted(closed: str) -> None:
    assert set(config_from(closed, "--otlp-http", "5").ports.values()) == {None}


def test_an_empty_token_is_none() -> None:
    assert config_from(TRACEFALL_AUTH_TOKEN="").auth_token is None


def test_a_query_takes_a_minute_at_most_unless_told_otherwise() -> None:
    assert config_from().query_timeout_s == 60
    assert config_from("--query-timeout", "5m").query_timeout_s == 300
    assert config_from(TRACEFALL_QUERY_TIMEOUT="off").query_timeout_s is None


def test_a_demo_prunes_nothing_and_writes_where_it_is_told(tmp_path: Path) -> None:
    ports = dict.fromkeys(DEFAULT_PORTS, 2)
    arguments = {"host": "h", "port": 1, "no_receivers": False, "auth_token": "t"}
    arguments["query_timeout"] = 5
    arguments |= {flag[2:].replace("-", "_"): port for flag, port in ports.items()}
    config = demo_config_of(arguments, f"duckdb:{tmp_path}/x")
    assert config == Config(f"duckdb:{tmp_path}/x", False, "h", 1, ports, None, None, "t", 5)


def test_every_receiver_has_its_setting_and_its_port_is_the_default() -> None:
    receivers = make_receivers(OtlpDecoder())
    declared = {
        receiver.flag: receiver.port
        for receiver in (*receivers.http, *receivers.grpc, *receivers.datagram)
    }
    assert declared == DEFAULT_PORTS


@pytest.mark.parametrize("flag", DEFAULT_PORTS)
def test_a_receivers_port_is_set_by_flag_and_environment(flag: str) -> None:
    variable = "TRACEFALL_" + flag[2:].replace("-", "_").upper()
    assert config_from(flag, "5").ports[flag] == 5
    assert config_from(**{variable: "6"}).ports[flag] == 6
    assert config_from(flag, "off").ports[flag] is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("2m", 120), ("36h", 129_600), ("7d", 604_800), ("2w", 1_209_600), ("off", None)],
)
def test_ages(text: str, seconds: int | None) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GB", 20 * 10**9),
        ("500mb", 500 * 10**6),
        ("1.5 T", 1_500_000_000_000),
        ("64k", 64_000),
        ("7B", 7),
        ("7", 7),
        ("off", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *((parse_age, text) for text in ("", "7", "d", "0d", "-1d", "7 days", "9" * 99 + "d")),
        *((parse_size, text) for text in ("", "0", "GB", "-1GB", "1XB", "1e9", "9" * 400 + "TB")),
        *((parse_port, text) for text in ("", "x", "-1", "65536", "1.0", "9" * 5000)),
        *((parse_open_port, text) for text in ("", "off", "65536")),
    ],
)
def test_what_is_none_of_these_is_refused_with_what_is_expected(parse: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"; write .*[0-9]"):
        parse(text)


def test_ports() -> None:
    assert parse_port("off") is None
    assert [parse_port("0"), parse_port("65535"), parse_open_port("0")] == [0, 65_535, 0]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (Config(), "7 days or 20 GB, whichever comes first"),
        (Config(retention_s=3600, max_size=None), "1 hour"),
        (Config(retention_s=90, max_size=1_500_000_000), "90 seconds or 1.5 GB, whichever comes first"),
        (Config(retention_s=None, max_size=None), "everything is kept"),
    ],
)  # fmt: skip
def test_retention_in_words(config: Config, text: str) -> None:
    assert config.retention_text == text
