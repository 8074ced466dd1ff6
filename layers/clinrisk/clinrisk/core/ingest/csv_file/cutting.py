"""The cuts of a file: byte ranges of complete rows, found in one pass and in the memory of one chunk.

A cell with a line break makes one invalid row of several lines, and a chunk must not end inside it. Mostly
the line itself shows that it ends a row; otherwise rows are followed from the nearest earlier line that does.
Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.ingest.csv_file.quotes import (
    LONGEST_ROW,
    count_rows,
    has_odd_quotes,
    is_one_row,
    separates_rows,
)
from clinrisk.core.ingest.rules import LONGEST_LINE

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_ROW = 2
"""Rows are numbered as a spreadsheet shows them: the header is row 1."""
CHUNK_BYTES = 24 * 1024 * 1024
_CONTEXT_BYTES = 64 * 1024
"""In bytes, how far back that line is sought; without one, the first line there is taken to start a row."""


@dataclass(frozen=True)
class Cut:
    """The bytes [start, end) of a file, which are complete rows; `first_row` numbers the first of them."""

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
    start, first_row, read, known = header_length, FIRST_ROW, 0, b""
    for block in blocks:
        known += block[max(0, header_length - read) :]
        read += len(block)
        while (length := _end(known, at_least - 1, columns)) is not None and start + length < size:
            pieces.append(Cut(start, start + length, first_row))
            first_row += count_rows(known[:length], columns)
            start, known = start + length, known[length:]
    pieces.append(Cut(start, size, first_row))
    return pieces


def _end(data: bytes, earliest: int, columns: int) -> int | None:
    """Return where a cut of data that begin with a row may end, or None until more of the file is read."""
    found = data.find(b"\n", earliest)
    if found < 0:
        return None if len(data) <= earliest + LONGEST_LINE else _last_character(data)
    begun = data.rfind(b"\n", 0, found) + 1
    if separates_rows(data[begun:found], columns):
        return found + 1
    return _next_row(data, earliest, columns)


def _next_row(data: bytes, earliest: int, columns: int) -> int | None:
    """Return where the first row after `earliest` begins, by the rule that joins lines to rows."""
    position = max(0, earliest - _CONTEXT_BYTES)
    if position:
        position += _start_of_a_row(data[position : position + 2 * _CONTEXT_BYTES], columns)
    while position <= earliest:
        following = _row_end(data, position, columns)
        if following is None:
            return None
        position = following
    return position


def _start_of_a_row(data: bytes, columns: int) -> int:
    """Return the start of a line that is certainly inside no cell; the first line's when none is certain."""
    position = default = data.find(b"\n") + 1
    lines: list[bytes] = []
    while (end := data.find(b"\n", position)) >= 0:
        line = data[position:end]
        if separates_rows(line, columns):
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
        if separates_rows(lines[-1], columns):
            break
        position = end + 1
    return found + 1
