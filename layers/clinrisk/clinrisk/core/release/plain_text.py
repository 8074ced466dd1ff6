"""Plain text: what a person may write where others read it as it stands (reasons, names).

Whatever makes a text look other than it is stays out: control characters, characters that turn the
direction of reading or take no room, and links. Standard library only.
"""

from __future__ import annotations

import re
import unicodedata

_LINK = re.compile(r"\w+://|\bwww\.|\bmailto:", re.IGNORECASE)
# Control, format (zero-width, direction), surrogate, private use, unassigned; separators of lines and
# paragraphs.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def normal(text: str) -> str:
    r"""Return a text with one spelling of line ends and of each character, without space around it.

    >>> normal(" two\r\nlines ")
    'two\nlines'
    """
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def faults(text: str) -> list[str]:
    r"""List in words what keeps a text from being plain; empty when it is.

    >>> faults("Well calibrated.\nIn women, too."), faults("Großräumig geprüft: 0,91 (±0,02)")
    ([], [])
    >>> faults("Fine \u202eton")
    ['Remove characters that cannot be seen (control, zero-width or direction characters).']
    >>> faults("See HTTPS://example.org")
    ['Remove links: others could follow them.']
    """
    found = []
    if any(unicodedata.category(one) in _UNSEEN for one in text if one != "\n"):
        found.append("Remove characters that cannot be seen (control, zero-width or direction characters).")
    if _LINK.search(text):
        found.append("Remove links: others could follow them.")
    return found
