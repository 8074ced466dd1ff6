"""The columns of files besides measured ones: dated outcomes, what clinicians did, predictions of others.

The first two name patients by an id, which `core.ingest.chunk` reads.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import polars as pl

from clinrisk.core.ingest.answers.labels import missing_cells, read_label
from clinrisk.core.ingest.cells import Violation, read_code
from clinrisk.core.ingest.csv_file.head import OUTCOME_COLUMNS, REPLACES
from clinrisk.core.ingest.rules import RowRule
from clinrisk.use_cases import feedback_codes
from clinrisk.use_cases.columns import Code
from clinrisk.use_cases.external_model import MODEL_VERSION, PREDICTED_AT

if TYPE_CHECKING:
    from clinrisk.core.ingest.csv_file.lines import Lines
    from clinrisk.use_cases.base import Label

    Columns = tuple[list[pl.Series], list[Violation]]

_, _LABEL, _DAY = OUTCOME_COLUMNS
_EARLIEST = dt.date(1990, 1, 1)
_A_DAY = dt.timedelta(days=1)
"""A hospital's calendar may be a day ahead of the clock that stamps the arrival."""
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_VERSION = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,39})?$"
_TIME = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$"
REPLACES_CODE = Code(REPLACES, "whether the row replaces earlier ones", {"no": "no", "yes": "yes"})


def outcome_columns(lines: Lines, label: Label, arrived_on: dt.date | None) -> Columns:
    """Return label, date and replaces of each row, and the cells that are wrong."""
    labels, violations = read_label(lines, label, _LABEL)
    date, wrong = read_dates(lines, arrived_on)
    violations += wrong
    replaces = pl.repeat(value=False, n=lines.cells.height, eager=True)
    if REPLACES in lines.cells.columns:
        read = read_code(lines, REPLACES_CODE, RowRule.REPLACES_UNCLEAR)
        violations += read.violations
        replaces = (read.values == 1).fill_null(value=False)
    return [labels.alias("label"), date, replaces.alias(REPLACES)], violations


def feedback_columns(lines: Lines, arrived_on: dt.date | None) -> Columns:
    """Return response, reason (null where there is none), role and date of each row, and the wrong cells."""
    found: dict[str, pl.Series] = {}
    violations: list[Violation] = []
    for column in feedback_codes.CODES:
        read = read_code(lines, column, RowRule.FEEDBACK_CODE)
        violations += read.violations
        if column is not feedback_codes.REASON:
            violations += missing_cells(
                column.name, read.values, list(read.violations), RowRule.FEEDBACK_CODE
            )
        codes = dict(enumerate(column.values))
        found[column.name] = read.values.replace_strict(codes, default=None, return_dtype=pl.String)
    response, reason = found["response"], found["reason"]
    surplus = (reason.is_not_null() & (response != feedback_codes.OVERRIDDEN)).fill_null(value=False)
    if surplus.any():
        violations.append(Violation("reason", RowRule.REASON_UNEXPECTED, surplus.arg_true()))
    date, wrong = read_dates(lines, arrived_on)
    return [series.alias(name) for name, series in found.items()] + [date], violations + wrong


def prediction_columns(lines: Lines, arrived_on: dt.date | None) -> Columns:
    """Return the day of each prediction and the version of the model that made it, and the wrong cells.

    The version is "" where it is not stated.
    """
    day, violations = read_dates(lines, arrived_on, PREDICTED_AT, with_time=True)
    version = pl.repeat("", n=lines.cells.height, dtype=pl.String, eager=True)
    if MODEL_VERSION in lines.cells.columns:
        version = lines.cells[MODEL_VERSION].fill_null("").str.strip_chars(" \t")
        wrong = ~version.str.contains(_VERSION)
        if wrong.any():
            violations.append(Violation(MODEL_VERSION, RowRule.MODEL_VERSION, wrong.arg_true()))
    return [day.alias("predicted_on"), version.alias("model_version")], violations


def read_dates(
    lines: Lines, arrived_on: dt.date | None, column: str = _DAY, *, with_time: bool = False
) -> tuple[pl.Series, list[Violation]]:
    """Return the dates of a column, null where invalid, and the cells that are wrong.

    Of a moment (ISO 8601), where the column may have one, the day is kept.
    """
    text = lines.cells[column].str.strip_chars(" \t")
    if with_time:
        text = text.str.replace(_TIME, "")
    date = text.str.to_date("%Y-%m-%d", strict=False).alias(column)
    rules = (
        (RowRule.NOT_A_DATE, date.is_null() | ~text.str.contains(_DATE)),
        (RowRule.DATE_TOO_OLD, date < _EARLIEST),
        (RowRule.DATE_IN_FUTURE, date > (arrived_on or dt.date.max - _A_DAY) + _A_DAY),
    )
    return date, [
        Violation(column, rule, wrong.fill_null(value=False).arg_true())
        for rule, wrong in rules
        if wrong.any()
    ]
