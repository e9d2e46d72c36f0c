"""Redaction of whole batches, before they are written anywhere.

A batch is searched as columns, by one pattern that finds at least all that the rules would find;
what it hits, a few attributes as a rule, is then looked at by the rules themselves
(`redact_values`). A batch in which nothing is found is handed back as it is.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from viewer.collector.policy import RedactionPolicy, RedactionRule
from viewer.collector.redact_values import Gone, ValueRules
from viewer.trace.attributes import decode_attribute, encode_attribute
from viewer.trace.batch import (
    SpanBatch,
    pack_events,
    pack_extra,
    pack_links,
    unpack_events,
    unpack_extra,
    unpack_links,
    unpack_resource,
    unpack_scope,
)
from viewer.trace.span import Resource, Scope

_TEXT_COLUMNS = ("service", "name", "status_message", "trace_state")
_BYTES = ord("y")
_REMEMBERED, _LONGEST_REMEMBERED = 8192, 500
_SEARCHED_AS_ONE = 64 << 20
Hits = Counter[int]
_Packed = tuple[str | None, int, list[int]]
"""An attribute's text after redaction, None if it was dropped; its letter; the rules that hit."""
_Rewrite = Callable[[str, list[int]], str | None]


class Redactor:
    """A redaction policy, ready to be applied to batches from any thread."""

    def __init__(self, policy: RedactionPolicy) -> None:
        self._rules = rules = ValueRules(policy)
        # In JSON, attributes that are bytes (letter y), whose content no pattern sees.
        self._pattern = rules.prefilter + (
            r'|"y":"[a-z]*y|@bytes' if rules.looks_into_texts else ""
        )
        self._columns: dict[str, _Rewrite] = {
            "events": self._events,
            "links": self._links,
            "extra": self._extra,
        }
        if rules.looks_into_texts:
            self._columns |= dict.fromkeys(_TEXT_COLUMNS, rules.text)
        self.labels = tuple(_label(rule) for rule in policy.rules)
        # The same few keys and values come with every batch.
        self._attribute_again = lru_cache(_REMEMBERED)(self._attribute)
        self._resource_again = lru_cache(_REMEMBERED)(self._resource)
        self._scope_again = lru_cache(_REMEMBERED)(self._scope)

    def redact(self, batch: SpanBatch) -> tuple[SpanBatch, Hits]:
        """Return the batch as the rules leave it (itself if they find nothing), and how many values
        each rule has changed, by the rule's number."""
        table = batch.to_arrow().combine_chunks()
        hits: list[int] = []
        columns = {name: _one_array(table, name) for name in self._columns}
        columns = {
            name: column for name, column in columns.items() if column.null_count < len(column)
        }
        attrs, offsets = _flattened(_one_array(table, "attrs"))
        rows, *rows_of = _found([_joined_rows(attrs, offsets), *columns.values()], self._pattern)
        changed = self._attribute_columns(table, attrs, offsets, rows, hits)
        for (name, column), found in zip(columns.items(), rows_of, strict=True):
            if len(found):
                changed |= _rewritten(name, column, found, self._columns[name], hits)
        origins = self._origins(batch, table, changed, hits)
        if not hits:
            return batch, Counter()
        for name, array in changed.items():
            index = table.schema.get_field_index(name)
            table = table.set_column(index, table.schema.field(index), array)
        origins.seal(table.replace_schema_metadata(origins.origins()))
        return origins, Counter(hits)

    def _origins(
        self, batch: SpanBatch, table: pa.Table, changed: dict[str, pa.Array], hits: list[int]
    ) -> SpanBatch:
        """Return a batch with the resources and scopes as they are left, and add the columns that
        refer to them to ``changed``: two that differed in a secret only may have become one."""
        origins = SpanBatch()
        origins.weight, origins.joins = batch.weight, batch.joins
        resource_rows, scope_rows = list[int](), list[int]()
        for key in batch.resource_keys:
            resource, found = self._resource_again(key)
            hits += found
            resource_rows.append(origins.resource_row(resource))
        for key in batch.scope_keys:
            scope, found = self._scope_again(key)
            hits += found
            scope_rows.append(origins.scope_row(scope))
        for name, rows in (("resource", resource_rows), ("scope", scope_rows)):
            numbers = np.array(rows, np.int32)[table.column(name).to_numpy()]
            changed[name] = pa.array(numbers, pa.int32())
        return origins

    def _attribute_columns(
        self,
        table: pa.Table,
        attrs: pa.StringArray,
        offsets: NDArray[np.int32],
        rows: NDArray[np.int64],
        hits: list[int],
    ) -> dict[str, pa.Array]:
        """Return the new columns attrs and attr_types, given the rows in which something is to be
        found; nothing if the rules change nothing."""
        # One letter an attribute, and so one byte: the letters lie as the attributes do.
        letters = np.frombuffer("".join(table.column("attr_types").to_pylist()).encode(), np.uint8)
        places = _ranges(offsets[rows], offsets[rows + 1])
        if len(places):
            (within,) = _found([attrs.take(pa.array(places))], self._pattern)
            places = places[within]
        if self._rules.looks_into_texts:
            places = np.union1d(places, np.flatnonzero(letters == _BYTES))
        texts = attrs.take(pa.array(places)).to_pylist()
        changed: list[int] = []
        left: list[str | None] = []
        new_letters = letters.copy()
        for place, letter, text in zip(
            places.tolist(), letters[places].tolist(), texts, strict=True
        ):
            remembered = len(text) <= _LONGEST_REMEMBERED
            redact = self._attribute_again if remembered else self._attribute
            redacted, new_letter, found = redact(text, letter)
            if found:
                hits += found
                changed.append(place)
                left.append(redacted)
                new_letters[place] = new_letter
        if not changed:
            return {}
        attrs = _replaced(attrs, changed, left)
        kept = attrs.is_valid().to_numpy(zero_copy_only=False)
        ends = np.concatenate([[0], np.cumsum(kept)])[offsets].astype(np.int32)
        return {
            "attrs": pa.ListArray.from_arrays(pa.array(ends), attrs.drop_null()),
            "attr_types": pa.StringArray.from_buffers(
                len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(new_letters[kept])
            ),
        }

    def _attribute(self, text: str, letter: int) -> _Packed:
        found: list[int] = []
        key, value = decode_attribute(text, chr(letter))
        left = self._rules.attribute(key, value, found)
        if isinstance(left, Gone):
            return None, letter, found
        if found:
            text, new_letter = encode_attribute(key, left)
            letter = ord(new_letter)
        return text, letter, found

    def _events(self, text: str, found: list[int]) -> str | None:
        return pack_events(
            [
                replace(
                    event,
                    name=self._rules.text(event.name, found),
                    attributes=self._rules.attributes(event.attributes, found),
                )
                for event in unpack_events(text)
            ]
        )

    def _links(self, text: str, found: list[int]) -> str | None:
        return pack_links(
            [
                replace(
                    link,
                    trace_state=self._rules.text(link.trace_state, found),
                    attributes=self._rules.attributes(link.attributes, found),
                )
                for link in unpack_links(text)
            ]
        )

    def _extra(self, text: str, found: list[int]) -> str | None:
        dropped, as_sent, open_ends = unpack_extra(text)
        left = self._rules.attributes(as_sent, found)
        return pack_extra(dropped, [(key, str(value)) for key, value in left], open_ends)

    def _resource(self, key: str) -> tuple[Resource, list[int]]:
        found: list[int] = []
        resource = unpack_resource(key)
        left = Resource(
            # The same becomes of the attribute service.name, and of the spans' column.
            self._rules.text(resource.service, found),
            self._rules.attributes(resource.attributes, found),
            self._rules.text(resource.schema_url, found),
        )
        return left, found

    def _scope(self, key: str) -> tuple[Scope, list[int]]:
        found: list[int] = []
        scope = unpack_scope(key)
        left = Scope(
            self._rules.text(scope.name, found),
            self._rules.text(scope.version, found),
            self._rules.attributes(scope.attributes, found),
            self._rules.text(scope.schema_url, found),
        )
        return left, found


def _rewritten(
    name: str, column: pa.StringArray, rows: NDArray[np.int64], rewrite: _Rewrite, hits: list[int]
) -> dict[str, pa.Array]:
    """Return the column with the texts of these rows as the rules leave them; nothing if they leave
    them all as they are."""
    changed: list[int] = []
    left: list[str | None] = []
    for row, text in zip(rows.tolist(), column.take(pa.array(rows)).to_pylist(), strict=True):
        found: list[int] = []
        redacted = rewrite(text, found)
        if found:
            hits += found
            changed.append(row)
            left.append(redacted)
    return {name: _replaced(column, changed, left)} if changed else {}


def _replaced(texts: pa.StringArray, places: list[int], by: list[str | None]) -> pa.StringArray:
    at = np.zeros(len(texts), np.bool_)
    at[places] = True
    return pc.replace_with_mask(texts, pa.array(at), pa.array(by, pa.string()))


def _label(rule: RedactionRule) -> str:
    return rule.name or f"{rule.action} {', '.join(rule.keys or rule.detect)}"


def _one_array(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name).combine_chunks()
    return pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column


def _flattened(lists: pa.ListArray) -> tuple[pa.StringArray, NDArray[np.int32]]:
    """Return the items of all lists as one array, and where each list begins in it (and where the
    last one ends)."""
    offsets = lists.offsets.to_numpy(zero_copy_only=False)
    first, last = int(offsets[0]), int(offsets[-1])
    return lists.values.slice(first, last - first), (offsets - first).astype(np.int32)


def _joined_rows(items: pa.StringArray, offsets: NDArray[np.int32]) -> pa.StringArray:
    """Return each list's items as one text, over the same bytes: a search of few long texts costs a
    fraction of one of many short ones."""
    _, ends, content = items.buffers()
    text_ends = np.frombuffer(ends, np.int32)[items.offset : items.offset + len(items) + 1]
    return pa.StringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(text_ends[offsets].copy()), content
    )


def _found(columns: list[pa.StringArray], pattern: str) -> list[NDArray[np.int64]]:
    """Return for each column in which rows the pattern is found. Small columns are searched as one:
    making the pattern ready costs as much as searching some hundred texts."""
    if sum(column.nbytes for column in columns) > _SEARCHED_AS_ONE:
        found = [pc.match_substring_regex(column, pattern) for column in columns]
    else:
        whole = pc.match_substring_regex(pa.concat_arrays(columns), pattern)
        ends = np.cumsum([len(column) for column in columns])
        found = [whole[end - len(column) : end] for column, end in zip(columns, ends, strict=True)]
    return [
        np.flatnonzero(flags.fill_null(False).to_numpy(zero_copy_only=False)) for flags in found
    ]


def _ranges(begins: NDArray[np.int32], ends: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return begin, …, end - 1 of each pair, one range after the other."""
    lengths = (ends - begins).astype(np.int64)
    shifts = np.repeat(begins - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    ranges: NDArray[np.int64] = np.arange(lengths.sum(), dtype=np.int64) + shifts
    return ranges
