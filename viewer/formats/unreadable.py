"""What a file that no format reads looks like, in a few words for its owner."""

from collections.abc import Mapping

_MAGIC = (
    (b"\x89PNG\r\n", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"%PDF-", "PDF document"),
    (b"PK\x03\x04", "ZIP archive (unpack it first)"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip archive (unpack it first)"),
    (b"BZh", "bzip2 file (unpack it first)"),
    (b"\xfd7zXZ\x00", "xz file (unpack it first)"),
    (b"\x1f\x8b", "gzip within gzip, too many layers"),
    (b"PAR1", "Parquet file"),
    (b"ARROW1", "Arrow file"),
    (b"SQLite format 3\x00", "SQLite database"),
    (b"Obj\x01", "Avro file"),
    (b"\x7fELF", "ELF program"),
    (b"MZ", "Windows program"),
    (b"\xd4\xc3\xb2\xa1", "network capture (pcap)"),
    (b"\x0a\x0d\x0d\x0a", "network capture (pcapng)"),
)
_HEAD = 4096
_SHOWN_KEYS = 5


def describe_bytes(data: bytes) -> str:
    """Say what bytes look like that are neither a known binary format nor JSON."""
    if not data.strip(b" \t\r\n\x00"):
        return "an empty file" if not data else "a blank file"
    for magic, what in _MAGIC:
        if data.startswith(magic):
            return what
    if data[8:12] == b"DUCK":
        return "DuckDB database"
    if data[257:262] == b"ustar":
        return "tar archive (unpack it first)"
    head = data[:_HEAD]
    if b"\x00" in head or sum(byte < 9 for byte in head) > len(head) // 20:
        return "binary data of no known kind"
    return _describe_text(head.decode("utf-8", "replace"))


def _describe_text(head: str) -> str:
    text = head.lstrip().lower()
    if not text.strip("[], \t\r\n"):
        return "an empty JSON list"
    if text.startswith(("<!doctype html", "<html")):
        return "HTML page"
    if text.startswith(("<?xml", "<svg")):
        return "XML document"
    if text.startswith(("---\n", "%yaml")):
        return "YAML document"
    lines = [line for line in head.splitlines()[:5] if line.strip()]
    for separator, what in ((",", "CSV"), ("\t", "tab-separated values"), (";", "CSV")):
        counts = {line.count(separator) for line in lines}
        if len(lines) > 1 and len(counts) == 1 and counts.pop() > 0:
            return f"{what}, columns {_shown(lines[0], 60)}"
    return f"text that begins {_shown(head.lstrip(), 40)}"


def describe_value(value: object) -> str:
    """Say what a parsed JSON value looks like that no format claims."""
    if isinstance(value, list):
        return "JSON lists within lists" if value else "an empty JSON list"
    if not isinstance(value, Mapping):
        kind = {str: "text", bool: "true or false", type(None): "null"}.get(type(value), "a number")
        return f"JSON without spans: {kind}"
    if not value:
        return "JSON without spans: an empty object"
    return _describe_product(value) or _describe_keys(value)


def _describe_product(value: Mapping[str, object]) -> str:
    if isinstance(value.get("traces"), list) and _item_has(
        value["traces"], "rootServiceName", "spanSet", "spanSets"
    ):
        return "Tempo search summaries: not whole traces"
    if _has_any(value, "rootServiceName", "spanSet", "spanSets"):
        return "Tempo search summary: not a whole trace"
    if "traceEvents" in value:
        return "Chrome trace events: a profile, not a distributed trace"
    if _item_has(value.get("errors"), "msg") and not value.get("data"):
        return "a Jaeger error answer without traces"
    if "data" in value and not value.get("data"):
        return "a Jaeger answer without traces"
    return ""


def _describe_keys(value: Mapping[str, object]) -> str:
    keys = list(value)[:_SHOWN_KEYS]
    more = ", …" if len(value) > _SHOWN_KEYS else ""
    return "JSON without spans: keys " + ", ".join(_shown(key, 30) for key in keys) + more


def _has_any(value: Mapping[str, object], *keys: str) -> bool:
    return any(key in value for key in keys)


def _item_has(value: object, *keys: str) -> bool:
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, Mapping) and _has_any(first, *keys)


def _shown(text: str, most: int) -> str:
    line = text.splitlines()[0] if text.splitlines() else text
    cut = line if len(line) <= most else line[:most] + "…"
    return ascii(cut) if not cut.isprintable() else f"“{cut}”"
