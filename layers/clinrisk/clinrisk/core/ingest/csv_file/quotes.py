"""Quotation marks: removed line by line, and which lines a cell with a line break joins.

Reading a chunk (`lines`) and cutting a file (`cutting`) use the same rules. Standard library only.
"""

from __future__ import annotations

import csv
import re
from bisect import bisect
from typing import TYPE_CHECKING

from clinrisk.core.ingest.rules import RowRule

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_ROW = 4096
"""In bytes, far more than a row of any use case has; a longer line is quarantined."""
UNIT_SEPARATOR = b"\x1f"
"""What separates the cells once their quotes are removed: a byte that no valid cell holds."""
_COMMA, _RECORD_SEPARATOR = b",", b"\x1e"
_NEITHER = bytes(set(range(256)) - set(b'"\n'))
_SIMPLY_QUOTED = re.compile(rb'(?:"[^",]*"|[^",]*)(?:,(?:"[^",]*"|[^",]*))*')


def has_odd_quotes(line: bytes) -> bool:
    """Whether a line has an odd number of quotation marks."""
    return line.count(b'"') % 2 == 1


def separates_rows(line: bytes, columns: int) -> bool:
    """Whether a line certainly ends a row, as it has all cells of one: no cell goes on through it.

    >>> [separates_rows(line, 3) for line in (b'1,"a,b",2', b'le",2', b"inside, too")]
    [True, False, False]
    """
    if len(line) > LONGEST_ROW:
        return True
    if b'"' not in line:
        return line.count(_COMMA) == columns - 1
    return not has_odd_quotes(line) and [*map(len, _rows([line]))] == [columns]


def is_one_row(lines: Sequence[bytes], columns: int) -> bool:
    r"""Whether lines, of which the first and the last have odd quotes, are one row.

    No line between them may have all the cells of a row. Line ends count as bytes of the row, so that its end
    is never sought further than LONGEST_ROW.

    >>> is_one_row([b'1,"Ma', b'le",3'], 3), is_one_row([b'1,"Male,3', b'2,"Male,3'], 3)
    (True, False)
    """
    if sum(map(len, lines)) + len(lines) > LONGEST_ROW:
        return False
    return not any(separates_rows(line, columns) for line in lines[1:-1]) and len(_rows(lines)) == 1


def _rows(lines: Sequence[bytes]) -> list[list[str]]:
    """Return the rows that lines are, or none when a quote closes a cell and text follows: a stray quote."""
    text = [line.decode(errors="replace").replace("\r", "") + "\n" for line in lines]
    try:
        return list(csv.reader(text, strict=True))
    except csv.Error:
        return []


def without_quotes(data: bytes, columns: int) -> tuple[bytes, dict[int, RowRule], list[int]]:
    """Return the data, one line per row, without quotes, its cells separated by `UNIT_SEPARATOR`.

    With them, the violations by line of what is returned, and the numbers of the lines that continue a row.
    """
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    violations, inside = odd_lines(lines, columns)
    bare = [
        b"" if number in violations else _unquote(line)
        for number, line in enumerate(lines)
        if number not in inside
    ]
    continued = sorted(inside)
    by_row = {number - bisect(continued, number): rule for number, rule in violations.items()}
    return b"\n".join(bare) + b"\n", by_row, continued


def count_rows(data: bytes, columns: int) -> int:
    r"""Return how many rows end in complete lines of a file; blank lines count.

    >>> count_rows(b'1,"Ma\nle"\n\n2,x\n', 2)
    3
    """
    lines = data.count(b"\n")
    # With nothing but quotes and line ends left, a line of odd quotes is one that keeps a quote.
    odd = b'"' in data and b'"' in data.translate(None, _NEITHER).replace(b'""', b"")
    return lines - len(odd_lines(data.split(b"\n"), columns)[1]) if odd else lines


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

    A cell with a line break makes two lines with odd quotes that join to one row; they count as one. Any
    other line with odd quotes is a row of its own, so that a stray quote costs one row and not the rest of
    the file.
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
