"""A recognised span table as the columns of our own, in SQL: what a view over it selects.

IDs follow `trace.ids.*_of_any_text`: short hex is padded, base64 decoded, other text hashed (by
functions of Python, registered under the names below). Rows without a trace or span ID are left
out. Attributes of maps, structs and JSON text keep their types; unrecognised columns become
attributes of the span.
"""

from viewer.store.duckdb.connection import identifier, quoted
from viewer.store.duckdb.recognise import Found, SpanTable

TRACE_ID_FUNCTION, SPAN_ID_FUNCTION = "trace_id_of_text", "span_id_of_text"
_INTEGERS = {
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
}  # fmt: skip
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_CODES = ("UNSET", "OK", "ERROR")
_JSON_TYPES = {"VARCHAR": "s", "BOOLEAN": "b", "DOUBLE": "d", "NULL": "n"} | dict.fromkeys(
    ("BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT"), "i"
)
_NO_PAIRS = "[]::STRUCT(k VARCHAR, v VARCHAR, t VARCHAR)[]"
READABLE = "trace_id IS NOT NULL AND span_id IS NOT NULL AND span_id <> 0"


def select_spans(table: SpanTable, *, plain_trace_ids: bool, start_unit: int) -> str:
    """Return the SELECT of all our columns, and of what resources and scopes are made from.

    ``plain_trace_ids`` says that every trace ID has 32 lower-case digits already; ``start_unit``
    is how many nanoseconds a whole number in a start column without unit means.
    """
    found = table.fields
    trace = found["trace_id"]
    trace_id = identifier(trace.name) if plain_trace_ids else _trace_id(trace)
    start = _nanoseconds(found["start"], start_unit)
    columns = {
        "trace_id": trace_id,
        "span_id": _span_id(found["span_id"]),
        "parent_id": f"coalesce({_span_id(found['parent_id'])}, 0)"
        if "parent_id" in found
        else "0",
        "service": _service(table),
        "name": _text(found.get("name")),
        "kind": _numbered(found.get("kind"), "SPAN_KIND_", _KINDS),
        "status": _numbered(found.get("status"), "STATUS_CODE_", _CODES),
        "start_ns": start,
        "dur_ns": _duration(table, start, start_unit),
        "pairs": _span_pairs(table),
        "events": _events(table),
        "links": _links(table),
        "status_message": f"nullif({_text(found.get('status_message'))}, '')",
        "trace_state": f"nullif({_text(found.get('trace_state'))}, '')",
        "flags": f"coalesce(try_cast({_name(found.get('flags'), '0')} AS UINTEGER), 0)",
        "resource_pairs": _pairs_of(found.get("resource_attributes")),
        "scope_pairs": _pairs_of(found.get("scope_attributes")),
        "scope_name": _text(found.get("scope_name")),
        "scope_version": _text(found.get("scope_version")),
        "resource_id": _identity(found, "service", "resource_attributes"),
        "scope_id": _identity(found, "scope_name", "scope_version", "scope_attributes"),
        "digest": f"(hash({', '.join(identifier(c.name) for c in table.columns)}) >> 32)",
    }
    listed = ",\n  ".join(f"{sql} AS {name}" for name, sql in columns.items())
    return f"SELECT\n  {listed}\nFROM {table.source}"


def own_columns(select: str) -> str:
    """Return the SELECT of exactly the columns of our table spans, out of `select_spans`."""
    return f"""
    SELECT trace_id, span_id::UBIGINT AS span_id, parent_id::UBIGINT AS parent_id, service, name,
      kind::UTINYINT AS kind, status::UTINYINT AS status, start_ns,
      least(dur_ns, 9223372036854775807 - start_ns) AS dur_ns,
      {texts_of("pairs")} AS attrs, {types_of("pairs")} AS attr_types,
      events, links, status_message, trace_state, flags, NULL::VARCHAR AS extra,
      resource_id, scope_id, digest::UINTEGER AS digest, 0::BIGINT AS stored_ns,
      1::REAL AS weight
    FROM ({select}) WHERE {READABLE}
    """


def texts_of(pairs: str) -> str:
    """Return the list of key=value texts of a list of pairs."""
    key = r"replace(replace(pair.k, '\', '\\'), '=', '\=')"
    return f"list_transform({pairs}, lambda pair: {key} || '=' || pair.v)"


def types_of(pairs: str) -> str:
    """Return the type letters of a list of pairs."""
    return f"coalesce(array_to_string(list_transform({pairs}, lambda pair: pair.t), ''), '')"


def _name(found: Found | None, otherwise: str) -> str:
    return identifier(found.name) if found else otherwise


def _text(found: Found | None) -> str:
    return f"coalesce({identifier(found.name)}::VARCHAR, '')" if found else "''"


def _trace_id(found: Found) -> str:
    return _trace_id_of(identifier(found.name), found.type)


def _trace_id_of(value: str, kind: str) -> str:
    text = _id_text(value, kind)
    return (
        f"CASE WHEN regexp_full_match({text}, '[0-9a-fA-F]{{1,32}}') THEN"
        f" nullif(lpad(lower({text}), 32, '0'), repeat('0', 32))"
        f" WHEN {text} <> '' THEN {TRACE_ID_FUNCTION}({text}) END"
    )


def _span_id(found: Found) -> str:
    return _span_id_of(identifier(found.name), found.type)


def _span_id_of(value: str, kind: str) -> str:
    if kind in _INTEGERS:
        # A signed column holds the upper half of all IDs as negative numbers.
        wide = f"{value}::HUGEINT"
        return (
            f"try_cast(CASE WHEN {value} < 0 THEN {wide} + 18446744073709551616 ELSE {wide} END"
            " AS UBIGINT)"
        )
    text = _id_text(value, kind)
    return (
        f"CASE WHEN regexp_full_match({text}, '[0-9a-fA-F]{{1,16}}') THEN"
        f" try_cast('0x' || {text} AS UBIGINT)"
        f" WHEN {text} <> '' THEN {SPAN_ID_FUNCTION}({text}) END"
    )


def _id_text(value: str, kind: str) -> str:
    if kind == "BLOB" or kind in _INTEGERS:
        return f"lower(hex({value}))"
    if kind == "UUID":
        return f"replace({value}::VARCHAR, '-', '')"
    return f"{value}::VARCHAR"


def _service(table: SpanTable) -> str:
    resource = table.fields.get("resource_attributes")
    said = "NULL"
    if resource is not None:
        pairs = pairs_of(identifier(resource.name), resource.type)
        said = f"list_filter({pairs}, lambda pair: pair.k = 'service.name')[1].v"
    column = table.fields.get("service")
    return (
        f"coalesce({_name(column, 'NULL')}::VARCHAR, {said}, '')"
        if column
        else f"coalesce({said}, '')"
    )


def _numbered(found: Found | None, prefix: str, names: tuple[str, ...]) -> str:
    if found is None:
        return "0"
    said = f"replace(upper({identifier(found.name)}::VARCHAR), '{prefix}', '')"
    cases = " ".join(
        f"WHEN {said} IN ('{name}', '{number}') THEN {number}" for number, name in enumerate(names)
    )
    return f"CASE {cases} ELSE 0 END"


def _nanoseconds(found: Found, unit: int) -> str:
    number = _nanoseconds_of(identifier(found.name), found.type, found.unit or unit)
    return f"greatest(coalesce({number}, 0), 0)"


def _nanoseconds_of(value: str, kind: str, unit: int) -> str:
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"try(epoch_ns({value}))"
    if kind in _INTEGERS:
        return f"try_cast({value}::HUGEINT * {unit} AS BIGINT)"
    if kind == "VARCHAR":
        number = f"try_cast({value} AS HUGEINT) * {unit}"
        return f"coalesce(try_cast({number} AS BIGINT), try(epoch_ns(try_cast({value} AS TIMESTAMP_NS))))"
    return f"try_cast({value}::DOUBLE * {unit} AS BIGINT)"


def _duration(table: SpanTable, start: str, start_unit: int) -> str:
    duration, end = table.fields.get("duration"), table.fields.get("end")
    if duration is not None:
        value = identifier(duration.name)
        if duration.type == "INTERVAL":
            return f"greatest(coalesce(try_cast(epoch({value}) * 1000000000 AS BIGINT), 0), 0)"
        return _nanoseconds(duration, 1)
    if end is None:
        return "0"
    return f"greatest({_nanoseconds(end, start_unit)} - {start}, 0)"


def _identity(fields: object, *names: str) -> str:
    assert isinstance(fields, dict)
    present = [identifier(fields[name].name) for name in names if name in fields]
    return f"(hash({', '.join(present)}) >> 1)::BIGINT" if present else "0::BIGINT"


def _pairs_of(found: Found | None) -> str:
    return pairs_of(identifier(found.name), found.type) if found else _NO_PAIRS


def pairs_of(value: str, kind: str) -> str:
    """Return the list of pairs {k, v, t} (key, value's text, type letter) of a map, struct or
    JSON text; text that is no JSON object becomes one attribute named "attributes"."""
    if kind == "MAP(VARCHAR, VARCHAR)":
        pair = "{'k': e.key, 'v': coalesce(e.value, ''), 't': if(e.value IS NULL, 'n', 's')}"
        return f"coalesce(list_transform(map_entries({value}), lambda e: {pair}), {_NO_PAIRS})"
    text = value if kind in ("VARCHAR", "JSON") else f"to_json({value})"
    entries = f"map_entries(try(CAST({text} AS JSON)::MAP(VARCHAR, JSON)))"
    letters = " ".join(f"WHEN '{name}' THEN '{letter}'" for name, letter in _JSON_TYPES.items())
    pair = (
        "{'k': e.key, 'v': coalesce(e.value ->> '$', ''),"
        f" 't': CASE coalesce(json_type(e.value), 'NULL') {letters} ELSE 'j' END}}"
    )
    whole = f"[{{'k': 'attributes', 'v': {text}::VARCHAR, 't': 's'}}]"
    empty = f"({value} IS NULL OR {text}::VARCHAR IN ('', 'null'))"
    return (
        f"coalesce(list_transform({entries}, lambda e: {pair}), if({empty}, {_NO_PAIRS}, {whole}))"
    )


def _span_pairs(table: SpanTable) -> str:
    parts = [_pairs_of(table.fields.get("attributes"))]
    for column in table.others:
        value, kind = identifier(column.name), column.type
        text, letter = f"{value}::VARCHAR", "s"
        if kind in _INTEGERS:
            letter = "i"
        elif kind == "BOOLEAN":
            letter = "b"
        elif kind in ("FLOAT", "DOUBLE"):
            letter = "d"
        elif kind == "BLOB":
            text, letter = f"to_base64({value})", "y"
        elif kind.endswith("]") or kind.startswith(("MAP", "STRUCT")):
            text, letter = f"to_json({value})::VARCHAR", "j"
        pair = f"[{{'k': {quoted(column.name)}, 'v': {text}, 't': '{letter}'}}]"
        parts.append(f"if({value} IS NULL, {_NO_PAIRS}, {pair})")
    return parts[0] if len(parts) == 1 else f"list_concat({', '.join(parts)})"


def _item(found: Found | None, otherwise: str) -> str:
    return f"{identifier(found.name)}[i]" if found else otherwise


def _item_pairs(found: Found | None) -> str:
    if found is None or not found.type.endswith("[]"):
        return _NO_PAIRS
    return pairs_of(f"{identifier(found.name)}[i]", found.type.removesuffix("[]"))


def _events(table: SpanTable) -> str:
    times, names = table.fields.get("event_times"), table.fields.get("event_names")
    if names is None or not names.type.endswith("[]"):
        return "NULL::VARCHAR"
    when = "0"
    if times is not None and times.type.endswith("[]"):
        value, kind = f"{identifier(times.name)}[i]", times.type.removesuffix("[]")
        when = f"greatest(coalesce({_nanoseconds_of(value, kind, 1)}, 0), 0)"
    pairs = _item_pairs(table.fields.get("event_attributes"))
    event = (
        f"{{'t': {when}, 'n': coalesce({_item(names, '')}::VARCHAR, ''),"
        f" 'a': {texts_of(pairs)}, 'y': {types_of(pairs)}}}"
    )
    return _json_list(names, event)


def _links(table: SpanTable) -> str:
    traces, spans = table.fields.get("link_trace_ids"), table.fields.get("link_span_ids")
    if traces is None or not traces.type.endswith("[]"):
        return "NULL::VARCHAR"
    trace_id = _trace_id_of(f"{identifier(traces.name)}[i]", traces.type.removesuffix("[]"))
    span_id = "0"
    if spans is not None and spans.type.endswith("[]"):
        span_id = _span_id_of(f"{identifier(spans.name)}[i]", spans.type.removesuffix("[]"))
    pairs = _item_pairs(table.fields.get("link_attributes"))
    state = _item(table.fields.get("link_trace_states"), "''")
    link = (
        f"{{'i': coalesce({trace_id}, repeat('0', 32)),"
        f" 's': lpad(lower(hex(coalesce({span_id}, 0)::UBIGINT)), 16, '0'),"
        f" 'a': {texts_of(pairs)}, 'y': {types_of(pairs)}, 'w': coalesce({state}::VARCHAR, '')}}"
    )
    return _json_list(traces, link)


def _json_list(counted: Found, item: str) -> str:
    count = f"len({identifier(counted.name)})"
    items = f"list_transform(range(1, {count} + 1), lambda i: {item})"
    return f"CASE WHEN {count} > 0 THEN to_json({items})::VARCHAR END"
