"""The types of a table's columns, held against the contract: what differs is a problem, and never cast.

A code may be stored as text or by a dictionary (Arrow's, pandas' and polars' categories); one that is a whole
number also as a number. An id may be text or a whole number. A day is a date or text, never a timestamp:
which day that is depends on a time zone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from clinrisk.core.ingest.answers.answer_columns import REPLACES_CODE
from clinrisk.core.ingest.answers.labels import label_code
from clinrisk.core.ingest.csv_file.head import OUTCOME_COLUMNS
from clinrisk.core.ingest.csv_file.quotes import LONGEST_ROW
from clinrisk.core.ingest.rules import FileRule, Problem
from clinrisk.use_cases import feedback_codes
from clinrisk.use_cases.columns import Code
from clinrisk.use_cases.external_model import PREDICTED_AT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.use_cases.base import UseCase

_TEXT, _INTEGERS, _NUMBER, _DAY = "text", "whole numbers", "numbers", "dates"
_NOT_A_LINE_END = "\x1e"


def type_problems(schema: Mapping[str, pl.DataType], use_case: UseCase, purpose: str) -> list[Problem]:
    """Return the columns whose type is other than the contract's; columns that it does not know pass.

    >>> from clinrisk import use_cases
    >>> types = {"age": pl.String(), "bmi": pl.Float32()}
    >>> [found] = type_problems(types, use_cases.get("stroke"), "training")
    >>> found.reason, found.detail
    ('column_type_differs:age', 'text, where numbers are agreed')
    """
    agreed = _agreed(use_case, purpose)
    return [
        Problem(FileRule.TYPE_DIFFERS, (name,), f"{stored}, where {' or '.join(agreed[name])} are agreed")
        for name, kind in schema.items()
        if name in agreed and (stored := _kind(kind)) not in {*_fitting(agreed[name]), ""}
    ]


def as_text(schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """Return the columns as cells of a CSV: one line per row, a huge cell cut where it is known too long."""
    return [_clipped(name) if _kind(kind) == _TEXT else pl.col(name) for name, kind in schema.items()]


def _clipped(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String).str.slice(0, LONGEST_ROW + 1)
    text = text.str.replace_all("[\r\n]", _NOT_A_LINE_END)
    return pl.when(text != "").then(text).alias(name)


def _agreed(use_case: UseCase, purpose: str) -> dict[str, tuple[str, ...]]:
    """Return the kinds of values that each column may have."""
    if purpose == "feedback":
        return {
            name: (_DAY, _TEXT) if name == "date" else (_TEXT, _INTEGERS) for name in feedback_codes.COLUMNS
        }
    label = _of_code(label_code(use_case.label))
    if purpose == "outcomes":
        id_column, label_column, date_column = OUTCOME_COLUMNS
        return {
            id_column: (_TEXT, _INTEGERS),
            label_column: label,
            date_column: (_DAY, _TEXT),
            REPLACES_CODE.name: _of_code(REPLACES_CODE),
        }
    agreed: dict[str, tuple[str, ...]] = {
        column.name: _of_code(column) if isinstance(column, Code) else (_NUMBER,)
        for column in use_case.file_columns
    }
    ids = [name for name in (use_case.id_column, use_case.optional_id_column) if name]
    agreed |= dict.fromkeys(ids, (_TEXT, _INTEGERS)) | {use_case.label.column: label}
    return agreed | {PREDICTED_AT: (_DAY, _TEXT)}


def _of_code(code: Code) -> tuple[str, ...]:
    return (_NUMBER, _TEXT) if code.numeric else (_TEXT,)


def _fitting(kinds: tuple[str, ...]) -> set[str]:
    return {*kinds, *((_INTEGERS,) if _NUMBER in kinds else ())}


def _kind(kind: pl.DataType) -> str:
    """Return what a type holds, in words; "" where every value is absent, which fits everywhere."""
    if isinstance(kind, pl.Null):
        return ""
    if isinstance(kind, (pl.String, pl.Categorical, pl.Enum)):
        return _TEXT
    if kind.is_integer():
        return _INTEGERS
    if kind.is_float() or isinstance(kind, pl.Decimal):
        return _NUMBER
    others = {
        pl.Date: _DAY,
        pl.Datetime: "timestamps",
        pl.Boolean: "true and false",
        pl.Binary: "bytes",
        pl.Time: "times of day",
        pl.Duration: "durations",
    }
    return next((words for one, words in others.items() if isinstance(kind, one)), "nested values")
