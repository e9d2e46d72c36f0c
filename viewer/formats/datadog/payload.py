"""What all versions are read into: chunks of spans, a span as its fields by the names of v0.4."""

from dataclasses import dataclass, field

Fields = dict[object, object]


@dataclass(frozen=True, slots=True)
class BadSpan:
    """Stands for a span that cannot be read, and says why."""

    reason: str


@dataclass(slots=True)
class Chunk:
    """Spans of one trace that a tracer sent together. ``meta`` and ``metrics`` are what newer
    versions say of the chunk and v0.4 says on the chunk's first span. ``trace_id`` is whole (v1.0:
    upper and lower half)."""

    spans: list[object] = field(default_factory=list)
    meta: Fields = field(default_factory=dict)
    metrics: Fields = field(default_factory=dict)
    trace_id: tuple[int, int] | None = None

    def complete(self) -> None:
        """Put what is said of the chunk on its first span; what the span says itself stays."""
        first = next((span for span in self.spans if isinstance(span, dict)), None)
        if first is None:
            return
        for name, said in (("meta", self.meta), ("metrics", self.metrics)):
            if said:
                own = first.get(name)
                first[name] = said | own if isinstance(own, dict) else said


@dataclass(slots=True)
class TracerPayload:
    """A request's content. ``about`` is who sent it, by the names of v0.7 (``language_name``)."""

    chunks: list[Chunk] = field(default_factory=list)
    about: Fields = field(default_factory=dict)
