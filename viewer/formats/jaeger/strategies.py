"""Jaeger's sampling strategies: the file its collector takes (`--sampling.strategies-file`), and what
clients are answered by it (`internal/sampling/samplingstrategy/file`).

Where Jaeger logs a warning and goes on with another rate than was written, a file is refused here;
what Jaeger leaves out by design is named in ``notes``.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from viewer.formats.base import DecodeError
from viewer.formats.loose_json import load

Json = dict[str, object]
PROBABILISTIC, RATE_LIMITING = "PROBABILISTIC", "RATE_LIMITING"
_TYPES = {"probabilistic": PROBABILISTIC, "ratelimiting": RATE_LIMITING}
_MAX_RATE = (1 << 31) - 1
_Kind = TypeVar("_Kind", "dict[str, object]", "list[object]")


class _Rule(NamedTuple):
    """What a service is told. ``operations`` is None where nothing is said of them."""

    type: str = PROBABILISTIC
    param: float = 1.0
    operations: Mapping[str, float] | None = None
    default_of_operations: float = 1.0

    @property
    def probability(self) -> float:
        """For operations that have no rate of their own."""
        return self.param if self.type == PROBABILISTIC else 1.0


class Strategies:
    """Which spans each service is to sample; without a file, all of them."""

    def __init__(self) -> None:
        self._default = _Rule()
        self._services: dict[str, _Rule] = {}
        self.notes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: bytes) -> "Strategies":
        """Read a strategies file; raises ValueError with one line that says what is wrong where."""
        try:
            fields = load(data.removeprefix(b"\xef\xbb\xbf"))
        except DecodeError as error:
            raise ValueError(str(error)) from None
        strategies, notes = cls(), list[str]()
        # Jaeger takes null for a file that says nothing.
        whole = _expect(fields, dict, "the file") or {}
        default = _expect(whole.get("default_strategy"), dict, "default_strategy")
        if default is not None:
            strategies._default = _rule(default, "default_strategy", notes)
        services = _expect(whole.get("service_strategies"), list, "service_strategies") or []
        for number, item in enumerate(services):
            where = f"service_strategies[{number}]"
            of_service = _expect(item, dict, where) or {}
            name = _name(of_service, "service", where)
            rule = _rule(of_service, where, notes)
            strategies._services[name] = _inherit(rule, strategies._default)
        strategies.notes = tuple(notes)
        return strategies

    def strategy(self, service: str) -> Json:
        """Return the answer to a service, as Jaeger writes its SamplingStrategyResponse in JSON."""
        rule = self._services.get(service, self._default)
        answer: Json = {"strategyType": rule.type}
        if rule.type == PROBABILISTIC:
            answer["probabilisticSampling"] = {"samplingRate": rule.param}
        else:
            answer["rateLimitingSampling"] = {"maxTracesPerSecond": int(rule.param)}
        if rule.operations is not None:
            answer["operationSampling"] = {
                "defaultSamplingProbability": rule.default_of_operations,
                "defaultLowerBoundTracesPerSecond": 0.0,
                "perOperationStrategies": [
                    {"operation": operation, "probabilisticSampling": {"samplingRate": rate}}
                    for operation, rate in rule.operations.items()
                ],
            }
        return answer


def _inherit(rule: _Rule, default: _Rule) -> _Rule:
    """Add the default's operations: to a service without any, and to others those they lack."""
    if default.operations is None:
        return rule
    if rule.operations is not None:
        return rule._replace(operations={**rule.operations, **_others(default, rule)})
    probability = rule.param if rule.type == PROBABILISTIC else default.default_of_operations
    return rule._replace(operations=default.operations, default_of_operations=probability)


def _others(default: _Rule, rule: _Rule) -> dict[str, float]:
    own, inherited = rule.operations or {}, default.operations or {}
    return {operation: rate for operation, rate in inherited.items() if operation not in own}


def _rule(fields: Json, where: str, notes: list[str]) -> _Rule:
    rule = _Rule(*_type_and_param(fields, where))
    place = f"{where}.operation_strategies"
    items = _expect(fields.get("operation_strategies"), list, place) or []
    if not items:
        return rule
    operations: dict[str, float] = {}
    for number, item in enumerate(items):
        at = f"{place}[{number}]"
        of_operation = _expect(item, dict, at) or {}
        name = _name(of_operation, "operation", at)
        kind, param = _type_and_param(of_operation, at)
        if kind == RATE_LIMITING:
            notes.append(f"{at} is left out, as Jaeger does: operations take probabilistic only")
        else:
            operations[name] = param
    return rule._replace(operations=operations, default_of_operations=rule.probability)


def _type_and_param(fields: Json, where: str) -> tuple[str, float]:
    kind, param = fields.get("type"), fields.get("param")
    if kind in (None, "") and param is None:
        # A service that has rates for its operations only.
        return PROBABILISTIC, _Rule().param
    if kind in (None, ""):
        raise ValueError(f"{where}.type is missing; write probabilistic or ratelimiting")
    if not isinstance(kind, str) or kind not in _TYPES:
        shown = f'"{kind[:40]}"' if isinstance(kind, str) else _kind_of(kind)
        raise ValueError(f"{where}.type: {shown} is unknown; write probabilistic or ratelimiting")
    if param is None:
        raise ValueError(f"{where}.param is missing")
    if isinstance(param, bool) or not isinstance(param, int | float):
        raise ValueError(f"{where}.param: a number is expected, this is {_kind_of(param)}")
    if kind == "probabilistic" and not 0 <= param <= 1:
        raise ValueError(f"{where}.param: {str(param)[:40]} is no probability; write 0 to 1")
    if kind == "ratelimiting" and not 0 <= param <= _MAX_RATE:
        raise ValueError(f"{where}.param: {str(param)[:40]} is no number of traces per second")
    return _TYPES[kind], float(param)


def _name(fields: Json, key: str, where: str) -> str:
    name = fields.get(key)
    if isinstance(name, str) and name:
        return name
    raise ValueError(f"{where}.{key} is missing")


def _expect(value: object, kind: type[_Kind], where: str) -> _Kind | None:
    """Return a value of this type, or None for null; raises ValueError for any other."""
    if value is None or isinstance(value, kind):
        return value
    wanted = "an object" if kind is dict else "a list"
    raise ValueError(f"{where}: {wanted} is expected, this is {_kind_of(value)}")


def _kind_of(value: object) -> str:
    """Return a JSON value's type in words."""
    if isinstance(value, bool):
        return "true or false"
    words: dict[type, str] = {dict: "an object", list: "a list", str: "text", type(None): "null"}
    return words.get(type(value), "a number")
