"""Read a page as strictly as no browser does: what is not nested well is a bug in a template."""

from collections import Counter
from html.parser import HTMLParser

_VOID = frozenset({"input", "link", "meta", "br", "hr", "img", "wbr"})
_NOT_WITHIN_ITSELF = frozenset({"a", "form", "button", "label"})
_NAMES_OF_IDS = ("popovertarget", "for", "list", "aria-labelledby", "aria-controls")


class StrictHtml(HTMLParser):
    """A page's ``faults``, its elements' ``ids``, the ``links`` it offers, and its ``text``."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self._named: set[str] = set()
        self.feed(html)
        self.close()
        self.faults += [f"<{tag}> is not closed" for tag in self._open]
        self.faults += [
            f"id {name!r} {count} times" for name, count in self.ids.items() if count > 1
        ]
        self.faults += [f"no element has the id {name!r}" for name in self._named - set(self.ids)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _NOT_WITHIN_ITSELF and tag in self._open:
            self.faults.append(f"<{tag}> within <{tag}>")
        self._note(tag, attrs)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self._open[-2:]} at {self.getpos()}")
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open):
            self.text += data

    def _note(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if len(said) < len(attrs):
            self.faults.append(f"<{tag}> says an attribute twice")
        self.elements.append((tag, said))
        if "id" in said:
            self.ids[said["id"]] += 1
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        self._named |= {said[name] for name in _NAMES_OF_IDS if name in said}
