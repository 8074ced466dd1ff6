"""The rows and cells of a chunk: one row per line; a quoted cell with line breaks joins several to one row.

polars splits the lines and parses each column as its type, in one pass; the few lines with a cell that it
cannot parse are split again as text, so that `cells` can name the reason. Where polars would be lenient
(ragged lines, quotes, line breaks inside quotes, compressed bytes) the bytes are checked here first. Rows are
numbered as a spreadsheet shows them: the header is row 1, several lines of one row have one number, and a
blank line has a number although it is no row of data.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.ingest.csv_file.quotes import LONGEST_ROW, UNIT_SEPARATOR, without_quotes
from clinrisk.core.ingest.rules import LONGEST_LINE, RowRule

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

LINE = "line"
"""The column that holds each row's number within the chunk, from 0."""
_COMMA = b","
_LONGEST_RAW = 2000


@dataclass(frozen=True)
class _Source:
    """The text that was split: the data, or the data without its quotes."""

    data: bytes
    separator: bytes
    ends: NDArray[np.int64]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each line starts."""
        return np.concatenate([np.zeros(1, np.int64), self.ends[:-1] + 1])

    def pick(self, lines: NDArray[np.uint32]) -> bytes:
        """Return some lines, in the order of the data."""
        starts, ends = self.starts[lines].tolist(), (self.ends[lines] + 1).tolist()
        return b"".join([self.data[start:end] for start, end in zip(starts, ends, strict=True)])


@dataclass(frozen=True)
class Lines:
    """The lines of a chunk: rows with the right number of cells, and the lines that are not rows."""

    cells: pl.DataFrame
    """One column per column of the header, null where the text could not be parsed; and `line`."""
    misshapen: dict[int, RowRule]
    """Line number -> the rule by which the line is not a row."""
    data: bytes
    continued: Sequence[int]
    """The lines of `data` that continue the row of the line before."""
    source: _Source

    @cached_property
    def unparsed(self) -> pl.Series:
        """The positions of the rows in which at least one cell could not be parsed."""
        nulls = [series.is_null() for series in self.cells if series.null_count()]
        if not nulls:
            return pl.Series("position", [], dtype=pl.get_index_type())
        return pl.DataFrame(nulls).select(pl.any_horizontal(pl.all())).to_series().arg_true()

    @cached_property
    def unparsed_cells(self) -> pl.DataFrame:
        """All cells of those rows, as text."""
        lines = self.cells[LINE].gather(self.unparsed).to_numpy()
        header = [name for name in self.cells.columns if name != LINE]
        return _split(self.source.pick(lines), header, {}, self.source.separator)

    def text(self, column: str, positions: pl.Series) -> pl.Series:
        """Return the text of some cells of a column, by position, in rows of `unparsed`."""
        return self.unparsed_cells[column].gather(self.unparsed.search_sorted(positions))

    def raw(self, lines: Sequence[int]) -> list[str]:
        """Return the original text of some rows, at most 2,000 bytes each."""
        ends = _line_ends(self.data)
        if self.continued:
            ends = np.delete(ends, np.array(self.continued) - 1)
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
        spans = zip(starts[list(lines)].tolist(), ends[list(lines)].tolist(), strict=True)
        return [
            self.data[start : min(end, start + _LONGEST_RAW)].decode(errors="replace") for start, end in spans
        ]


def read_lines(data: bytes, header: Sequence[str], types: Mapping[str, pl.DataType]) -> Lines:
    r"""Return the lines of a chunk (valid UTF-8, complete lines, no header); a column without a type is text.

    Every line is blank, or in `cells`, or in `misshapen`. nan and infinity are not parsed as numbers.

    >>> lines = read_lines(b"1,2\n\n3\n4,?\n", ["a", "b"], {"b": pl.Float64()})
    >>> lines.cells.rows(), {line: rule.value for line, rule in lines.misshapen.items()}
    ([('1', 2.0, 0), ('4', None, 3)], {2: 'short_row'})
    >>> lines.text("b", lines.unparsed).to_list()
    ['?']
    """
    if b'"' in data or _stray_returns(data):
        source, violations, continued = without_quotes(data, len(header))
        separator = UNIT_SEPARATOR
    else:
        source, violations, continued, separator = data, {}, [], _COMMA
    text = _Source(source, separator, _line_ends(source))
    cells = _split(source, header, types, separator)
    misshapen, blank = _shapes(text, cells, header)
    return Lines(_without(cells, {*misshapen, *blank}), {**misshapen, **violations}, data, continued, text)


def _stray_returns(data: bytes) -> bool:
    """Whether a carriage return is anywhere but before a newline: polars would drop it from its cell."""
    return b"\r" in data and data.count(b"\r") != data.count(b"\r\n") + data.endswith(b"\r")


def count_rows_roughly(data: bytes) -> int:
    r"""Return how many lines are not empty, in little memory; a line of blanks counts.

    >>> count_rows_roughly(b"1,2\n\n3,4")
    2
    """
    ends = np.frombuffer(data, np.uint8) == ord("\n")
    starts = np.concatenate([np.ones(1, bool), ends[:-1]])[: len(ends)]
    return int(np.count_nonzero(starts & ~ends))


def _split(
    data: bytes, header: Sequence[str], types: Mapping[str, pl.DataType], separator: bytes
) -> pl.DataFrame:
    """Return one row of cells per line, however short or long the line is."""
    # polars takes the number of columns from the first line, unpacks what starts like a compressed file and
    # drops a byte order mark: unless the first line is harmless, put an empty row before it.
    first = data[: data.find(b"\n") + 1]
    guarded = not first[:1].isdigit() or first.count(separator) != len(header) - 1
    text = separator * (len(header) - 1) + b"\n" + data if guarded else data
    try:
        frame = _parse(text, header, types, separator)
    except pl.exceptions.ComputeError:
        # A cell is none of its column's codes: where other types give null, an Enum fails.
        codes = {name: kind for name, kind in types.items() if isinstance(kind, pl.Enum)}
        others = {name: kind for name, kind in types.items() if name not in codes}
        frame = _parse(text, header, others, separator).cast(codes, strict=False)  # type: ignore[arg-type]  # polars' stub wants the classes
    frame = frame.slice(1) if guarded else frame
    finite = [_finite(series) for series in frame if series.dtype == pl.Float64()]
    return frame.with_columns(*finite, pl.int_range(pl.len(), dtype=pl.UInt32).alias(LINE))


def _parse(
    data: bytes, header: Sequence[str], types: Mapping[str, pl.DataType], separator: bytes
) -> pl.DataFrame:
    return pl.read_csv(
        data,
        has_header=False,
        schema=dict.fromkeys(header, pl.String()) | dict(types),
        separator=separator.decode(),
        quote_char=None,
        truncate_ragged_lines=True,
        empty_string_is_null=False,
        ignore_errors=True,
    )


def _finite(values: pl.Series) -> pl.Series:
    """Return the numbers with null in place of nan and infinity, which polars parses."""
    finite = values.is_finite()
    return values if finite.all() else values.set(~finite.fill_null(value=True), None)


def _shapes(
    source: _Source, cells: pl.DataFrame, header: Sequence[str]
) -> tuple[dict[int, RowRule], list[int]]:
    """Return the lines with too few or too many cells, each with its rule, and the blank ones.

    A row whose last cell is not empty has all its cells; if that holds for every row and the separators
    add up to what all rows need, no row can have more. Only otherwise are they counted line by line.
    """
    data, starts, ends = source.data, source.starts, source.ends
    if not data:
        return {}, []
    misshapen = {
        int(line): RowRule.LINE_TOO_LONG
        if ends[line] - starts[line] > LONGEST_LINE
        else RowRule.CELL_TOO_LONG
        for line in np.flatnonzero(ends - starts > LONGEST_ROW)
    }
    marks = np.frombuffer(data, np.uint8) == source.separator[0]
    expected, last = len(header) - 1, cells[header[-1]]
    empty = last.null_count() > 0 or (last.dtype == pl.String() and (last == "").any())
    if not empty and np.count_nonzero(marks) == expected * len(ends):
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
    """Return a frame, which has a row per line, without some lines."""
    if not lines:
        return frame
    keep = np.ones(frame.height, bool)
    keep[list(lines)] = False
    return frame.filter(pl.Series(keep))
