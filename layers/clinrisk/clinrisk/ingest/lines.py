"""Bytes to rows of text cells, one row per physical line, so that a chunk may be cut at any line end.

polars splits the cells; where it would be lenient (ragged lines, quotes, line breaks inside quotes,
compressed bytes) the bytes are looked at here first. Row numbers count physical lines after the header, so
row 1 is line 2 of the file as a spreadsheet shows it; blank lines are numbered but are not rows.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.ingest.rules import LONGEST_LINE, RowRule

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

LINE = "line"
"""The column that holds each row's line number within the chunk, from 0."""
LONGEST_ROW = 4096
"""No row of any use case comes near it; a longer line hides something."""
_COMMA, _UNIT, _HIDDEN = b",", b"\x1f", b"\x1e"
_SIMPLY_QUOTED = re.compile(rb'(?:"[^",]*"|[^",]*)(?:,(?:"[^",]*"|[^",]*))*')
_LONGEST_RAW = 2000


@dataclass(frozen=True)
class Lines:
    """A chunk taken apart: well-shaped rows as text, the lines that are not, and a way back to the bytes."""

    cells: pl.DataFrame
    """One text column per column of the header, and `line`."""
    misshapen: dict[int, RowRule]
    """Line number -> why it is not a row of cells."""
    data: bytes

    def raw(self, lines: Sequence[int]) -> list[str]:
        """Return the text of some lines as it came, cut to 2,000 characters."""
        ends = _line_ends(self.data)
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
        spans = zip(starts[list(lines)].tolist(), ends[list(lines)].tolist(), strict=True)
        return [
            self.data[start : min(end, start + _LONGEST_RAW)].decode("utf-8", "replace")
            for start, end in spans
        ]


def read_lines(data: bytes, header: Sequence[str]) -> Lines:
    r"""Read a chunk (valid UTF-8, whole lines, without the header) as text cells.

    Every line is either blank, or in `cells`, or in `misshapen`.

    >>> lines = read_lines(b"1,2\n\n3\n", ["a", "b"])
    >>> lines.cells.rows(), {line: rule.value for line, rule in lines.misshapen.items()}
    ([('1', '2', 0)], {2: 'short_row'})
    """
    if b'"' in data or _stray_returns(data):
        return _read_quoted(data, header)
    cells = _split(data, header, _COMMA)
    misshapen, blank = _shapes(data, cells, header, _COMMA)
    return Lines(_without(cells, {*misshapen, *blank}), misshapen, data)


def _stray_returns(data: bytes) -> bool:
    """Whether a carriage return stands anywhere but before a newline: polars would drop it from its cell."""
    return b"\r" in data and data.count(b"\r") != data.count(b"\r\n") + data.endswith(b"\r")


def count_rows_roughly(data: bytes) -> int:
    r"""Return how many lines are not empty, in little memory; lines of blanks alone count too.

    >>> count_rows_roughly(b"1,2\n\n3,4")
    2
    """
    ends = np.frombuffer(data, np.uint8) == ord("\n")
    starts = np.concatenate([np.ones(1, bool), ends[:-1]])[: len(ends)]
    return int(np.count_nonzero(starts & ~ends))


def _split(data: bytes, header: Sequence[str], separator: bytes) -> pl.DataFrame:
    """Let polars split lines into cells; each line gives one row, however short or long."""
    # polars takes the number of columns from the first line, unpacks what starts like a compressed file and
    # drops a byte order mark: unless the first line is above suspicion, put an empty row before it.
    first = data[: data.find(b"\n") + 1]
    guarded = not first[:1].isdigit() or first.count(separator) != len(header) - 1
    frame = pl.read_csv(
        separator * (len(header) - 1) + b"\n" + data if guarded else data,
        has_header=False,
        schema=dict.fromkeys(header, pl.String()),
        separator=separator.decode(),
        quote_char=None,
        truncate_ragged_lines=True,
        empty_string_is_null=False,
    )
    frame = frame.slice(1) if guarded else frame
    return frame.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias(LINE))


def _shapes(
    data: bytes, cells: pl.DataFrame, header: Sequence[str], separator: bytes
) -> tuple[dict[int, RowRule], list[int]]:
    """Return the lines with too few or too many cells, and the blank ones.

    A row whose last cell is not empty has all its cells; if that holds for every row and the separators
    add up to what all rows need, no row can have more. Only otherwise are they counted line by line.
    """
    if not data:
        return {}, []
    ends = _line_ends(data)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
    misshapen = {
        int(line): RowRule.LINE_TOO_LONG
        if ends[line] - starts[line] > LONGEST_LINE
        else RowRule.CELL_TOO_LONG
        for line in np.flatnonzero(ends - starts > LONGEST_ROW)
    }
    marks = np.frombuffer(data, np.uint8) == separator[0]
    expected = len(header) - 1
    if np.count_nonzero(marks) == expected * len(ends) and not (cells[header[-1]] == "").any():
        return misshapen, []
    found = np.diff(np.searchsorted(np.flatnonzero(marks), ends), prepend=0)
    blank: list[int] = []
    for line in np.flatnonzero(found != expected).tolist():
        if not data[starts[line] : ends[line]].strip():
            blank.append(line)
        else:
            rule = RowRule.SHORT_ROW if found[line] < expected else RowRule.LONG_ROW
            misshapen.setdefault(line, rule)
    return misshapen, blank


def _line_ends(data: bytes) -> NDArray[np.int64]:
    """Return where each line ends: at its newline, or at the end of the data."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")).astype(np.int64, copy=False)
    return ends if data.endswith(b"\n") else np.append(ends, len(data))


def _without(frame: pl.DataFrame, lines: Collection[int]) -> pl.DataFrame:
    """Drop some lines from a frame that still has them all."""
    if not lines:
        return frame
    keep = np.ones(frame.height, bool)
    keep[list(lines)] = False
    return frame.filter(pl.Series(keep))


def _read_quoted(data: bytes, header: Sequence[str]) -> Lines:
    """Read a chunk in which quotes occur: unquote line by line, then read as if there had been none."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    broken, inside = _broken_lines(lines, len(header))
    skipped = broken.keys() | inside
    bare = [b"" if number in skipped else _unquote(line) for number, line in enumerate(lines)]
    text = b"\n".join(bare) + b"\n"
    cells = _split(text, header, _UNIT)
    misshapen, blank = _shapes(text, cells, header, _UNIT)
    return Lines(_without(cells, {*misshapen, *blank}), {**misshapen, **broken}, data)


def _unquote(line: bytes) -> bytes:
    """Take a balanced line's quotes away and part its cells by a byte that no valid cell holds."""
    # What the csv module would take for a line end, or we for a separator, becomes another control character.
    line = line.removesuffix(b"\r").replace(_UNIT, _HIDDEN).replace(b"\r", _HIDDEN)
    if b'"' not in line or len(line) > LONGEST_ROW:
        return line.replace(_COMMA, _UNIT)
    if _SIMPLY_QUOTED.fullmatch(line):
        return line.replace(b'"', b"").replace(_COMMA, _UNIT)
    cells = next(csv.reader([line.decode("utf-8")]), [])
    return _UNIT.join(cell.encode() for cell in cells)


def _broken_lines(lines: Sequence[bytes], columns: int) -> tuple[dict[int, RowRule], set[int]]:
    """Return the lines on which quotes do not balance, and those that only continue such a line's cell.

    A cell with a line break in it makes two lines with an odd number of quotes that join to one row of the
    right width; they count as one row. Any other odd line stands alone, so that a stray quote costs one row
    and not the rest of the file.
    """
    odd = [number for number, line in enumerate(lines) if line.count(b'"') % 2]
    broken: dict[int, RowRule] = {}
    inside: set[int] = set()
    position = 0
    while position < len(odd):
        first = odd[position]
        last = odd[position + 1] if position + 1 < len(odd) else first
        if last > first and _is_one_row(lines[first : last + 1], columns):
            broken[first] = RowRule.LINE_BREAK
            inside.update(range(first + 1, last + 1))
            position += 2
        else:
            broken[first] = RowRule.QUOTES
            position += 1
    return broken, inside


def _is_one_row(lines: Sequence[bytes], columns: int) -> bool:
    """Whether lines join to one row; lines between the two odd ones must not be rows of their own."""
    if any(_COMMA in line for line in lines[1:-1]) or sum(map(len, lines)) > LONGEST_ROW:
        return False
    rows = list(csv.reader([line.decode("utf-8").replace("\r", "") + "\n" for line in lines]))
    return len(rows) == 1 and len(rows[0]) == columns
