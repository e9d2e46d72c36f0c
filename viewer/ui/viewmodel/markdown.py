"""A trace in a few lines of Markdown, to be pasted where colleagues read: chat, issue, postmortem."""

import re
from collections.abc import Sequence

# What could begin markup; text of strangers is to stay text wherever it is pasted.
_MARKUP = re.compile(r"([\\`*_\[\]<>#|~!@&])")


def markdown(title: str, facts: Sequence[str], sentences: Sequence[str]) -> str:
    """Return title and facts as a line and the sentences as a list; what is given is plain text."""
    head = f"**{escape(title)}**: {', '.join(escape(fact) for fact in facts)}"
    return "\n".join((head, *(f"- {escape(sentence)}" for sentence in sentences)))


def escape(text: str) -> str:
    """Return plain text as Markdown that shows it, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
