"""How a header differs from the agreed one: only in spelling, in its delimiter, or by lines above it.

Nothing of a file's own text is returned, since it may name a patient: only agreed names and positions.
Standard library only.
"""

from __future__ import annotations

import csv
import difflib
import re
from typing import TYPE_CHECKING

from clinrisk.core.ingest.csv_file.quotes import odd_lines
from clinrisk.core.ingest.rules import FileRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars", ",": "commas"}
NEARLY = 0.75
"""From this share of common letters on (difflib's ratio), a name is taken for the agreed one misspelt."""
LINES_SEARCHED = 30
"""How many lines from the first on may be the header."""
SHORTEST_NEAR = 5
"""Letters that such a name has at least: too many shorter ones are close to one another (cpk is not cp)."""
_DECIMAL_COMMA = re.compile(r"[;\t|][+-]?[0-9]+,[0-9]+(?=[;\t|]|$)")


def folded(name: str) -> str:
    """Return a name without what people write differently: capitals, blanks, quotes, hyphens, look-alikes.

    >>> folded(" 'Ever-Married'")
    'evermarried'
    """
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def misspelt(names: Sequence[str], agreed: Sequence[str], nearly: float = NEARLY) -> dict[int, str]:
    """Return, by position, the agreed name of each column that has it in another or in nearly its spelling.

    With `nearly=1` only capitals, blanks and signs may differ: what is close may be another measurement.

    >>> misspelt(["Age", "smoking_staus", "surname"], ["age", "smoking_status", "bmi"])
    {0: 'age', 1: 'smoking_status'}
    """
    wanted = {folded(name): name for name in agreed if name not in names}
    found: dict[int, str] = {}
    # An exact match but for the spelling goes before one that is merely close.
    for cutoff in (1.0, nearly):
        for position, name in enumerate(names):
            if position in found or name in agreed or not name:
                continue
            near = cutoff == 1 or len(folded(name)) >= SHORTEST_NEAR or not name.isascii()
            close = difflib.get_close_matches(folded(name), wanted, n=1, cutoff=cutoff) if near else []
            if close:
                found[position] = wanted.pop(close[0])
    return dict(sorted(found.items()))


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, whatever system wrote it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def rows_of(lines: Sequence[str], delimiter: str, columns: int = 0) -> list[str]:
    r"""Return the rows that lines are: a quoted cell with line breaks joins several lines to one row.

    `columns` is how many cells a row has, where that is known.

    >>> rows_of(['"a', 'b";1', "2;3"], ";", columns=2)
    ['"a\nb";1', '2;3']
    """
    swapped = str.maketrans({delimiter: ",", ",": delimiter})
    _, inside = odd_lines([line.translate(swapped).encode() for line in lines], columns)
    rows: list[str] = []
    for number, line in enumerate(lines):
        if number in inside:
            rows[-1] += f"\n{line}"
        else:
            rows.append(line)
    return rows


def split(line: str, delimiter: str) -> list[str]:
    """Return the cells of a row."""
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def is_header(cells: Sequence[str], agreed: Iterable[str]) -> bool:
    """Whether at least two cells are agreed names, but for their spelling."""
    return len({folded(name) for name in agreed}.intersection(map(folded, cells))) >= 2


def find(lines: Sequence[str], agreed: Sequence[str]) -> tuple[int, str] | None:
    """Return the position of the first line that is the header, and its delimiter."""
    for position, line in enumerate(lines):
        for delimiter in DELIMITERS:
            if is_header(split(line, delimiter), agreed):
                return position, delimiter
    return None


def dialect(lines: Sequence[str], agreed: Sequence[str]) -> tuple[FileRule, str] | None:
    """Return how a file is written otherwise, when it has the agreed names but not as its first line."""
    found = find(lines, agreed)
    if found is None:
        unquoted = [cell for line in lines[:1] for cell in split(line, ",")]
        quoted = len(unquoted) == 1 and is_header(unquoted[0].split(","), agreed)
        return (FileRule.LINES_QUOTED, "") if quoted else None
    position, delimiter = found
    if position:
        return FileRule.HEADER_BELOW, f"row {len(rows_of(lines[:position], delimiter)) + 1}"
    names = split(lines[0], delimiter)
    also = []
    if delimiter != "," and any(map(_DECIMAL_COMMA.search, lines[1:])):
        also.append("numbers have decimal commas")
    if misspelt(names, agreed):
        also.append("names differ in capitals, blanks or spelling")
    return FileRule.DELIMITER, ", ".join([DELIMITERS[delimiter], *also])


def one_cell_more(lines: Sequence[str], columns: int) -> str:
    """Return which cell every row has in addition to those of the header; empty unless every row has one."""
    rows = [split(line, ",") for line in lines[1:] if line.strip()]
    if len(rows) < 2 or any(len(row) != columns + 1 for row in rows):
        return ""
    return "row names in front" if any(row[-1].strip() for row in rows) else "a comma at the end"
