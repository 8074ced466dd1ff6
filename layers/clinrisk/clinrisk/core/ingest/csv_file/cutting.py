"""A file to chunks: byte ranges of whole rows, in one pass and constant memory. Standard library only.

A cell with a line break in it makes one bad row of several lines, and a chunk must not end inside of it.
Whether a line end is inside depends on the lines before: mostly the line that it ends tells at once, else one
reads on from the nearest line end before it that surely is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.ingest.csv_file.quotes import LONGEST_ROW, is_odd, is_one_row, parts_rows
from clinrisk.core.ingest.rules import LONGEST_LINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_BYTES = 24 * 1024 * 1024
_LOOK_BACK = 64 * 1024
"""Where twice as much holds nothing but lines that may each end one cell and begin another, it is guessed."""


@dataclass(frozen=True)
class Cut:
    """The bytes [start, end) of a file, whole rows all; `first_row` numbers the first line of them."""

    start: int
    end: int
    first_row: int


def cut(
    blocks: Iterable[bytes], header_length: int, size: int, columns: int, at_least: int = CHUNK_BYTES
) -> list[Cut]:
    r"""Cut a file at the end of the first row after every `at_least` bytes; a small file gives one piece.

    `columns` is how many cells a row has. A line of more than 64 KB is cut anywhere: with it, the
    file is none of ours.

    >>> cut([b"a,b\n1,2\n3,", b"4\n5,6\n"], header_length=4, size=16, columns=2, at_least=6)
    [Cut(start=4, end=12, first_row=1), Cut(start=12, end=16, first_row=3)]
    """
    pieces: list[Cut] = []
    start, first_row = header_length, 1
    for end, rows in _ends(blocks, header_length, columns, at_least):
        if end < size:
            pieces.append(Cut(start, end, first_row))
            start, first_row = end, first_row + rows
    pieces.append(Cut(start, size, first_row))
    return pieces


def _ends(
    blocks: Iterable[bytes], header_length: int, columns: int, at_least: int
) -> Iterator[tuple[int, int]]:
    """Yield where each piece ends, and how many lines it holds."""
    before, offset, start, lines = b"", 0, header_length, 0
    for block in blocks:
        place = _Place(before, block, offset)
        counted = max(0, header_length - offset)
        while (end := _end(place, start, start + at_least - 1, columns)) is not None:
            # A row that was not seen whole in the block before may have ended there.
            late = before.count(b"\n", end - offset + len(before)) if end < offset else 0
            yield end, lines - late + block.count(b"\n", counted, max(counted, end - offset))
            start, lines, counted = end, late, max(counted, end - offset)
        lines += block.count(b"\n", counted)
        before = place.bytes_from(offset + len(block) - _LOOK_BACK)
        offset += len(block)


@dataclass(frozen=True)
class _Place:
    """What is known of a file at a time: a block, where it begins, and the bytes before it."""

    before: bytes
    block: bytes
    offset: int

    def bytes_from(self, start: int) -> bytes:
        """Give what is known from somewhere in the file on."""
        if start >= self.offset:
            return self.block[start - self.offset :]
        return self.before[max(0, start - self.offset + len(self.before)) :] + self.block


def _end(place: _Place, start: int, earliest: int, columns: int) -> int | None:
    """Give where a piece may end, or None until more of the file is known."""
    block, offset = place.block, place.offset
    found = block.find(b"\n", max(0, earliest - offset))
    if found < 0 and offset + len(block) <= earliest + LONGEST_LINE:
        return None
    begun = block.rfind(b"\n", 0, found) + 1 if found >= 0 else 0
    if begun and offset + begun >= start and parts_rows(block[begun:found]):
        return offset + found + 1
    end = _next_row(place, start, earliest, columns)
    return end if end is not None or found >= 0 else offset + _last_character(block)


def _next_row(place: _Place, start: int, earliest: int, columns: int) -> int | None:
    """Give where the first row after `earliest` begins, by the rule that joins lines to rows."""
    seen = place.bytes_from(max(start, earliest - _LOOK_BACK))
    first = place.offset + len(place.block) - len(seen)
    position = 0 if first <= start else _surely_between_rows(seen[: 2 * _LOOK_BACK], columns)
    while position <= earliest - first:
        following = _row_end(seen, position, columns)
        if following is None:
            return None
        position = following
    return first + position


def _surely_between_rows(data: bytes, columns: int) -> int:
    """Give a line's start that surely is inside of no cell; the first of all when none is sure."""
    position = default = data.find(b"\n") + 1
    lines: list[bytes] = []
    while (end := data.find(b"\n", position)) >= 0:
        line = data[position:end]
        if parts_rows(line):
            return end + 1
        lines.append(line)
        if is_odd(line):
            if len(lines) > 1 and is_odd(lines[0]) and not is_one_row(lines, columns):
                return position
            lines = [line]
        position = end + 1
    return default


def _last_character(data: bytes) -> int:
    """Give where the last character of UTF-8 begins; nothing but a broken one is longer than four bytes."""
    place = len(data) - 1
    while place > len(data) - 4 and data[place] & 0xC0 == 0x80:
        place -= 1
    return place


def _row_end(data: bytes, start: int, columns: int) -> int | None:
    """Give where the row that begins at `start` ends, or None if that is not to be seen yet."""
    found = data.find(b"\n", start)
    if found < 0:
        return None
    first = data[start:found]
    if not is_odd(first):
        return found + 1
    lines = [first]
    position = found + 1
    while position - start <= LONGEST_ROW:
        end = data.find(b"\n", position)
        if end < 0:
            return None if len(data) - start <= LONGEST_ROW else found + 1
        lines.append(data[position:end])
        if is_odd(lines[-1]):
            return end + 1 if is_one_row(lines, columns) else found + 1
        if parts_rows(lines[-1]):
            break
        position = end + 1
    return found + 1
