"""Whether a results file is the same as another one, byte for byte, and where they differ: never a value.

Both are read at once, a block of each at a time. Standard library only.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from clinrisk.core.scoring.results_sidecar import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class ResultsComparison:
    """The digests of both files, and the first row in which they differ."""

    stored_sha256: str
    replayed_sha256: str
    first_row: int | None
    """As a spreadsheet shows the results file: the header is row 1. None where every byte is the same."""
    columns: tuple[str, ...]
    """Which columns of that row differ; none where it is the header, or one file has no such row."""

    def difference(self, published_sha256: str) -> str:
        """Return in words what is not as it should be, empty where nothing is.

        `published_sha256`: the digest that the sidecar states.
        """
        if self.first_row is None:
            same = self.stored_sha256 == published_sha256
            return "" if same else "The sidecar states another digest than that of the file."
        if self.replayed_sha256 == published_sha256:
            why = "The stored file was altered after it was published"
        elif self.stored_sha256 == published_sha256:
            why = "What was published does not follow from what is stored"
        else:
            why = "The stored file is neither what was published nor what follows from what is stored"
        where = f" in {', '.join(self.columns)}" if self.columns else ""
        return f"{why}: the first row that differs is {self.first_row}{where}."


def compare(stored: Iterable[bytes], replayed: Iterable[bytes]) -> ResultsComparison:
    """Compare two results files that come block by block, however either is cut."""
    files = _Lines(stored), _Lines(replayed)
    first_row: int | None = None
    columns: tuple[str, ...] = ()
    for number, (one, other) in enumerate(zip_longest(*files), start=1):
        # Both are read to their ends: their digests are of all of them.
        if first_row is None and one != other:
            first_row, columns = number, _differing(one, other)
    return ResultsComparison(files[0].sha.hexdigest(), files[1].sha.hexdigest(), first_row, columns)


class _Lines:
    """The lines of a file with their ends; `sha` is that of all bytes that were read."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks
        self.sha = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        for block in self._blocks:
            self.sha.update(block)
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield line + b"\n"
        if rest:
            yield rest


def _differing(one: bytes | None, other: bytes | None) -> tuple[str, ...]:
    """Return the columns in which two lines differ, by the names that every results file has."""
    cells = [_cells(line) for line in (one, other)]
    if any(len(found) != len(COLUMNS) or found == list(COLUMNS) for found in cells):
        return ()
    return tuple(name for name, a, b in zip(COLUMNS, *cells, strict=True) if a != b)


def _cells(line: bytes | None) -> list[str]:
    try:
        return next(csv.reader([(line or b"").decode(errors="replace")]), [])
    except csv.Error:
        return []
