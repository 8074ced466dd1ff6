"""Keys of the inbox: use case, purpose and file of an object, and the key of its receipt.

Standard library only.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, cast, get_args

from clinrisk import use_cases
from clinrisk.core.ingest.rules import FileRule
from clinrisk.core.object_keys import RECEIPTS
from clinrisk.errors import KeyRefused, NotData

Purpose = Literal["training", "inference", "predictions", "outcomes", "feedback"]
PURPOSES: tuple[str, ...] = get_args(Purpose)
INBOX = "inbox/"
# What S3 itself allows, in bytes; where a key of ours would grow longer, a digest stands for the inbox key.
LONGEST_KEY = 1024
_NOT_DATA = re.compile(
    r"(\..*|~\$.*|_SUCCESS|Thumbs\.db|desktop\.ini|.*\.(?:tmp|part|partial|crdownload)|.*_\$folder\$)",
    re.IGNORECASE,
)
_MARKUP = frozenset('<>"`|\\')
_FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True)
class InboxKey:
    """A well-formed inbox key and its parts."""

    key: str
    use_case: str
    purpose: Purpose
    file: str

    @property
    def stem(self) -> str:
        """The file's name without its extension, spelled so that it may appear in a key of ours."""
        stem = self.file.rsplit(".", 1)[0] or self.file
        return re.sub(r"[^A-Za-z0-9._-]+", "-", stem)[:120] or "file"


def parse_key(key: str) -> InboxKey:
    """Return the parts of `inbox/<use case>/<purpose>/<file>`, the key as S3 stores it (not URL-encoded).

    Raises NotData for folder markers and the leftovers of file managers (there is nothing to ingest), and
    KeyRefused, whose `rules` say why, for every other key; messages never repeat the key's own text.

    >>> parse_key("inbox/heart/training/march 2024.csv").purpose
    'training'
    >>> parse_key("inbox/heart/training/")
    Traceback (most recent call last):
    ...
    clinrisk.errors.NotData: A folder marker holds no data.
    """
    if key.endswith("/"):
        raise NotData("A folder marker holds no data.")
    if not key.startswith(INBOX):
        raise NotData("Only what lies under inbox/ is ingested.")
    if len(key.encode(errors="surrogatepass")) > LONGEST_KEY:
        message = f"The key is longer than {LONGEST_KEY} bytes; give the file a shorter name."
        raise KeyRefused(message, rules=(FileRule.KEY_TOO_LONG,))
    if any(_unprintable(character) or character in _MARKUP for character in key):
        message = (
            "The key contains control, invisible or markup characters; name the file with letters and digits."
        )
        raise KeyRefused(message, rules=(FileRule.KEY_CHARACTERS,))
    parts = key.split("/")
    if _NOT_DATA.fullmatch(parts[-1]) and parts[-1] not in {".", ".."}:
        raise NotData("This is a leftover of a program that moved files, not data.")
    if len(parts) != 4 or any(part in {"", ".", ".."} for part in parts):
        message = "The key must be inbox/<use case>/<purpose>/<file>, without further folders."
        raise KeyRefused(message, rules=(FileRule.KEY_SHAPE,))
    _, use_case, purpose, file = parts
    if file.startswith(_FORMULA):
        message = "The file's name starts like a spreadsheet formula; start it with a letter or a digit."
        raise KeyRefused(message, rules=(FileRule.KEY_CHARACTERS,))
    if use_case not in use_cases.names():
        message = f"The key names no known use case; known are {', '.join(use_cases.names())}."
        raise KeyRefused(message, rules=(FileRule.UNKNOWN_USE_CASE,))
    known = use_cases.get(use_case).purposes
    if purpose not in known:
        message = f"The key names no purpose of {use_case}; known are {', '.join(known)}."
        raise KeyRefused(message, rules=(FileRule.UNKNOWN_PURPOSE,))
    return InboxKey(key, use_case, cast("Purpose", purpose), file)


def receipt_key(key: str, version_id: str) -> str:
    """Return the key of the receipt for one version of an inbox key.

    Where the inbox key is unsafe to list, or too long to carry a version, its digest stands for it; the
    receipt itself holds the key.

    >>> receipt_key("inbox/heart/training/march.csv", "v7")
    'receipts/inbox/heart/training/march.csv.v7.json'
    """
    parts = key.split("/")
    plain = not any(_unprintable(character) or character in _MARKUP for character in key)
    if plain and not any(part in {"", ".", ".."} for part in parts[:-1]):
        readable = f"{RECEIPTS}{key}.{version_id}.json"
        if len(readable.encode()) <= LONGEST_KEY:
            return readable
    return f"{digest_prefix(key)}{version_id}.json"


def digest_prefix(key: str) -> str:
    """Return the start of the receipt keys of an inbox key that is named by its digest."""
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    return f"{RECEIPTS}by-digest/{digest[:32]}."


def _unprintable(character: str) -> bool:
    """Whether a character is a control, a format (bidi override, zero width), a surrogate or unassigned."""
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
