"""The columns of a file: numbers with units, codes with meanings, and the model inputs that they become.

Standard library only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

# "Not measured" in every column, however capitalised, unless the text is one of the column's codes: what R,
# SAS, SQL, pandas and spreadsheets write. A column adds its own numbers (cholesterol 0).
MISSING_MARKERS = (
    "", "?", "-", "--", ".", "#N/A", "#NA", "#NULL!", "(null)", "<NA>", "N/A", "NA", "NaN", "-NaN", "NaT",
    "nil", "None", "NULL", "\\N",
)  # fmt: skip
MARKER_NUMBERS = (-9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0)
"""Numbers by which senders often mean "not measured". They mean it only in a column that declares them; where
they are out of range, the message names them as likely markers."""


@dataclass(frozen=True)
class OtherUnit:
    """A unit that senders confuse with the agreed one: `value * factor` gives the agreed unit."""

    unit: str
    factor: float


@dataclass(frozen=True)
class Number:
    """A measured column: accepted from `low` to `high` inclusive, in `unit`."""

    name: str
    title: str
    low: float
    high: float
    unit: str
    missing: tuple[float, ...] = ()
    """Numbers that mean "not measured" in this column, in addition to the markers of every column."""
    essential: bool = False
    """Without it no risk is stated: such a row trains nothing, and a result says "not scored"."""
    least_filled: float = 0.75
    """The least share of a file's rows in which it must be measured."""
    commonest: float = 0.3
    """The largest share of patients, in any population it is meant for, who have one and the same value."""
    fractions: float = 0.0
    """The least share of values that have decimals, where decimals are the rule."""
    integer: bool = False
    missing_indicator: bool = False
    """Add a feature `<name>_missing`: being missing is informative."""
    usual: tuple[float, float] | None = None
    """The range of nearly every patient: it shows a column in another unit or of another magnitude."""
    other_units: tuple[OtherUnit, ...] = ()
    matters: float | None = None
    """The smallest shift of the mean that monitoring is to report, in `unit`; None for the default of all."""


@dataclass(frozen=True)
class Code:
    """A column of codes: `values` maps each accepted code, as written in the file, to its meaning.

    Codes that read as numbers (up to four digits) are compared as numbers, so that 1 and 1.0 are the same.
    """

    name: str
    title: str
    values: Mapping[str, str]
    missing: tuple[float, ...] = ()
    essential: bool = False
    least_filled: float = 0.75
    commonest: float = 1.0
    matters: float | None = None
    """The smallest share of patients with other codes that monitoring is to report; None for the default."""

    @cached_property
    def numeric(self) -> bool:
        """Whether every code of the column is a whole number."""
        return all(re.fullmatch(r"-?[0-9]{1,4}", code) for code in self.values)


Column = Number | Code


@dataclass(frozen=True)
class Feature:
    """One model input: a number as measured, or a 0/1 flag (a code, or being missing)."""

    name: str
    column: str
    kind: Literal["number", "flag", "missing"]
    title: str
    unit: str = ""
    code: str | None = None
    """For a flag: the code, as declared, that makes it 1."""
    low: float = 0.0
    high: float = 1.0


def feature_name(column: str, suffix: str = "") -> str:
    """Return the name of a model input in characters that the Feature Store accepts.

    >>> feature_name("smoking_status", "never smoked")
    'smoking_status_never_smoked'
    """
    return re.sub(r"[^A-Za-z0-9]+", "_", f"{column} {suffix}".strip()).strip("_")


def features_of(column: Column) -> tuple[Feature, ...]:
    """Return a column's model inputs: the number, one flag for two codes, a flag per code for more.

    >>> pain = Code("cp", "chest pain", {"1": "typical", "2": "atypical", "3": "none"})
    >>> [feature.name for feature in features_of(pain)]
    ['cp_1', 'cp_2', 'cp_3']
    """
    if isinstance(column, Number):
        number = Feature(
            feature_name(column.name),
            column.name,
            "number",
            column.title,
            column.unit,
            low=column.low,
            high=column.high,
        )
        if not column.missing_indicator:
            return (number,)
        name = feature_name(column.name, "missing")
        return (number, Feature(name, column.name, "missing", f"{column.title} not measured"))
    codes = list(column.values.items())
    if len(codes) == 2:
        code, meaning = codes[1]
        title = f"{column.title}: {meaning}"
        return (Feature(feature_name(column.name), column.name, "flag", title, code=code),)
    return tuple(
        Feature(feature_name(column.name, code), column.name, "flag", f"{column.title}: {meaning}", code=code)
        for code, meaning in codes
    )
