"""Hostile files, made by code, each with the answer that it must get."""

from __future__ import annotations

from tests.corpus.cases import Case
from tests.corpus.contents import CONTENTS
from tests.corpus.headers import HEADERS
from tests.corpus.keys import KEYS
from tests.corpus.rows import ROWS

FILES: tuple[Case, ...] = (*CONTENTS, *HEADERS, *ROWS)
"""Every case whose bytes decide."""
EVERYTHING: tuple[Case, ...] = (*FILES, *KEYS)

__all__ = ["EVERYTHING", "FILES", "KEYS", "Case"]
