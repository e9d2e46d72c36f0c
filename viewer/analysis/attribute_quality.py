"""What single spans fail to say, or say although they should not: a look at their attributes.

Attributes are in the store, so only so many spans are looked at: those first that matter most.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from viewer.analysis.findings import error_message
from viewer.analysis.quality import SHOWN, Issue, Problem
from viewer.trace.attributes import Value, show_value
from viewer.trace.span import Span, SpanKind, StatusCode
from viewer.trace.tree import Rows, TraceTree

MOST_LOOKED_AT = 2_000
LEAST_SAME = 5
_MOST_KEYS = 10
_LONGEST_KEY = 100
# Who is called, in OpenTelemetry's conventions old and new, and in Zipkin's and Datadog's.
_PEERS = frozenset({
    "peer.service", "server.address", "net.peer.name", "net.peer.ip", "net.sock.peer.addr",
    "net.sock.peer.name", "network.peer.address", "url.full", "http.url", "http.host",
    "peer.address", "peer.hostname", "peer.ipv4", "peer.ipv6", "sa", "out.host",
    "db.connection_string", "messaging.destination.name", "messaging.destination",
    "gen_ai.provider.name", "gen_ai.system", "faas.invoked_name", "rpc.service",
    "aws.remote.service",
})  # fmt: skip
_SYSTEMS = ("db.system.name", "db.system")
_TEXTS = ("db.query.text", "db.statement", "sql.query")
_SUBJECTS = (*_TEXTS, "db.query.summary", "db.collection.name", "db.sql.table",
             "db.mongodb.collection", "db.cassandra.table", "db.stored_procedure.name")  # fmt: skip
# Stores of keys and values have no tables: the operation is all there is to say.
_KEY_VALUE = frozenset({"redis", "memcached", "valkey", "etcd", "hazelcast", "infinispan"})
_OPERATIONS = ("db.operation.name", "db.operation")
_CORRELATION = re.compile(
    r"(?:^|[._-])(?:end)?(?:user|customer|account|tenant|session|order|cart|client|member)s?"
    r"[._-]?(?:id|key|number|name|ref|session_id|hash)?$",
    re.IGNORECASE,
)
# The end of the key says what the value is: "token" is one, "token.type" is not, nor "input_tokens".
_SECRET_END = re.compile(
    r"(?:password|passwd|passphrase|pwd|secret|token|authorization|credentials?|cookie"
    r"|(?:api|access|private|secret|signing|auth)[._-]?key(?:[._-]?id)?)(?:[.\[][0-9]+\]?)?$",
    re.IGNORECASE,
)
# What is left of a secret that someone has hidden (letters and digits only), or no secret at all.
_HARMLESS = re.compile(
    r"(?:redacted|masked|filtered|hidden|removed|true|false|none|null|x+|(?:sha256|hmac)[0-9a-f]+)?"
    r"[0-9]*"
)
_MARKS = re.compile(r"[\W_]+")


def rows_to_look_at(tree: TraceTree, most: int = MOST_LOOKED_AT) -> Rows:
    """Return at most so many rows: roots, failed spans, clients that nobody answers, and then the
    others in drawing order."""
    count = len(tree)
    if count <= most:
        return np.arange(count, dtype=np.int32)
    columns = tree.columns
    rank = np.full(count, 3, np.int8)
    rank[_unanswered(tree)] = 2
    rank[columns.status == StatusCode.ERROR] = 1
    rank[tree.parent < 0] = 0
    chosen = np.argsort(rank, kind="stable")[:most]
    return np.sort(chosen).astype(np.int32)


def attribute_issues(tree: TraceTree, spans: Mapping[int, Span]) -> list[Issue]:
    """Return what these spans, by row, leave out or give away."""
    unanswered = set(_unanswered(tree).tolist())
    checks: tuple[tuple[Problem, Callable[[int, Span], bool]], ...] = (
        (Problem.NO_PEER, lambda row, span: row in unanswered and not _names_peer(span)),
        (Problem.NO_MESSAGE, lambda _, span: _failed(span) and not error_message(span)),
        (Problem.NO_STATEMENT, lambda _, span: _is_vague_query(span)),
    )
    found = []
    for problem, holds in checks:
        rows = [row for row, span in spans.items() if holds(row, span)]
        if rows:
            found.append(Issue(problem, len(rows), np.array(sorted(rows)[:SHOWN], np.int32)))
    roots = [row for row in tree.roots.tolist() if row in spans]
    roots = [row for row in roots if not spans[row].parent_id]
    if roots and not any(_correlates(spans[row]) for row in roots):
        found.append(Issue(Problem.NO_CORRELATION, 1, np.array(roots[:1], np.int32)))
    return found + _secrets(spans)


def same_statements(
    spans: Mapping[int, Span], told: set[tuple[str, str]]
) -> list[tuple[str, Rows]]:
    """Return statements that these spans, by row, execute at least LEAST_SAME times in one service,
    each with its rows, most frequent first; but not those of operations already ``told`` of."""
    rows_of: dict[tuple[str, str], list[int]] = {}
    for row, span in sorted(spans.items()):
        said = dict(span.attributes)
        text = next((show_value(said[key]) for key in _TEXTS if said.get(key)), "")
        if text and (span.service, span.name) not in told:
            rows_of.setdefault((span.service, text), []).append(row)
    many = [(text, rows) for (_, text), rows in rows_of.items() if len(rows) >= LEAST_SAME]
    many.sort(key=lambda pair: -len(pair[1]))
    return [(text, np.array(rows, np.int32)) for text, rows in many]


def _unanswered(tree: TraceTree) -> Rows:
    """Return the client spans below which no server span hangs directly."""
    kind = tree.columns.kind
    answers = np.flatnonzero((tree.parent >= 0) & (kind == SpanKind.SERVER))
    lonely = kind == SpanKind.CLIENT
    lonely[tree.parent[answers]] = False
    return np.flatnonzero(lonely).astype(np.int32)


def _failed(span: Span) -> bool:
    return span.status.code == StatusCode.ERROR


def _names_peer(span: Span) -> bool:
    return any(key in _PEERS and value not in (None, "") for key, value in span.attributes)


def _is_vague_query(span: Span) -> bool:
    said = dict(span.attributes)
    system = next((show_value(said[key]) for key in _SYSTEMS if said.get(key)), "")
    if not system or span.kind not in (SpanKind.CLIENT, SpanKind.UNSPECIFIED):
        return False
    keys = (*_SUBJECTS, *_OPERATIONS) if system.lower() in _KEY_VALUE else _SUBJECTS
    return not any(said.get(key) for key in keys)


def _correlates(span: Span) -> bool:
    return any(_is_correlation(key) for key, value in span.attributes if value not in (None, ""))


@lru_cache(4096)
def _is_correlation(key: str) -> bool:
    return bool(_CORRELATION.search(key[-_LONGEST_KEY:]))


def _secrets(spans: Mapping[int, Span]) -> list[Issue]:
    rows: list[int] = []
    keys: dict[str, None] = {}
    for row, span in sorted(spans.items()):
        held = [*span.attributes, *span.resource.attributes]
        held += [pair for event in span.events for pair in event.attributes]
        given = [key for key, value in held if _is_secret_key(key) and _gives_away(value)]
        keys.update(dict.fromkeys(given))
        if given:
            rows.append(row)
    if not rows:
        return []
    names = tuple(key[:_LONGEST_KEY] for key in list(keys)[:_MOST_KEYS])
    return [Issue(Problem.SECRET, len(rows), np.array(rows[:SHOWN], np.int32), names=names)]


@lru_cache(4096)
def _is_secret_key(key: str) -> bool:
    return bool(_SECRET_END.search(key[-_LONGEST_KEY:]))


def _gives_away(value: Value) -> bool:
    """Say whether a value may be the secret itself: text that no one has redacted."""
    if isinstance(value, str):
        return not _HARMLESS.fullmatch(_MARKS.sub("", value[:_LONGEST_KEY]).lower())
    if isinstance(value, list | tuple):
        return any(isinstance(one, str) and _gives_away(one) for one in value[:_MOST_KEYS])
    return isinstance(value, bytes) and bool(value)
