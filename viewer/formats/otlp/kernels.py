"""The loops of the compiled OTLP decoder: from request bodies to columns.

They take and fill NumPy arrays, know nothing of Arrow, and run without the GIL. Field numbers:
opentelemetry-proto trace/v1/trace.proto.
"""

import numpy as np
from numpy.typing import NDArray

from viewer.formats.otlp.primitives import (
    Bytes,
    are_texts,
    compiled,
    copy_text,
    read_fixed64,
    read_key_value,
    read_length,
    read_tag,
    read_varint,
    skip_field,
    write_event,
    write_plain,
)

OK, MALFORMED = 0, 1
# How far each kind of column is filled: rows, or bytes, of what is appended to.
ROWS, ATTRIBUTES, DOUBLES, ATTRIBUTE_BYTES, EVENT_BYTES = 0, 1, 2, 3, 4
NAME_BYTES, MESSAGE_BYTES, STATE_BYTES = 5, 6, 7
_MAX_NS = (1 << 63) - 1
_MOST_PROBES = 64


@compiled
def index(
    data: Bytes,
    fill: bool,
    spans: NDArray[np.int64],
    resources: NDArray[np.int64],
    scopes: NDArray[np.int64],
) -> tuple[int, int, int, int]:
    """Find all spans, resources and scopes of a request; count them only unless ``fill``.

    Rows written: span = begin, end, resource, scope; resource and scope = begin and end of the
    message, begin and end of the schema URL. Returns (outcome, spans, resources, scopes).
    """
    n_spans = n_resources = n_scopes = 0
    position, end = np.int64(0), np.int64(len(data))
    failed = (MALFORMED, 0, 0, 0)
    while position < end:
        tag, position = read_tag(data, position, end)
        if position < 0:
            return failed
        if tag != 10:
            position = skip_field(data, tag, position, end)
            if position < 0:
                return failed
            continue
        at, position = read_length(data, position, end)
        if at < 0:
            return failed
        if fill:
            resources[n_resources, :] = 0
        n_resources += 1
        has_resource = False
        while at < position:
            tag, at = read_tag(data, at, position)
            if at < 0:
                return failed
            if tag & 7 != 2:
                at = skip_field(data, tag, at, position)
                if at < 0:
                    return failed
                continue
            begin, at = read_length(data, at, position)
            if begin < 0:
                return failed
            if tag == 10:
                if has_resource:
                    return failed
                has_resource = True
                if fill:
                    resources[n_resources - 1, 0], resources[n_resources - 1, 1] = begin, at
            elif tag == 26:
                if fill:
                    resources[n_resources - 1, 2], resources[n_resources - 1, 3] = begin, at
            elif tag == 18 or tag == 8002:
                if fill:
                    scopes[n_scopes, :] = 0
                n_scopes += 1
                has_scope = False
                while begin < at:
                    tag, begin = read_tag(data, begin, at)
                    if begin < 0:
                        return failed
                    if tag & 7 != 2:
                        begin = skip_field(data, tag, begin, at)
                        if begin < 0:
                            return failed
                        continue
                    inner, begin = read_length(data, begin, at)
                    if inner < 0:
                        return failed
                    if tag == 18:
                        if fill:
                            spans[n_spans, 0], spans[n_spans, 1] = inner, begin
                            spans[n_spans, 2], spans[n_spans, 3] = n_resources - 1, n_scopes - 1
                        n_spans += 1
                    elif tag == 10:
                        if has_scope:
                            return failed
                        has_scope = True
                        if fill:
                            scopes[n_scopes - 1, 0], scopes[n_scopes - 1, 1] = inner, begin
                    elif tag == 26 and fill:
                        scopes[n_scopes - 1, 2], scopes[n_scopes - 1, 3] = inner, begin
    return OK, n_spans, n_resources, n_scopes


@compiled
def number_messages(
    data: Bytes,
    messages: NDArray[np.int64],
    multiplier: np.uint64,
    slots: NDArray[np.int32],
    known: Bytes,
    known_ends: NDArray[np.int64],
    count: int,
    numbers: NDArray[np.int32],
) -> int:
    """Give each message, of begin and end and those of its schema URL, the number of the first one
    that is the same; return how many are known then, ``count`` before, or -1 if there is no room.

    ``slots`` is a hash table of a power of two, ``known`` what they hold, up to two ends each. The
    ``multiplier`` is odd, and a secret: who knew it could have all messages fall into one slot.
    """
    most = len(known_ends) // 2 - 1
    mask = np.uint64(len(slots) - 1)
    for index in range(len(messages)):
        hashed = np.uint64(messages[index, 1] - messages[index, 0])
        for part in range(0, 4, 2):
            position, end = messages[index, part], messages[index, part + 1]
            while position + 8 <= end:
                hashed = (hashed ^ read_fixed64(data, position)) * multiplier
                hashed ^= hashed >> np.uint64(29)
                position += 8
            while position < end:
                hashed = (hashed ^ np.uint64(data[position])) * multiplier
                position += 1
        slot = (hashed ^ (hashed >> np.uint64(32))) & mask
        found = -1
        for _ in range(_MOST_PROBES):
            held = slots[slot] - 1
            if held < 0:
                break
            if _is_same(data, messages[index], known, known_ends, held):
                found = held
                break
            slot = (slot + np.uint64(1)) & mask
        if found < 0:
            if slots[slot] or count == most:
                return -1
            found = count
            count += 1
            slots[slot] = count
            at = known_ends[2 * found]
            for part in range(2):
                at = copy_text(
                    data, messages[index, 2 * part], messages[index, 2 * part + 1], known, at
                )
                known_ends[2 * found + part + 1] = at
        numbers[index] = found
    return count


@compiled
def _is_same(
    data: Bytes, message: NDArray[np.int64], known: Bytes, known_ends: NDArray[np.int64], held: int
) -> bool:
    for part in range(2):
        begin = message[2 * part]
        size = message[2 * part + 1] - begin
        at = known_ends[2 * held + part]
        if known_ends[2 * held + part + 1] - at != size:
            return False
        for offset in range(size):
            if data[begin + offset] != known[at + offset]:
                return False
    return True


@compiled
def fill_columns(
    data: Bytes,
    spans: NDArray[np.int64],
    resource_of: NDArray[np.int32],
    scope_of: NDArray[np.int32],
    odd: Bytes,
    ends: NDArray[np.int64],
    hexes: Bytes,
    span_ids: NDArray[np.uint64],
    parent_ids: NDArray[np.uint64],
    starts: NDArray[np.int64],
    durations: NDArray[np.int64],
    kinds: Bytes,
    statuses: Bytes,
    flags_column: NDArray[np.uint32],
    resources: NDArray[np.int32],
    scopes: NDArray[np.int32],
    names: Bytes,
    name_ends: NDArray[np.int32],
    messages: Bytes,
    message_ends: NDArray[np.int32],
    states: Bytes,
    state_ends: NDArray[np.int32],
    attributes: Bytes,
    attribute_ends: NDArray[np.int32],
    letters: Bytes,
    letter_ends: NDArray[np.int32],
    events: Bytes,
    event_ends: NDArray[np.int32],
    doubles: NDArray[np.int64],
) -> int:
    """Append the spans that are not odd, which it marks, one row each, behind what the columns hold
    up to ``ends`` (see ROWS and the following), which are moved; returns the outcome.

    ``resource_of`` and ``scope_of`` number the resources and scopes that ``spans`` refer to.
    ``*_ends`` begin with 0. ``doubles`` rows: number of the attribute, bits of its value, whose text is
    left empty.
    """
    row, n_attributes, n_doubles = ends[ROWS], ends[ATTRIBUTES], ends[DOUBLES]
    attribute_at, event_at = ends[ATTRIBUTE_BYTES], ends[EVENT_BYTES]
    name_at, message_at, state_at = ends[NAME_BYTES], ends[MESSAGE_BYTES], ends[STATE_BYTES]
    digits = b"0123456789abcdef"
    zero = np.uint64(0)
    for index in range(len(spans)):
        position, end = spans[index, 0], spans[index, 1]
        is_odd = False
        has_trace = False
        span_id = parent_id = start = stop = zero
        kind = status = flags = np.int64(0)
        name_begin = name_end = message_begin = message_end = state_begin = state_end = np.int64(0)
        attributes_before, attribute_before, event_before = n_attributes, attribute_at, event_at
        doubles_before = n_doubles
        while position < end and not is_odd:
            tag, position = read_tag(data, position, end)
            if position < 0:
                return MALFORMED
            if tag == 74:  # an attribute
                begin, position = read_length(data, position, end)
                if begin < 0:
                    return MALFORMED
                letter, key_begin, key_end, first, second = read_key_value(data, begin, position)
                if letter < 0:
                    return MALFORMED
                if letter == 0:
                    is_odd = True
                    continue
                attribute_at = copy_text(data, key_begin, key_end, attributes, attribute_at)
                attributes[attribute_at] = 61
                attribute_at += 1
                if letter == 115:
                    attribute_at = copy_text(data, first, second, attributes, attribute_at)
                else:
                    attribute_at = write_plain(letter, first, attributes, attribute_at)
                if letter == 100:
                    doubles[n_doubles, 0], doubles[n_doubles, 1] = n_attributes, first
                    n_doubles += 1
                letters[n_attributes] = letter
                n_attributes += 1
                attribute_ends[n_attributes] = attribute_at
            elif tag == 10:  # trace ID
                begin, position = read_length(data, position, end)
                if begin < 0:
                    return MALFORMED
                has_trace = False
                if position - begin == 16:
                    for offset in range(16):
                        byte = data[begin + offset]
                        has_trace = has_trace or byte != 0
                        hexes[row * 32 + offset * 2] = digits[byte >> np.uint8(4)]
                        hexes[row * 32 + offset * 2 + 1] = digits[byte & np.uint8(15)]
            elif tag == 18 or tag == 34:  # span ID, parent span ID
                begin, position = read_length(data, position, end)
                if begin < 0:
                    return MALFORMED
                found = zero
                if position - begin == 8:
                    for offset in range(8):
                        found = (found << np.uint64(8)) | np.uint64(data[begin + offset])
                elif tag == 34 and position != begin:
                    is_odd = True
                if tag == 18:
                    span_id = found
                else:
                    parent_id = found
            elif tag == 42:
                name_begin, position = read_length(data, position, end)
                name_end = position
            elif tag == 26:
                state_begin, position = read_length(data, position, end)
                state_end = position
            elif tag == 48:
                kind, position = read_varint(data, position, end)
            elif tag == 57 or tag == 65:  # start, end
                if position + 8 > end:
                    return MALFORMED
                if tag == 57:
                    start = read_fixed64(data, position)
                else:
                    stop = read_fixed64(data, position)
                position += 8
            elif tag == 90:  # an event
                begin, position = read_length(data, position, end)
                if begin < 0:
                    return MALFORMED
                events[event_at] = 91 if event_at == event_before else 44
                event_at = write_event(data, begin, position, events, event_at + 1)
                if event_at < 0:
                    return MALFORMED
                if event_at == 0:
                    is_odd = True
            elif tag == 122:  # status
                begin, position = read_length(data, position, end)
                if begin < 0:
                    return MALFORMED
                while begin < position:
                    tag, begin = read_tag(data, begin, position)
                    if begin < 0:
                        return MALFORMED
                    if tag == 18:
                        message_begin, begin = read_length(data, begin, position)
                        message_end = begin
                    elif tag == 24:
                        status, begin = read_varint(data, begin, position)
                    else:
                        begin = skip_field(data, tag, begin, position)
                    if begin < 0:
                        return MALFORMED
            elif tag == 133:  # flags
                if position + 4 > end:
                    return MALFORMED
                flags = np.int64(0)
                for offset in range(3, -1, -1):
                    flags = (flags << 8) | np.int64(data[position + offset])
                position += 4
            elif tag == 80 or tag == 96 or tag == 112:  # dropped counts
                dropped, position = read_varint(data, position, end)
                is_odd = is_odd or dropped != 0
            elif tag == 106:  # a link
                is_odd = True
            else:
                position = skip_field(data, tag, position, end)
            if position < 0:
                return MALFORMED
        timed = zero < start and start <= stop
        if (
            is_odd
            or not has_trace
            or span_id == zero
            or (stop != zero and not timed)
            or start > np.uint64(_MAX_NS)
            or stop > np.uint64(_MAX_NS)
        ):
            odd[index] = 1
            n_attributes, attribute_at, event_at = attributes_before, attribute_before, event_before
            n_doubles = doubles_before
            continue
        if event_at != event_before:
            events[event_at] = 93
            event_at += 1
        span_ids[row], parent_ids[row], starts[row] = span_id, parent_id, start
        durations[row] = stop - start if timed else zero
        kinds[row] = kind if 0 <= kind <= 5 else 0
        statuses[row] = status if 0 <= status <= 2 else 0
        flags_column[row] = flags
        resources[row] = resource_of[spans[index, 2]]
        scopes[row] = scope_of[spans[index, 3]]
        name_at = copy_text(data, name_begin, name_end, names, name_at)
        message_at = copy_text(data, message_begin, message_end, messages, message_at)
        state_at = copy_text(data, state_begin, state_end, states, state_at)
        row += 1
        name_ends[row], message_ends[row], state_ends[row] = name_at, message_at, state_at
        letter_ends[row], event_ends[row] = n_attributes, event_at
    if not (
        are_texts(attributes, attribute_ends, ends[ATTRIBUTES], n_attributes)
        and are_texts(events, event_ends, ends[ROWS], row)
        and are_texts(names, name_ends, ends[ROWS], row)
        and are_texts(messages, message_ends, ends[ROWS], row)
        and are_texts(states, state_ends, ends[ROWS], row)
    ):
        return MALFORMED
    ends[ROWS], ends[ATTRIBUTES], ends[DOUBLES] = row, n_attributes, n_doubles
    ends[ATTRIBUTE_BYTES], ends[EVENT_BYTES] = attribute_at, event_at
    ends[NAME_BYTES], ends[MESSAGE_BYTES], ends[STATE_BYTES] = name_at, message_at, state_at
    return OK


@compiled
def splice(
    content: Bytes,
    ends: NDArray[np.int32],
    count: int,
    doubles: NDArray[np.int64],
    inserted: Bytes,
    inserted_ends: NDArray[np.int32],
    out: Bytes,
    out_ends: NDArray[np.int32],
) -> None:
    """Copy the attributes' texts with those of doubles put in."""
    begin = at = np.int64(0)
    inserted_begin = np.int64(0)
    attribute = np.int64(0)
    out_ends[0] = 0
    for following in range(len(doubles) + 1):
        # All up to the next double's key in one piece.
        last = doubles[following, 0] + 1 if following < len(doubles) else np.int64(count)
        end = np.int64(ends[last])
        moved = at - begin
        at = copy_text(content, begin, end, out, at)
        begin = end
        while attribute < last:
            attribute += 1
            out_ends[attribute] = ends[attribute] + moved
        if following < len(doubles):
            inserted_end = np.int64(inserted_ends[following])
            at = copy_text(inserted, inserted_begin, inserted_end, out, at)
            inserted_begin = inserted_end
            out_ends[attribute] = at
