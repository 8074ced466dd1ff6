"""Text cells to values: a column is read as a whole, and only the cells that fail are looked at twice.

A number is what a decimal parser accepts and is finite; a code is one of the declared codes. Everything else
is a missing marker or breaks a rule. Missing is null, never a number and never a code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from clinrisk.ingest.rules import RowRule
from clinrisk.use_cases.base import MISSING_MARKERS, MISSING_NUMBERS, Code, Number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clinrisk.use_cases.base import Column

LONGEST_CELL = 200
_BLANKS = " \t"
_MISSING_CODE = -1
_MISSING_TEXTS = [*MISSING_MARKERS, *(f"{number:g}" for number in MISSING_NUMBERS)]
# Beyond printable ASCII: look-alike letters, full-width digits, invisible and control characters.
_STRANGE = r"[^\x20-\x7e]"
# What a spreadsheet would run: an equals or at sign first, or a sign that no number follows.
_FORMULA = r"^[=@]|^[+-][^0-9.]"
_DECIMAL_COMMA = r"^[+-]?[0-9]+,[0-9]+$"


@dataclass(frozen=True)
class Broken:
    """Cells of one column that break one rule: their positions in the frame."""

    column: str
    rule: RowRule
    positions: pl.Series


@dataclass(frozen=True)
class Values:
    """One column read: a number, or a code's position, per row; null where missing or broken."""

    values: pl.Series
    broken: tuple[Broken, ...] = ()
    measured: int = 0
    """How many numbers were read, in range or not, when the column has other units to confuse it with."""
    foreign: Mapping[str, int] = field(default_factory=dict)
    """Per other unit, how many numbers fit it and not the agreed one."""


def read_column(cells: pl.Series, column: Column) -> Values:
    """Read a declared column's text cells."""
    return read_number(cells, column) if isinstance(column, Number) else read_code(cells, column)


def read_number(cells: pl.Series, column: Number) -> Values:
    """Read numbers as Float64.

    >>> values = read_number(pl.Series(["61", "1_0", "-9", "nan"]), Number("age", "age", 0, 120, "years"))
    >>> values.values.to_list(), [broken.rule.value for broken in values.broken]
    ([61.0, None, None, None], ['not_a_number'])
    """
    values = _finite(cells.cast(pl.Float64, strict=False))
    values, broken = _second_look(
        cells, values, lambda text: _finite(text.cast(pl.Float64, strict=False)), column, RowRule.NOT_A_NUMBER
    )
    absent = values.is_in([*MISSING_NUMBERS, *column.missing])
    if absent.any():
        values = values.set(absent.fill_null(value=False), None)
    measured = values.len() - values.null_count()
    foreign = _foreign(values, column)
    outside = ~values.is_between(column.low, column.high).fill_null(value=True)
    if outside.any():
        broken.append(Broken(column.name, RowRule.OUT_OF_RANGE, outside.arg_true()))
        values = values.set(outside, None)
    if column.whole:
        fraction = (values != values.floor()).fill_null(value=False)
        if fraction.any():
            broken.append(Broken(column.name, RowRule.NOT_WHOLE, fraction.arg_true()))
            values = values.set(fraction, None)
    return Values(values, tuple(broken), measured if column.other_units else 0, foreign)


def read_code(cells: pl.Series, column: Code, rule: RowRule = RowRule.UNKNOWN_CODE) -> Values:
    """Read codes as their positions among the declared ones.

    >>> code = Code("thal", "scan", {"3": "normal", "6": "fixed", "7": "reversible"}, missing=(0.0,))
    >>> read_code(pl.Series(["7.0", "3", "0", "?"]), code).values.to_list()
    [2, 0, None, None]
    """
    codes = list(column.values)
    values = cells.cast(pl.Enum(codes), strict=False).to_physical().cast(pl.Int16)
    absent = [*MISSING_NUMBERS, *column.missing]

    def by_number(text: pl.Series) -> pl.Series:
        """Find 1.0 where the code is 1."""
        table = {float(code): position for position, code in enumerate(codes)}
        table |= dict.fromkeys(absent, _MISSING_CODE)
        numbers = text.cast(pl.Float64, strict=False)
        return numbers.replace_strict(table, default=None, return_dtype=pl.Int16)

    def by_text(text: pl.Series) -> pl.Series:
        """Find a code with blanks around it."""
        return text.cast(pl.Enum(codes), strict=False).to_physical().cast(pl.Int16)

    values, broken = _second_look(cells, values, by_number if column.numeric else by_text, column, rule)
    missing = (values == _MISSING_CODE).fill_null(value=False)
    if missing.any():
        values = values.set(missing, None)
    return Values(values, tuple(broken))


def _finite(values: pl.Series) -> pl.Series:
    """Make nan and infinity null: they are texts that a lenient parser accepts."""
    odd = ~values.is_finite().fill_null(value=True)
    return values.set(odd, None) if odd.any() else values


def _second_look(
    cells: pl.Series,
    values: pl.Series,
    parse: Callable[[pl.Series], pl.Series],
    column: Column,
    rule: RowRule,
) -> tuple[pl.Series, list[Broken]]:
    """Look again at the cells that did not read: blanks around them, a missing marker, or a broken rule."""
    if not values.null_count():
        return values, []
    positions = values.is_null().arg_true()
    text = cells.gather(positions).str.strip_chars(_BLANKS)
    again = parse(text)
    if again.null_count() < again.len():
        values = values.scatter(positions, again)
    bad = again.is_null() & ~text.is_in(_MISSING_TEXTS)
    return values, _classify(column.name, positions.filter(bad), text.filter(bad), rule)


def _classify(column: str, positions: pl.Series, text: pl.Series, rule: RowRule) -> list[Broken]:
    """Say of each broken cell why, the most telling rule first."""
    remaining = pl.DataFrame({"position": positions, "text": text})
    found: list[Broken] = []
    for name, test in (
        (RowRule.CELL_TOO_LONG, pl.col("text").str.len_bytes() > LONGEST_CELL),
        (RowRule.CHARACTERS, pl.col("text").str.contains(_STRANGE)),
        (RowRule.FORMULA, pl.col("text").str.contains(_FORMULA)),
        (RowRule.DECIMAL_COMMA, pl.col("text").str.contains(_DECIMAL_COMMA)),
        (rule, pl.lit(value=True)),
    ):
        hit = remaining.filter(test)
        if not hit.is_empty():
            found.append(Broken(column, name, hit["position"]))
            remaining = remaining.filter(~test)
        if remaining.is_empty():
            break
    return found


def _foreign(values: pl.Series, column: Number) -> dict[str, int]:
    """Count, per unit that senders confuse with ours, the numbers that are usual only in that unit."""
    if column.usual is None or not column.other_units:
        return {}
    low, high = column.usual
    unusual = values.filter(~values.is_between(low, high).fill_null(value=True))
    if unusual.is_empty():
        return {}
    return {
        other.unit: int((unusual * other.factor).is_between(low, high).sum()) for other in column.other_units
    }
