"""Where segment documents stand in what holds them, and what each of them is made of."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from viewer.formats.base import MAX_BAD_SPANS, Decoded, DecodeError
from viewer.formats.loose_json import (
    load,
    read_parent_id,
    read_span_id,
    read_trace_id,
    to_list,
    to_text,
)
from viewer.trace.ids import InvalidId

_TRACE_ID = re.compile(r"1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})")
_MAX_SHOWN = 100
Fields = Mapping[str, object]


class BadDocument(ValueError):
    """Nothing of a document can be kept. ``code`` is X-Ray's word for what is wrong, ``id`` the
    document's, if it tells, and ``spans`` how many are lost with it."""

    def __init__(self, code: str, reason: str, id: str = "", spans: int = 1) -> None:  # noqa: A002
        self.code, self.id, self.spans = code, id, spans
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Sent:
    """A document as it was found: parsed or as text, and where. ``trace_id`` is that of the trace
    around it, which is not its own."""

    value: object
    where: str = ""
    trace_id: object = None


@dataclass(slots=True)
class Entity:
    """A segment or subsegment. ``number`` counts from 0 in the order sent, ``fault`` says why its
    IDs cannot be read."""

    fields: Fields
    number: int
    span_id: int
    parent_id: int
    fault: str = ""
    as_sent: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Opened:
    """A document whose IDs are read. ``fields`` are those of the outermost, and ``parent_id`` is its
    parent; ``entities`` are those with readable IDs, in the order sent; ``fault`` is the first
    reason why something in it is not kept."""

    sent: Sent
    trace_id: str
    is_subsegment: bool
    fields: Fields
    parent_id: int = 0
    entities: list[Entity] = field(default_factory=list)
    fault: str = ""

    def reject(self, reason: str, number: int, decoded: Decoded) -> None:
        """Refuse the entity of this number."""
        where = self.where(number)
        decoded.reject(reason, where)
        self.fault = self.fault or " ".join(text for text in (where, reason) if text)

    def where(self, number: int) -> str:
        """Say where the entity of this number stands."""
        own = f"subsegment {number}" if number else ""
        return " ".join(text for text in (self.sent.where, own) if text)


def sent_documents(value: object) -> Iterator[Sent]:
    """Yield the documents in an answer of X-Ray's API, a request to it, a list of such, or the
    document that the value is."""
    if isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from _held(item, f"item {number}")
    else:
        yield from _held(value, "")


def _held(value: object, where: str) -> Iterator[Sent]:
    if not isinstance(value, dict):
        yield Sent(value, where)
    elif isinstance(value.get("Traces"), list):
        for number, trace in enumerate(value["Traces"], 1):
            yield from _of_trace(trace, f"{where} trace {number}".lstrip())
    elif isinstance(value.get("Segments"), list):
        yield from _of_trace(value, where)
    elif isinstance(value.get("TraceSegmentDocuments"), list):
        for number, item in enumerate(value["TraceSegmentDocuments"], 1):
            yield Sent(item, f"{where} document {number}".lstrip())
    else:
        yield Sent(value, where)


def _of_trace(trace: object, where: str) -> Iterator[Sent]:
    if not isinstance(trace, dict) or not isinstance(trace.get("Segments"), list):
        yield Sent(trace, where)
        return
    for number, segment in enumerate(trace["Segments"], 1):
        within = segment.get("Document") if isinstance(segment, dict) else None
        place = f"{where} segment {number}".lstrip()
        yield Sent(segment if within is None else within, place, trace.get("Id"))


def open_document(sent: Sent, decoded: Decoded, lenient: bool) -> Opened:
    """Parse a document and read the IDs of all that is in it; raises BadDocument."""
    fields = _parsed(sent.value)
    as_sent: list[tuple[str, str]] = []
    own = fields.get("trace_id")
    try:
        trace_id = _read_trace_id(sent.trace_id if own is None else own, lenient, as_sent)
    except InvalidId as error:
        lost = sum(1 for _ in _walk(fields))
        raise BadDocument("InvalidTraceId", str(error), shown_id(fields), lost) from None
    is_subsegment = (
        to_text(fields.get("type")).lower() == "subsegment" and fields.get("parent_id") is not None
    )
    opened = Opened(sent, trace_id, is_subsegment, fields)
    _add_entities(opened, decoded, lenient)
    if opened.entities and opened.entities[0].number == 0:
        opened.entities[0].as_sent[:0] = as_sent
    return opened


def shown_id(fields: Fields) -> str:
    """Return the ID that a document gives itself, as its sender is told it."""
    return to_text(fields.get("id"))[:_MAX_SHOWN]


def _parsed(value: object) -> Fields:
    if isinstance(value, str):
        try:
            value = load(value.encode("utf-8", "replace"))
        except DecodeError as error:
            raise BadDocument("ParseError", str(error)) from None
    if not isinstance(value, dict):
        raise BadDocument("ParseError", "an X-Ray segment document is a JSON object")
    return value


def plain_trace_id(value: object) -> object:
    """Return X-Ray's ``1-8 digits-24 digits`` as the same 32 digits, anything else as it is."""
    parts = _TRACE_ID.fullmatch(value) if isinstance(value, str) else None
    return parts[1] + parts[2] if parts else value


def _read_trace_id(value: object, lenient: bool, as_sent: list[tuple[str, str]]) -> str:
    plain = plain_trace_id(value)
    trace_id, made_up = read_trace_id(plain, lenient)
    if made_up or plain != value:
        as_sent.append(("trace_id", to_text(value)))
    return trace_id


def _add_entities(opened: Opened, decoded: Decoded, lenient: bool) -> None:
    """Flatten a document. What is nested in something whose ID cannot be read hangs under what
    encloses that."""
    # The one enclosing what is met next at each depth; those of greater depth are done with.
    enclosing: list[Entity] = []
    for number, (fields, depth) in enumerate(_walk(opened.fields)):
        del enclosing[depth:]
        entity = _entity(fields, number, enclosing[-1] if enclosing else None, lenient)
        if not enclosing:
            opened.parent_id = entity.parent_id
        elif not entity.fault:
            _note_differences(entity, enclosing[-1], opened.trace_id)
        enclosing.append(entity)
        if entity.fault:
            opened.reject(entity.fault, number, decoded)
            if decoded.rejected_spans > MAX_BAD_SPANS:
                reason = f"what follows more than {MAX_BAD_SPANS:,} bad segments is not read"
                opened.reject(reason, number, decoded)
                return
        else:
            opened.entities.append(entity)
        nested = fields.get("subsegments")
        if isinstance(nested, list) and not all(isinstance(item, dict) for item in nested):
            opened.reject("a subsegment is no JSON object", number, decoded)


def _walk(document: Fields) -> Iterator[tuple[Fields, int]]:
    """Yield a segment and all subsegments in it with their depth, in the order sent."""
    pending = [iter([document])]
    while pending:
        fields = next(pending[-1], None)
        if fields is None:
            pending.pop()
            continue
        yield fields, len(pending) - 1
        pending.append(
            item for item in to_list(fields.get("subsegments")) if isinstance(item, dict)
        )


def _entity(fields: Fields, number: int, enclosing: Entity | None, lenient: bool) -> Entity:
    entity = Entity(fields, number, 0, 0)
    try:
        entity.span_id, made_up = read_span_id(fields.get("id"), lenient)
        if made_up:
            entity.as_sent.append(("id", to_text(fields["id"])))
    except InvalidId as error:
        entity.fault = str(error)
    if enclosing is not None:
        entity.parent_id = enclosing.span_id or enclosing.parent_id
        return entity
    try:
        entity.parent_id, made_up = read_parent_id(fields.get("parent_id"), lenient)
    except InvalidId as error:
        entity.fault = entity.fault or str(error)
        return entity
    # A segment that names itself as its parent has none, visibly.
    is_own = entity.parent_id != 0 and entity.parent_id == entity.span_id
    if made_up or is_own:
        entity.as_sent.append(("parent_id", to_text(fields["parent_id"])))
        entity.parent_id = 0 if is_own else entity.parent_id
    return entity


def _note_differences(entity: Entity, enclosing: Entity, trace_id: str) -> None:
    """Keep IDs of a nested subsegment that say something else than what it is nested in."""
    sent = to_text(entity.fields.get("parent_id"))
    if sent and sent.lower() != to_text(enclosing.fields.get("id")).lower():
        entity.as_sent.append(("parent_id", sent))
    sent = to_text(entity.fields.get("trace_id"))
    if sent and to_text(plain_trace_id(sent)).lower().zfill(32) != trace_id:
        entity.as_sent.append(("trace_id", sent))
