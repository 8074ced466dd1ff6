"""The cuts of a file: byte ranges of complete rows, found in one pass and constant memory.

A cell with a line break makes one invalid row of several lines, and a chunk must not end inside it. Mostly
the line itself shows that it ends a row; otherwise rows are counted from the nearest earlier line that does.
Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.ingest.csv_file.quotes import LONGEST_ROW, has_odd_quotes, is_one_row, separates_rows
from clinrisk.core.ingest.rules import LONGEST_LINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FIRST_ROW = 2
"""Rows are numbered as a spreadsheet shows them: the header is row 1."""
CHUNK_BYTES = 24 * 1024 * 1024
_CONTEXT_BYTES = 64 * 1024
"""In bytes, how far back that line is sought; without one, the first line there is taken to start a row."""


@dataclass(frozen=True)
class Cut:
    """The bytes [start, end) of a file, which are complete rows; `first_row` numbers their first line."""

    start: int
    end: int
    first_row: int


def cut(
    blocks: Iterable[bytes], header_length: int, size: int, columns: int, at_least: int = CHUNK_BYTES
) -> list[Cut]:
    r"""Return the cuts of a file: at the end of the first row after every `at_least` bytes.

    `columns` is how many cells a row has. A small file gives one cut. A line of more than 64 KB may be cut
    anywhere; then it rejects the file.

    >>> cut([b"a,b\n1,2\n3,", b"4\n5,6\n"], header_length=4, size=16, columns=2, at_least=6)
    [Cut(start=4, end=12, first_row=2), Cut(start=12, end=16, first_row=4)]
    """
    pieces: list[Cut] = []
    start, first_row = header_length, FIRST_ROW
    for end, rows in _ends(blocks, header_length, columns, at_least):
        if end < size:
            pieces.append(Cut(start, end, first_row))
            start, first_row = end, first_row + rows
    pieces.append(Cut(start, size, first_row))
    return pieces


def _ends(
    blocks: Iterable[bytes], header_length: int, columns: int, at_least: int
) -> Iterator[tuple[int, int]]:
    """Yield where each cut ends, and how many lines it has."""
    before, offset, start, lines = b"", 0, header_length, 0
    for block in blocks:
        window = _Window(before, block, offset)
        counted = max(0, header_length - offset)
        while (end := _end(window, start, start + at_least - 1, columns)) is not None:
            # The row may have ended in the block before, where its end could not be recognised yet.
            earlier_lines = before.count(b"\n", end - offset + len(before)) if end < offset else 0
            yield end, lines - earlier_lines + block.count(b"\n", counted, max(counted, end - offset))
            start, lines, counted = end, earlier_lines, max(counted, end - offset)
        lines += block.count(b"\n", counted)
        before = window.bytes_from(offset + len(block) - _CONTEXT_BYTES)
        offset += len(block)


@dataclass(frozen=True)
class _Window:
    """The part of a file in memory: a block, its offset in the file, and some bytes before it."""

    before: bytes
    block: bytes
    offset: int

    def bytes_from(self, start: int) -> bytes:
        """Return the bytes from this position of the file on."""
        if start >= self.offset:
            return self.block[start - self.offset :]
        return self.before[max(0, start - self.offset + len(self.before)) :] + self.block


def _end(window: _Window, start: int, earliest: int, columns: int) -> int | None:
    """Return where a cut may end, or None until more of the file is read."""
    block, offset = window.block, window.offset
    found = block.find(b"\n", max(0, earliest - offset))
    if found < 0 and offset + len(block) <= earliest + LONGEST_LINE:
        return None
    begun = block.rfind(b"\n", 0, found) + 1 if found >= 0 else 0
    if begun and offset + begun >= start and separates_rows(block[begun:found]):
        return offset + found + 1
    end = _next_row(window, start, earliest, columns)
    return end if end is not None or found >= 0 else offset + _last_character(block)


def _next_row(window: _Window, start: int, earliest: int, columns: int) -> int | None:
    """Return where the first row after `earliest` begins, by the rule that joins lines to rows."""
    known = window.bytes_from(max(start, earliest - _CONTEXT_BYTES))
    first = window.offset + len(window.block) - len(known)
    position = 0 if first <= start else _start_of_a_row(known[: 2 * _CONTEXT_BYTES], columns)
    while position <= earliest - first:
        following = _row_end(known, position, columns)
        if following is None:
            return None
        position = following
    return first + position


def _start_of_a_row(data: bytes, columns: int) -> int:
    """Return the start of a line that is certainly inside no cell; the first line's when none is certain."""
    position = default = data.find(b"\n") + 1
    lines: list[bytes] = []
    while (end := data.find(b"\n", position)) >= 0:
        line = data[position:end]
        if separates_rows(line):
            return end + 1
        lines.append(line)
        if has_odd_quotes(line):
            if len(lines) > 1 and has_odd_quotes(lines[0]) and not is_one_row(lines, columns):
                return position
            lines = [line]
        position = end + 1
    return default


def _last_character(data: bytes) -> int:
    """Return where the last UTF-8 character begins, looking back at most four bytes."""
    position = len(data) - 1
    while position > len(data) - 4 and data[position] & 0xC0 == 0x80:
        position -= 1
    return position


def _row_end(data: bytes, start: int, columns: int) -> int | None:
    """Return where the row that begins at `start` ends, or None while the data do not show it."""
    found = data.find(b"\n", start)
    if found < 0:
        return None
    first = data[start:found]
    if not has_odd_quotes(first):
        return found + 1
    lines = [first]
    position = found + 1
    while position - start <= LONGEST_ROW:
        end = data.find(b"\n", position)
        if end < 0:
            return None if len(data) - start <= LONGEST_ROW else found + 1
        lines.append(data[position:end])
        if has_odd_quotes(lines[-1]):
            return end + 1 if is_one_row(lines, columns) else found + 1
        if separates_rows(lines[-1]):
            break
        position = end + 1
    return found + 1
