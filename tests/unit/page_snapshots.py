"""Pages compared with their stored text: one snapshot each, beside the test that draws the page.

REWRITE_SNAPSHOTS=1 in the environment writes what the page now shows; `git diff` is then the review.
"""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

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


def assert_unchanged(html: str, snapshot: Path) -> None:
    """Compare a page's text with its snapshot."""
    found = text_of(html)
    if os.environ.get("REWRITE_SNAPSHOTS"):
        snapshot.write_text(found, encoding="utf-8")
    assert found == snapshot.read_text(encoding="utf-8"), f"see REWRITE_SNAPSHOTS in {__name__}"
