"""Labels: a column of outcomes as 0 and 1, in training files and in files of outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from clinrisk.core.ingest.cells import Violation, read_code
from clinrisk.core.ingest.quarantine import valid_rows
from clinrisk.core.ingest.rules import RowRule
from clinrisk.use_cases.columns import Code

if TYPE_CHECKING:
    from clinrisk.core.ingest.csv_file.lines import Lines
    from clinrisk.use_cases.base import Label


def read_label(lines: Lines, label: Label, column: str | None = None) -> tuple[pl.Series, list[Violation]]:
    """Return 0 or 1 per row, null where invalid, and the cells that hold no label."""
    name = column or label.column
    classes = list(label.classes.values())
    read = read_code(lines, label_code(label, name), RowRule.UNKNOWN_LABEL)
    labels = read.values.cast(pl.Int8)
    if classes != [0, 1]:
        table = dict(enumerate(classes))
        labels = read.values.replace_strict(table, default=None, return_dtype=pl.Int8)
    violations = list(read.violations)
    return labels, violations + missing_cells(name, labels, violations, RowRule.LABEL_MISSING)


def label_code(label: Label, column: str | None = None) -> Code:
    """Return the label as a column of codes."""
    return Code(column or label.column, label.title, dict.fromkeys(label.classes, ""), missing=(-9.0,))


def missing_cells(
    column: str, values: pl.Series, violations: list[Violation], rule: RowRule
) -> list[Violation]:
    """Return the cells that are missing where none may be: null without breaking a rule."""
    if not values.null_count():
        return []
    absent = values.is_null() & valid_rows(len(values), violations)
    return [Violation(column, rule, absent.arg_true())] if absent.any() else []
