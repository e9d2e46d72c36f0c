"""Which columns of another tool's span table mean what, by their names.

Names are compared without case and punctuation, so that ``TraceId``, ``trace_id`` and
``Events.Timestamp``, ``EventsTimestamp`` need one entry. Sources: the ClickHouse exporter's
otel_traces, otlp2parquet and duckdb-otlp (the same in snake case), OTLP's own field names.
"""

from collections.abc import Mapping
from dataclasses import dataclass

FIELDS: Mapping[str, tuple[str, ...]] = {
    "trace_id": ("traceid",),
    "span_id": ("spanid",),
    "parent_id": ("parentspanid", "parentid"),
    "service": ("servicename", "service"),
    "name": ("spanname", "operationname", "name"),
    "kind": ("spankind", "kind"),
    "start": ("starttimeunixnano", "starttime", "startns", "startus", "startms", "timestamp"),
    "end": ("endtimeunixnano", "endtime", "endns", "endtimestamp"),
    "duration": ("durationns", "durationnano", "durns", "durationus", "durationms", "duration"),
    "status": ("statuscode", "status"),
    "status_message": ("statusmessage",),
    "trace_state": ("tracestate",),
    "flags": ("flags", "traceflags"),
    "attributes": ("spanattributes", "attributes"),
    "resource_attributes": ("resourceattributes",),
    "scope_name": ("scopename",),
    "scope_version": ("scopeversion",),
    "scope_attributes": ("scopeattributes",),
    "event_times": ("eventstimestamp", "eventstimestamps"),
    "event_names": ("eventsname", "eventsnames"),
    "event_attributes": ("eventsattributes",),
    "link_trace_ids": ("linkstraceid", "linkstraceids"),
    "link_span_ids": ("linksspanid", "linksspanids"),
    "link_trace_states": ("linkstracestate", "linkstracestates"),
    "link_attributes": ("linksattributes",),
}
NEEDED = ("trace_id", "span_id", "start")
# Whole numbers in a column of this name are of this many nanoseconds. Where the name does not say
# it, a start's unit follows from its size, and a duration is in nanoseconds, as the exporters write.
UNITS = {
    "starttimeunixnano": 1,
    "startns": 1,
    "startus": 1_000,
    "startms": 1_000_000,
    "endtimeunixnano": 1,
    "endns": 1,
    "durationns": 1,
    "durationnano": 1,
    "durns": 1,
    "durationus": 1_000,
    "durationms": 1_000_000,
    "duration": 1,
}


@dataclass(frozen=True, slots=True)
class Found:
    """A column: its name in the file, its DuckDB type, and nanoseconds a unit (0 = not said)."""

    name: str
    type: str
    unit: int = 0


@dataclass(frozen=True, slots=True)
class SpanTable:
    """A recognised table: ``source`` as it stands after FROM, fields, and all other columns."""

    source: str
    fields: Mapping[str, Found]
    others: tuple[Found, ...]
    columns: tuple[Found, ...]


def recognise(source: str, columns: list[tuple[str, str]]) -> SpanTable | None:
    """Return what the columns (name, type) mean, or None if those NEEDED are not among them."""
    by_name: dict[str, Found] = {}
    for name, kind in columns:
        key = "".join(letter for letter in name.lower() if letter.isalnum())
        by_name.setdefault(key, Found(name, kind, UNITS.get(key, 0)))
    fields: dict[str, Found] = {}
    for field, names in FIELDS.items():
        for name in names:
            if name in by_name:
                fields[field] = by_name[name]
                break
    if any(field not in fields for field in NEEDED):
        return None
    used = {found.name for found in fields.values()}
    everything = tuple(Found(name, kind) for name, kind in columns)
    others = tuple(found for found in everything if found.name not in used)
    return SpanTable(source, fields, others, everything)
