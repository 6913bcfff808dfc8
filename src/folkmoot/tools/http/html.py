"""HTML as plain text: what a reader sees, with headings, lists, and links where they lead."""

import re
from html.parser import HTMLParser

from folkmoot.tools.threads import Stop

_UNSEEN = {"script", "style", "noscript", "template", "svg", "math", "iframe", "object"}
_BLOCKS = {
    "p", "div", "section", "article", "header", "footer", "main", "nav", "aside", "ul", "ol",
    "table", "tr", "form", "fieldset", "figure", "blockquote", "dl", "dt", "dd", "hr", "address",
    "details", "summary", "title", "h1", "h2", "h3", "h4", "h5", "h6", "li", "pre",
}  # fmt: skip
_STEP = 16_384
_SPACE = re.compile(r"[ \t\r\f\v\xa0]+")
_EMPTY_LINES = re.compile(r"\n\s*\n\s*")


def to_text(html: str, stop: Stop) -> str:
    """Return the text of a page; of the part that was read when the time is over.

    The parser can be made slow by crafted pages, so it is fed in steps and watched: between two
    steps, and at every piece that it takes (a page of a few KiB can keep it busy for minutes).
    """
    reader = _Reader(stop)
    try:
        for at in range(0, len(html), _STEP):
            reader.look()
            reader.feed(html[at : at + _STEP])
        reader.close()
    except _TooSlow:
        reader.add("\n[the rest of the page was too slow to read]")
    return reader.text()


class _TooSlow(Exception):
    """The time is over."""


class _Reader(HTMLParser):
    """Collects text. `_unseen` counts the open elements whose content nobody sees."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(convert_charrefs=True)
        self._stop = stop
        self._parts: list[str] = []
        self._unseen = 0
        self._as_is = 0
        self._links: list[str] = []

    def look(self) -> None:
        """Look at the clock. Raises _TooSlow."""
        if self._stop.over():
            raise _TooSlow

    def updatepos(self, i: int, j: int) -> int:  # noqa: ARG002 - the parser's shape
        """Go on by one piece; the parser says so here. Where it stands in lines nobody asks."""
        self.look()
        return j

    def add(self, text: str) -> None:
        """Add text as it is."""
        self._parts.append(text)

    def text(self) -> str:
        """Return what was collected, with at most one empty line in a row."""
        lines = (line.strip() for line in "".join(self._parts).split("\n"))
        return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "br":
            self.add("\n")
        elif tag == "a":
            self._links.append(dict(attrs).get("href") or "")
        elif tag in {"td", "th"}:
            self.add(" | ")
        elif tag in _BLOCKS:
            self._block(tag)

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag in _UNSEEN:
            self._unseen = max(self._unseen - 1, 0)
        elif tag == "a" and self._links:
            href = self._links.pop()
            if href.startswith(("http://", "https://", "/", ".")) and not self._unseen:
                self.add(f" <{href}>")
        elif tag in _BLOCKS:
            self._as_is -= tag == "pre" and self._as_is > 0
            self.add("\n" if tag in {"li", "tr", "dt", "dd"} else "\n\n")

    def handle_data(self, data: str) -> None:
        """Take text; white space is folded outside of <pre>."""
        if not self._unseen:
            self.add(data if self._as_is else _SPACE.sub(" ", data.replace("\n", " ")))

    def _block(self, tag: str) -> None:
        self.add("\n" if tag in {"li", "tr", "dt", "dd"} else "\n\n")
        self._as_is += tag == "pre"
        if tag == "li":
            self.add("- ")
        elif tag[0] == "h" and tag[1:].isdigit():
            self.add("#" * int(tag[1:]) + " ")
