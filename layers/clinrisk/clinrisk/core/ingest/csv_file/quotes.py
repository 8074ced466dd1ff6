"""Quotes taken away line by line, and which lines a cell with a line break joins. Standard library only.

The planner of chunks asks, too: a chunk must not end inside a cell.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from clinrisk.core.ingest.rules import RowRule

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_ROW = 4096
"""No row of any use case comes near it; a longer line hides something."""
UNIT = b"\x1f"
"""What parts the cells once their quotes are gone: a byte that no valid cell holds."""
_COMMA, _HIDDEN = b",", b"\x1e"
_SIMPLY_QUOTED = re.compile(rb'(?:"[^",]*"|[^",]*)(?:,(?:"[^",]*"|[^",]*))*')


def is_odd(line: bytes) -> bool:
    """Whether quotes do not balance on a line."""
    return line.count(b'"') % 2 == 1


def parts_rows(line: bytes) -> bool:
    """Whether a line can neither lie inside a cell that other lines begin and end, nor be an end of it.

    >>> parts_rows(b'1,"a,b",2'), parts_rows(b'le",2'), parts_rows(b"inside")
    (True, False, False)
    """
    return len(line) > LONGEST_ROW or (b"," in line and not is_odd(line))


def is_one_row(lines: Sequence[bytes], columns: int) -> bool:
    r"""Whether lines, of which the first and the last are odd, join to one row of the right width.

    Line ends count as bytes of the row, so that nobody has to look further than LONGEST_ROW for its end.

    >>> is_one_row([b'1,"Ma', b'le",3'], 3), is_one_row([b'1,"Male,3', b'2,"Male,3'], 3)
    (True, False)
    """
    if any(b"," in line for line in lines[1:-1]) or sum(map(len, lines)) + len(lines) > LONGEST_ROW:
        return False
    text = [line.decode("utf-8", "replace").replace("\r", "") + "\n" for line in lines]
    try:
        rows = list(csv.reader(text, strict=True))
    except csv.Error:
        # A quote closes a cell and text follows: two stray quotes, not the two ends of one cell.
        return False
    return len(rows) == 1 and len(rows[0]) == columns


def without_quotes(data: bytes, columns: int) -> tuple[bytes, dict[int, RowRule]]:
    """Unquote line by line, cells parted by `UNIT`: as if there had been no quotes; and the broken lines."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    broken, inside = broken_lines(lines, columns)
    skipped = broken.keys() | inside
    bare = [b"" if number in skipped else _unquote(line) for number, line in enumerate(lines)]
    return b"\n".join(bare) + b"\n", broken


def _unquote(line: bytes) -> bytes:
    """Take a balanced line's quotes away and part its cells by a byte that no valid cell holds."""
    # What the csv module would take for a line end, or we for a separator, becomes another control character.
    line = line.removesuffix(b"\r").replace(UNIT, _HIDDEN).replace(b"\r", _HIDDEN)
    if b'"' not in line or len(line) > LONGEST_ROW:
        return line.replace(_COMMA, UNIT)
    if _SIMPLY_QUOTED.fullmatch(line):
        return line.replace(b'"', b"").replace(_COMMA, UNIT)
    cells = next(csv.reader([line.decode("utf-8")]), [])
    return UNIT.join(cell.encode() for cell in cells)


def broken_lines(lines: Sequence[bytes], columns: int) -> tuple[dict[int, RowRule], set[int]]:
    """Return the lines on which quotes do not balance, and those that only continue such a line's cell.

    A cell with a line break in it makes two lines with an odd number of quotes that join to one row of the
    right width; they count as one row. Any other odd line stands alone, so that a stray quote costs one row
    and not the rest of the file.
    """
    odd = [number for number, line in enumerate(lines) if is_odd(line)]
    broken: dict[int, RowRule] = {}
    inside: set[int] = set()
    position = 0
    while position < len(odd):
        first = odd[position]
        last = odd[position + 1] if position + 1 < len(odd) else first
        if last > first and is_one_row(lines[first : last + 1], columns):
            broken[first] = RowRule.LINE_BREAK
            inside.update(range(first + 1, last + 1))
            position += 2
        else:
            broken[first] = RowRule.QUOTES
            position += 1
    return broken, inside
