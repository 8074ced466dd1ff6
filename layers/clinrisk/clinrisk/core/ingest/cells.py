"""Cells to values, column by column: numbers, positions of codes, null where missing, and violations.

A number is what a decimal parser accepts and is finite; a code is one of the declared codes. Anything else is
a missing marker or violates a rule. Missing is null, never a number and never a code. polars has parsed the
columns already (`csv_file.lines`); only the cells that it could not parse are read again here, as text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.ingest.rules import RowRule
from clinrisk.use_cases.columns import MARKER_NUMBERS, MISSING_MARKERS, Code, Number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from clinrisk.core.ingest.csv_file.lines import Lines
    from clinrisk.use_cases.columns import Column

LONGEST_CELL = 200
_BLANKS = " \t"
_SAMPLE = 1000
_MISSING_CODE = -1
_NO_CODE = -2
_MISSING_TEXTS = {marker.lower() for marker in MISSING_MARKERS}
# Beyond printable ASCII: letters that resemble ASCII, full-width digits, invisible and control characters.
_NOT_ASCII = r"[^\x20-\x7e]"
# What a spreadsheet would execute: an equals or at sign first, or a sign that no number follows.
_FORMULA = r"^[=@]|^[+-][^0-9.]"
_DECIMAL_COMMA = r"^[+-]?[0-9]+,[0-9]+$"


@dataclass(frozen=True)
class Violation:
    """The cells of one column that violate one rule, by position in the frame."""

    column: str
    rule: RowRule
    positions: pl.Series


@dataclass(frozen=True)
class ColumnValues:
    """One column: per row a number or the position of a code, null where missing or invalid."""

    values: pl.Series
    violations: tuple[Violation, ...] = ()
    facts: Mapping[str, int] = field(default_factory=dict)
    """What shows a fault of the column, 0 left out: "filled" cells, of them "impossible" ones; of a thousand
    "sampled" values at most, those "alike" the commonest; of numbers, in range or not: "numbers", "unusual",
    usual in another unit only ("unit:kPa"), "fractions", "lowest"; of codes: one "below" the lowest, one
    "above" the highest."""


def column_type(column: Column) -> pl.DataType:
    """Return the polars type that a column's cells are parsed as."""
    if isinstance(column, Number):
        return pl.Float64()
    return pl.Int16() if column.numeric else pl.Enum(list(column.values))


def read_column(lines: Lines, column: Column) -> ColumnValues:
    """Return the values and violations of a column whose cells were parsed as `column_type`."""
    return read_number(lines, column) if isinstance(column, Number) else read_code(lines, column)


def read_number(lines: Lines, column: Number) -> ColumnValues:
    r"""Return a column of numbers as Float64.

    >>> from clinrisk.core.ingest.csv_file.lines import read_lines
    >>> age = Number("age", "age", 0, 120, "years")
    >>> values = read_number(read_lines(b"61\n1_0\nNA\nnan\n", ["age"], {"age": column_type(age)}), age)
    >>> values.values.to_list(), [violation.rule.value for violation in values.violations]
    ([61.0, None, None, None], ['not_a_number'])
    """

    def parse(text: pl.Series) -> pl.Series:
        """Parse a number with blanks around it."""
        numbers = text.cast(pl.Float64, strict=False)
        return numbers.set(~numbers.is_finite().fill_null(value=True), None)

    values, violations = _read_again(lines, lines.cells[column.name], parse, column, RowRule.NOT_A_NUMBER)
    least, most = _range(values)
    if least <= 0 <= most:
        # -0 and 0 are one number, and must give one row text.
        values = values.set((values == 0).fill_null(value=False), 0.0)
    absent = [number for number in column.missing if least <= number <= most]
    if absent:
        values = values.set(values.is_in(absent).fill_null(value=False), None)
        least, most = _range(values)
    facts = {"numbers": values.len() - values.null_count()}
    facts |= (
        _count_unusual(values, *column.usual, column)
        if column.usual and (least < column.usual[0] or most > column.usual[1])
        else {}
    )
    if column.fractions:
        facts["fractions"] = int((values != values.floor()).sum())
    if column.integer:
        facts["lowest"] = int((values == column.low).sum())
    if least < column.low or most > column.high:
        outside = ~values.is_between(column.low, column.high).fill_null(value=True)
        marker = outside & values.is_in(MARKER_NUMBERS).fill_null(value=False)
        violations += _violations(
            column, ((RowRule.LIKELY_MARKER, marker), (RowRule.OUT_OF_RANGE, outside & ~marker))
        )
        values = values.set(outside, None)
    if column.integer:
        fraction = (values != values.floor()).fill_null(value=False)
        if fraction.any():
            violations.append(Violation(column.name, RowRule.NOT_INTEGER, fraction.arg_true()))
            values = values.set(fraction, None)
    return _column_values(values, violations, facts)


def read_code(lines: Lines, column: Code, rule: RowRule = RowRule.UNKNOWN_CODE) -> ColumnValues:
    r"""Return a column of codes as their positions among the declared ones (Int16).

    >>> from clinrisk.core.ingest.csv_file.lines import read_lines
    >>> thal = Code("thal", "scan", {"3": "normal", "6": "fixed", "7": "reversible"}, missing=(0.0,))
    >>> read_code(read_lines(b"7.0\n3\n0\n?\n", ["thal"], {"thal": column_type(thal)}), thal).values.to_list()
    [2, 0, None, None]
    """
    codes = list(column.values)
    positions = {float(code): position for position, code in enumerate(codes)} if column.numeric else {}
    # One below the lowest code, one above the highest: what a count that starts elsewhere makes of them.
    ends = {"below": min(positions) - 1, "above": max(positions) + 1} if column.numeric else {}
    beyond = {side: code for side, code in ends.items() if code not in column.missing}
    neighbours: list[float] = []
    positions |= dict.fromkeys(column.missing, _MISSING_CODE)

    def by_number(text: pl.Series) -> pl.Series:
        """Parse 1.0 as the code 1."""
        numbers = text.cast(pl.Float64, strict=False)
        neighbours.extend(numbers.filter(numbers.is_in(list(beyond.values()))))
        return numbers.replace_strict(positions, default=None, return_dtype=pl.Int16)

    def by_text(text: pl.Series) -> pl.Series:
        """Parse a code with blanks around it, and a missing number however it is written."""
        found = text.cast(pl.Enum(codes), strict=False).to_physical().cast(pl.Int16)
        absent = text.cast(pl.Float64, strict=False).is_in(list(positions)).fill_null(value=False)
        return found.set(absent, _MISSING_CODE)

    cells = lines.cells[column.name]
    values = _positions_of(cells, positions) if column.numeric else cells.to_physical().cast(pl.Int16)
    values, violations = _read_again(lines, values, by_number if column.numeric else by_text, column, rule)
    if _range(values)[0] < 0:
        wrong = (values == _NO_CODE).fill_null(value=False)
        if wrong.any():
            marker = wrong & cells.cast(pl.Float64).is_in(MARKER_NUMBERS).fill_null(value=False)
            violations += _violations(column, ((RowRule.LIKELY_MARKER, marker), (rule, wrong & ~marker)))
        values = values.set((values < 0).fill_null(value=False), None)
    facts: dict[str, int] = {}
    if violations and beyond:
        found = pl.concat([cells.cast(pl.Float64), pl.Series(neighbours, dtype=pl.Float64)])
        facts = {side: int((found == code).sum()) for side, code in beyond.items()}
    return _column_values(values, violations, facts)


def _column_values(values: pl.Series, violations: Sequence[Violation], facts: dict[str, int]) -> ColumnValues:
    """Return a column with the facts that every column has."""
    impossible = sum(one.positions.len() for one in violations)
    # From the complete chunk: a file that is sorted begins with equal values.
    sample = values.gather_every(max(1, values.len() // _SAMPLE)).drop_nulls()
    common = {
        "filled": values.len() - values.null_count() + impossible,
        "impossible": impossible,
        "sampled": sample.len(),
        "alike": max(sample.unique_counts().to_list(), default=0),
    }
    return ColumnValues(values, tuple(violations), {name: n for name, n in (common | facts).items() if n})


def _violations(column: Column, found: Iterable[tuple[RowRule, pl.Series]]) -> list[Violation]:
    """Return the cells that break each rule, given as masks."""
    return [Violation(column.name, rule, mask.arg_true()) for rule, mask in found if mask.any()]


def _positions_of(numbers: pl.Series, positions: Mapping[float, int]) -> pl.Series:
    """Return the position of each code; null stays null, and a number that is no code is `_NO_CODE`."""
    table = np.full(2**16, _NO_CODE, np.int16)
    for number, position in positions.items():
        table[int(number)] = position
    found = pl.Series(table.take(numbers.fill_null(0).to_numpy()))
    return found.set(numbers.is_null(), None) if numbers.null_count() else found


def _range(values: pl.Series) -> tuple[float, float]:
    """Return the smallest and the largest number; (inf, -inf) where there are none."""
    least, most = values.min(), values.max()
    return (math.inf, -math.inf) if least is None or most is None else (least, most)  # type: ignore[return-value]  # numbers, in a column of numbers


def _read_again(
    lines: Lines,
    values: pl.Series,
    parse: Callable[[pl.Series], pl.Series],
    column: Column,
    rule: RowRule,
) -> tuple[pl.Series, list[Violation]]:
    """Read the cells that are null a second time, as text: blanks around a value, missing, or a violation."""
    if not values.null_count():
        return values, []
    positions = values.is_null().arg_true()
    text = lines.text(column.name, positions).str.strip_chars(_BLANKS)
    parsed = parse(text)
    if parsed.null_count() < parsed.len():
        values = values.scatter(positions, parsed)
    codes = set() if isinstance(column, Number) else {code.lower() for code in column.values}
    invalid = parsed.is_null() & ~text.str.to_lowercase().is_in(list(_MISSING_TEXTS - codes))
    return values, _classify(column.name, positions.filter(invalid), text.filter(invalid), rule)


def _classify(column: str, positions: pl.Series, text: pl.Series, rule: RowRule) -> list[Violation]:
    """Return each invalid cell under one rule, the most specific rule first."""
    remaining = pl.DataFrame({"position": positions, "text": text})
    found: list[Violation] = []
    for name, test in (
        (RowRule.CELL_TOO_LONG, pl.col("text").str.len_bytes() > LONGEST_CELL),
        (RowRule.CHARACTERS, pl.col("text").str.contains(_NOT_ASCII)),
        (RowRule.FORMULA, pl.col("text").str.contains(_FORMULA)),
        (RowRule.DECIMAL_COMMA, pl.col("text").str.contains(_DECIMAL_COMMA)),
        (
            RowRule.LIKELY_MARKER,
            pl.col("text").cast(pl.Float64, strict=False).is_in(MARKER_NUMBERS).fill_null(value=False),
        ),
    ):
        matching = remaining.filter(test)
        if not matching.is_empty():
            found.append(Violation(column, name, matching["position"]))
            remaining = remaining.filter(~test)
    if not remaining.is_empty():
        found.append(Violation(column, rule, remaining["position"]))
    return found


def _count_unusual(values: pl.Series, low: float, high: float, column: Number) -> dict[str, int]:
    """Count the numbers that are not usual, and per unit that senders confuse with ours those usual in it."""
    unusual = values.filter(~values.is_between(low, high).fill_null(value=True))
    if unusual.is_empty():
        return {}
    units = {
        f"unit:{other.unit}": int((unusual * other.factor).is_between(low, high).sum())
        for other in column.other_units
    }
    return {"unusual": unusual.len(), **units}
