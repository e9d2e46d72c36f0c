import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats.strategies import objects_of
from viewer.formats.jaeger.strategies import Strategies


def parse(**fields: object) -> Strategies:
    return Strategies.parse(json.dumps(fields).encode())


def rule(kind: str, param: float, **more: object) -> dict[str, object]:
    return {"type": kind, "param": param, **more}


def operation(name: str, param: float, kind: str = "probabilistic") -> dict[str, object]:
    return {"operation": name, **rule(kind, param)}


def probabilistic(rate: float) -> dict[str, object]:
    return {"strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": rate}}


def operations(default: float, **rates: float) -> dict[str, object]:
    return {
        "defaultSamplingProbability": default,
        "defaultLowerBoundTracesPerSecond": 0,
        "perOperationStrategies": [
            {"operation": name, "probabilisticSampling": {"samplingRate": rate}}
            for name, rate in rates.items()
        ],
    }


@pytest.mark.parametrize("data", [b"null", b"{}", b"\xef\xbb\xbf{}"])
def test_everything_is_kept_where_nothing_is_said(data: bytes) -> None:
    assert Strategies.parse(data).strategy("any") == Strategies().strategy("any")
    assert Strategies().strategy("any") == probabilistic(1)


def test_a_service_has_its_own_strategy_or_the_default() -> None:
    strategies = parse(
        default_strategy=rule("probabilistic", 0.5),
        service_strategies=[
            {"service": "foo", **rule("probabilistic", 0.8)},
            {"service": "bar", **rule("ratelimiting", 5.9)},
        ],
    )
    assert strategies.strategy("foo") == probabilistic(0.8)
    assert strategies.strategy("bar") == {
        "strategyType": "RATE_LIMITING",
        "rateLimitingSampling": {"maxTracesPerSecond": 5},
    }
    assert strategies.strategy("other") == probabilistic(0.5)


# As Jaeger's provider_test.go has it, with our default of 1 for its 0.001.
DEFAULT = rule(
    "probabilistic",
    0.5,
    operation_strategies=[operation("op0", 0.2), operation("op6", 0), operation("op7", 1)],
)


def test_operations_are_merged_with_the_defaults() -> None:
    own = [operation("op6", 0.5), operation("op1", 0.2), operation("op2", 10, "ratelimiting")]
    strategies = parse(
        default_strategy=DEFAULT,
        service_strategies=[
            {"service": "foo", **rule("probabilistic", 0.8, operation_strategies=own)},
            {
                "service": "bar",
                **rule("ratelimiting", 5, operation_strategies=[operation("op3", 0.3)]),
            },
        ],
    )
    assert strategies.strategy("foo") == probabilistic(0.8) | {
        "operationSampling": operations(0.8, op6=0.5, op1=0.2, op0=0.2, op7=1)
    }
    assert strategies.strategy("bar") == {
        "strategyType": "RATE_LIMITING",
        "rateLimitingSampling": {"maxTracesPerSecond": 5},
        "operationSampling": operations(1, op3=0.3, op0=0.2, op6=0, op7=1),
    }
    assert strategies.strategy("other") == probabilistic(0.5) | {
        "operationSampling": operations(0.5, op0=0.2, op6=0, op7=1)
    }
    (note,) = strategies.notes
    assert note.startswith("service_strategies[0].operation_strategies[2] is left out")


def test_a_service_without_operations_has_the_defaults_at_its_own_rate() -> None:
    strategies = parse(
        default_strategy=DEFAULT,
        service_strategies=[
            {"service": "foo", **rule("probabilistic", 0.9)},
            {"service": "bar", **rule("ratelimiting", 2)},
        ],
    )
    foo, bar = strategies.strategy("foo"), strategies.strategy("bar")
    assert foo["operationSampling"] == operations(0.9, op0=0.2, op6=0, op7=1)
    assert bar["operationSampling"] == operations(0.5, op0=0.2, op6=0, op7=1)


def test_a_service_may_say_something_of_its_operations_only() -> None:
    strategies = parse(
        service_strategies=[{"service": "foo", "operation_strategies": [operation("op1", 0.2)]}]
    )
    assert strategies.strategy("foo") == probabilistic(1) | {
        "operationSampling": operations(1, op1=0.2)
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {
                "service_strategies": [
                    {"service": "a"},
                    {"service": "b"},
                    {"service": "c"} | rule("probabilstic", 1),
                ]
            },
            'service_strategies[2].type: "probabilstic" is unknown; write probabilistic or ratelimiting',
        ),
        (
            {"default_strategy": {"param": 0.5}},
            "default_strategy.type is missing; write probabilistic or ratelimiting",
        ),
        (
            {"default_strategy": {"type": 1, "param": 1}},
            "default_strategy.type: a number is unknown; write probabilistic or ratelimiting",
        ),
        ({"default_strategy": {"type": "probabilistic"}}, "default_strategy.param is missing"),
        (
            {"default_strategy": rule("probabilistic", 1.5)},
            "default_strategy.param: 1.5 is no probability; write 0 to 1",
        ),
        (
            {"default_strategy": rule("ratelimiting", -1)},
            "default_strategy.param: -1 is no number of traces per second",
        ),
        (
            {"default_strategy": rule("ratelimiting", float("nan"))},
            "default_strategy.param: nan is no number of traces per second",
        ),
        (
            {"default_strategy": {"type": "probabilistic", "param": "0.5"}},
            "default_strategy.param: a number is expected, this is text",
        ),
        (
            {"default_strategy": {"type": "probabilistic", "param": True}},
            "default_strategy.param: a number is expected, this is true or false",
        ),
        (
            {"service_strategies": [rule("probabilistic", 1)]},
            "service_strategies[0].service is missing",
        ),
        (
            {"default_strategy": {"operation_strategies": [rule("probabilistic", 1)]}},
            "default_strategy.operation_strategies[0].operation is missing",
        ),
        ({"service_strategies": {}}, "service_strategies: a list is expected, this is an object"),
        (
            {"service_strategies": [7]},
            "service_strategies[0]: an object is expected, this is a number",
        ),
        ({"default_strategy": []}, "default_strategy: an object is expected, this is a list"),
    ],
)
def test_a_mistake_is_named_with_its_place(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(**fields)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "byte 0: no JSON: it breaks off"),
        (b'{"default_strategy": ', "byte 21: no JSON: it breaks off"),
        (b"[]", "the file: an object is expected, this is a list"),
        (b'"strategies"', "the file: an object is expected, this is text"),
    ],
)
def test_what_is_no_strategies_file_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Strategies.parse(data)
    assert str(caught.value) == message


FIELDS = ("default_strategy", "service_strategies", "operation_strategies", "service", "operation")


@given(objects_of(*FIELDS, "type", "param") | st.binary(max_size=30))
def test_no_file_breaks_it(value: object) -> None:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        answer = Strategies.parse(data).strategy("foo")
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert json.loads(json.dumps(answer, allow_nan=False))["strategyType"]
