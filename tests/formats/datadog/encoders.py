"""Writes spans, given as v0.4 has them, as tracers of each version would."""

import json
from collections.abc import Callable, Iterable

import msgpack

Span = dict[str, object]
_KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_TYPES = ("string_value", "bool_value", "int_value", "double_value", "array_value")


def v04(chunks: list[list[Span]]) -> bytes:
    return msgpack.packb(chunks)


def v04_json(chunks: list[list[Span]]) -> bytes:
    return json.dumps(chunks).encode()


def v05(chunks: list[list[Span]]) -> bytes:
    """Links and events have no place of their own here: they go to tags, as ddtrace does it."""
    table: dict[str, int] = {"": 0}

    def index(text: object) -> int:
        return table.setdefault(str(text), len(table))

    def row(span: Span) -> list[object]:
        meta = dict(span.get("meta", {}))
        if "span_links" in span:
            meta["_dd.span_links"] = json.dumps([_link_in_hex(link) for link in span["span_links"]])
        if "span_events" in span:
            meta["events"] = json.dumps([_plain_event(event) for event in span["span_events"]])
        return [
            *(index(span.get(name, "")) for name in ("service", "name", "resource")),
            *(span.get(name, 0) for name in ("trace_id", "span_id", "parent_id")),
            *(span.get(name, 0) for name in ("start", "duration", "error")),
            {index(key): index(value) for key, value in meta.items()},
            {index(key): value for key, value in span.get("metrics", {}).items()},
            index(span.get("type", "")),
        ]

    rows = [[row(span) for span in chunk] for chunk in chunks]
    return msgpack.packb([list(table), rows])


def _link_in_hex(link: Span) -> Span:
    trace_id = f"{link.get('trace_id_high', 0):016x}{link['trace_id']:016x}"
    return {**link, "trace_id": trace_id, "span_id": f"{link['span_id']:016x}"}


def _plain_event(event: Span) -> Span:
    return {
        **event,
        "attributes": {key: plain(value) for key, value in event.get("attributes", {}).items()},
    }


def plain(value: Span) -> object:
    """Undo the typed form of an event's attribute."""
    item = value[_TYPES[value["type"]]]
    return [plain(each) for each in item["values"]] if value["type"] == 4 else item


def v07(chunks: list[list[Span]], **about: object) -> bytes:
    return msgpack.packb(
        {
            **about,
            "chunks": [
                {"priority": -128, "origin": "", "droppedTrace": False, "tags": {}, "spans": chunk}
                for chunk in chunks
            ],
        }
    )


class V1:
    """The streaming strings of one payload of v1.0."""

    def __init__(self) -> None:
        self.table: dict[str, int] = {"": 0}

    def text(self, text: str) -> str | int:
        if text in self.table:
            return self.table[text]
        self.table[text] = len(self.table)
        return text

    def attributes(self, values: dict[str, object]) -> list[object]:
        triplets: list[object] = []
        for key, value in values.items():
            triplets += [self.text(key), *self.value(value)]
        return triplets

    def value(self, value: object) -> tuple[int, object]:
        if isinstance(value, str):
            return 1, self.text(value)
        if isinstance(value, list):
            return 6, [part for item in value for part in self.value(item)]
        if isinstance(value, dict):
            return 7, self.attributes(value)
        return {bool: 2, float: 3, int: 4, bytes: 5}[type(value)], value

    def span(self, span: Span) -> dict[int, object]:
        meta = {key: value for key, value in span.get("meta", {}).items() if key != "_dd.p.tid"}
        env, version, component = (meta.pop(key, "") for key in ("env", "version", "component"))
        kind = meta.pop("span.kind", "")
        fields: dict[int, object] = {
            1: self.text(span.get("service", "")),
            2: self.text(span.get("name", "")),
            3: self.text(span.get("resource", "")),
            4: span["span_id"],
            5: span.get("parent_id", 0),
            6: span.get("start", 0),
            7: span.get("duration", 0),
            8: bool(span.get("error", 0)),
            9: self.attributes({**meta, **span.get("metrics", {}), **span.get("attributes", {})}),
            10: self.text(span.get("type", "")),
            11: [self.link(link) for link in span.get("span_links", [])],
            12: [self.event(event) for event in span.get("span_events", [])],
            13: self.text(env),
            14: self.text(version),
            15: self.text(component),
        }
        if kind:
            fields[16] = _KINDS[kind]
        return fields

    def link(self, link: Span) -> dict[int, object]:
        return {
            1: trace_id_bytes(link.get("trace_id_high", 0), link["trace_id"]),
            2: link["span_id"],
            3: self.attributes(link.get("attributes", {})),
            4: self.text(link.get("tracestate", "")),
            5: link.get("flags", 0),
        }

    def event(self, event: Span) -> dict[int, object]:
        return {
            1: event["time_unix_nano"],
            2: self.text(event["name"]),
            3: self.attributes(
                {key: plain(value) for key, value in event.get("attributes", {}).items()}
            ),
        }


def trace_id_bytes(upper: int, lower: int) -> bytes:
    return ((upper << 64) | lower).to_bytes(16, "big")


def v1_payload(
    chunks: Iterable[list[Span]], about: dict[int, str] | None = None
) -> dict[int, object]:
    """Build v1.0 as objects, in the order in which they are written."""
    strings = V1()
    payload: dict[int, object] = {key: strings.text(text) for key, text in (about or {}).items()}
    payload[11] = [
        {
            4: [strings.span(span) for span in chunk],
            6: trace_id_bytes(
                int(chunk[0].get("meta", {}).get("_dd.p.tid", "0"), 16), chunk[0]["trace_id"]
            ),
        }
        for chunk in chunks
    ]
    return payload


def v1(chunks: list[list[Span]]) -> bytes:
    return msgpack.packb(v1_payload(chunks))


ENCODERS: dict[str, Callable[[list[list[Span]]], bytes]] = {
    "v0.3": v04,
    "v0.4": v04,
    "v0.5": v05,
    "v0.7": v07,
    "v1.0": v1,
}

LOWER, UPPER = 0xF00DF00DF00DF00D, 0x68E5A1B200000000
TRACE_ID = f"{UPPER:016x}{LOWER:016x}"


def span(span_id: int = 1, **fields: object) -> Span:
    """A span of v0.4 with what every span has."""
    return {
        "service": "shop",
        "name": "web.request",
        "resource": "GET /cart",
        "trace_id": LOWER,
        "span_id": span_id,
        "parent_id": 0,
        "start": 1_700_000_000_000_000_000,
        "duration": 5_000,
        "error": 0,
        "meta": {},
        "metrics": {},
        "type": "web",
        **fields,
    }


def root(span_id: int = 1, **fields: object) -> Span:
    """A chunk's first span: it states the upper half of the trace ID."""
    meta = {"_dd.p.tid": f"{UPPER:016x}", **fields.pop("meta", {})}
    return span(span_id, meta=meta, **fields)
