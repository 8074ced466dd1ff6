"""A file to chunks: byte ranges of whole lines, in one pass and constant memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_BYTES = 24 * 1024 * 1024


@dataclass(frozen=True)
class Cut:
    """The bytes [start, end) of a file, whole lines all; `first_row` numbers the first of them."""

    start: int
    end: int
    first_row: int


def cut(blocks: Iterable[bytes], header_length: int, size: int, at_least: int = CHUNK_BYTES) -> list[Cut]:
    r"""Cut a file at the first line end after every `at_least` bytes; a small file gives one piece.

    >>> cut([b"a,b\n1,2\n3,", b"4\n5,6\n"], header_length=4, size=16, at_least=6)
    [Cut(start=4, end=12, first_row=1), Cut(start=12, end=16, first_row=3)]
    """
    pieces: list[Cut] = []
    start, first_row = header_length, 1
    for end, rows in _ends(blocks, header_length, at_least):
        if end < size:
            pieces.append(Cut(start, end, first_row))
            start, first_row = end, first_row + rows
    pieces.append(Cut(start, size, first_row))
    return pieces


def _ends(blocks: Iterable[bytes], header_length: int, at_least: int) -> Iterator[tuple[int, int]]:
    """Yield where each piece ends, and how many lines it holds."""
    offset, piece_start, lines = 0, header_length, 0
    for block in blocks:
        position = max(0, header_length - offset)
        while True:
            # The piece may end at the first line end that lies at least this far into the block.
            earliest = max(position, piece_start + at_least - 1 - offset)
            found = block.find(b"\n", earliest)
            if found < 0:
                lines += block.count(b"\n", position)
                break
            lines += block.count(b"\n", position, found + 1)
            position = found + 1
            yield offset + position, lines
            piece_start, lines = offset + position, 0
        offset += len(block)
