"""The text of a page as its reader sees it, for comparing with a snapshot."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_UNSEEN = {"style", "title"}
_LINES = {"h1", "h2", "h3", "p", "li", "tr", "dt", "dd", "caption", "figcaption", "section", "summary"}
_LINES |= {"label", "button", "blockquote", "legend", "div", "table", "figure", "header", "main"}


class _Reader(HTMLParser):
    """Collects the text that a reader sees, a line per block, table cells parted by bars."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser passes them
        self._hidden += tag in _UNSEEN
        if tag in {"th", "td"}:
            self.pieces.append(" | ")
        elif tag in _LINES:
            self.pieces.append("\n")
        else:
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _UNSEEN
        if tag in _LINES:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(re.sub(r"\s+", " ", data))


def text_of(html: str) -> str:
    """Return the visible text of a page; digests, which change with every use case, are not repeated."""
    reader = _Reader()
    reader.feed(html)
    lines = (re.sub(r"\s+", " ", line).strip(" |") for line in "".join(reader.pieces).splitlines())
    text = "\n".join(line for line in lines if line) + "\n"
    return re.sub(r"\b[0-9a-f]{64}\b", "(digest)", text)
