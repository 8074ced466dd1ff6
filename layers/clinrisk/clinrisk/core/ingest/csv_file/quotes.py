"""Quotation marks: removed line by line, and which lines a cell with a line break joins.

Reading a chunk (`lines`) and cutting a file (`cutting`) use the same rules. Standard library only.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from clinrisk.core.ingest.rules import RowRule

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_ROW = 4096
"""In bytes, far more than a row of any use case has; a longer line is quarantined."""
UNIT_SEPARATOR = b"\x1f"
"""What separates the cells once their quotes are removed: a byte that no valid cell holds."""
_COMMA, _RECORD_SEPARATOR = b",", b"\x1e"
_SIMPLY_QUOTED = re.compile(rb'(?:"[^",]*"|[^",]*)(?:,(?:"[^",]*"|[^",]*))*')


def has_odd_quotes(line: bytes) -> bool:
    """Whether a line has an odd number of quotation marks."""
    return line.count(b'"') % 2 == 1


def separates_rows(line: bytes) -> bool:
    """Whether a line certainly ends a row: no cell of other lines can go through it or end in it.

    >>> separates_rows(b'1,"a,b",2'), separates_rows(b'le",2'), separates_rows(b"inside")
    (True, False, False)
    """
    return len(line) > LONGEST_ROW or (b"," in line and not has_odd_quotes(line))


def is_one_row(lines: Sequence[bytes], columns: int) -> bool:
    r"""Whether lines, of which the first and the last have odd quotes, are one row of the right width.

    Line ends count as bytes of the row, so that its end is never sought further than LONGEST_ROW.

    >>> is_one_row([b'1,"Ma', b'le",3'], 3), is_one_row([b'1,"Male,3', b'2,"Male,3'], 3)
    (True, False)
    """
    if any(b"," in line for line in lines[1:-1]) or sum(map(len, lines)) + len(lines) > LONGEST_ROW:
        return False
    text = [line.decode(errors="replace").replace("\r", "") + "\n" for line in lines]
    try:
        rows = list(csv.reader(text, strict=True))
    except csv.Error:
        # A quote closes a cell and text follows: two stray quotes, not the two ends of one cell.
        return False
    return len(rows) == 1 and len(rows[0]) == columns


def without_quotes(data: bytes, columns: int) -> tuple[bytes, dict[int, RowRule]]:
    """Return the data without quotes, cells separated by `UNIT_SEPARATOR`, and violations by line number."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    violations, inside = odd_lines(lines, columns)
    skipped = violations.keys() | inside
    bare = [b"" if number in skipped else _unquote(line) for number, line in enumerate(lines)]
    return b"\n".join(bare) + b"\n", violations


def _unquote(line: bytes) -> bytes:
    """Return a line of even quotes without them, its cells separated by `UNIT_SEPARATOR`."""
    # A byte that the csv module reads as a line end, or we as a separator, becomes another control character.
    line = (
        line.removesuffix(b"\r").replace(UNIT_SEPARATOR, _RECORD_SEPARATOR).replace(b"\r", _RECORD_SEPARATOR)
    )
    if b'"' not in line or len(line) > LONGEST_ROW:
        return line.replace(_COMMA, UNIT_SEPARATOR)
    if _SIMPLY_QUOTED.fullmatch(line):
        return line.replace(b'"', b"").replace(_COMMA, UNIT_SEPARATOR)
    cells = next(csv.reader([line.decode()]), [])
    return UNIT_SEPARATOR.join(cell.encode() for cell in cells)


def odd_lines(lines: Sequence[bytes], columns: int) -> tuple[dict[int, RowRule], set[int]]:
    """Return the lines with odd quotes, each with its rule, and the lines that continue their cells.

    A cell with a line break makes two lines with odd quotes that join to one row of the right width; they
    count as one row. Any other line with odd quotes is a row of its own, so that a stray quote costs one row
    and not the rest of the file.
    """
    odd = [number for number, line in enumerate(lines) if has_odd_quotes(line)]
    violations: dict[int, RowRule] = {}
    inside: set[int] = set()
    position = 0
    while position < len(odd):
        first = odd[position]
        last = odd[position + 1] if position + 1 < len(odd) else first
        if last > first and is_one_row(lines[first : last + 1], columns):
            violations[first] = RowRule.LINE_BREAK
            inside.update(range(first + 1, last + 1))
            position += 2
        else:
            violations[first] = RowRule.QUOTES
            position += 1
    return violations, inside
