"""Rows that break a rule as a row, by their cells together, and the facts by which a column is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from clinrisk.core.ingest.cells import Violation
from clinrisk.core.ingest.csv_file.lines import LINE
from clinrisk.core.ingest.quarantine import valid_rows
from clinrisk.core.ingest.rules import HARMLESS, NOBODY, RowRule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.ingest.cells import ColumnValues
    from clinrisk.core.ingest.csv_file.lines import Lines
    from clinrisk.use_cases.base import UseCase


def repeated_headers(lines: Lines) -> list[Violation]:
    """Return the lines that repeat the header, as files that were put one after the other have them."""
    if lines.unparsed.is_empty():
        return []
    cells = lines.unparsed_cells
    first, second = [name for name in cells.columns if name != LINE][:2]
    # A file that was appended to another one brings its byte order mark along.
    repeated = (cells[second] == second) & (cells[first].str.strip_chars_start("\ufeff") == first)
    return [Violation("", RowRule.REPEATED_HEADER, lines.unparsed.filter(repeated))] if repeated.any() else []


def nothing_measured(read: Mapping[str, ColumnValues]) -> list[Violation]:
    """Return the rows in which every value is missing, and none violates a rule."""
    if not all(values.values.null_count() for values in read.values()):
        return []
    nothing = pl.DataFrame([values.values.is_null().alias(name) for name, values in read.items()])
    empty = nothing.select(pl.all_horizontal(pl.all())).to_series()
    empty &= valid_rows(len(empty), [one for values in read.values() for one in values.violations])
    return [Violation("", RowRule.EMPTY_ROW, empty.arg_true())] if empty.any() else []


def essential_missing(read: Mapping[str, ColumnValues], use_case: UseCase) -> list[Violation]:
    """Return the rows that lack a value without which no risk is stated, per column."""
    found = []
    for name in use_case.essential:
        values = read[name].values
        if values.null_count():
            absent = values.is_null() & valid_rows(len(values), read[name].violations)
            found.append(Violation(name, RowRule.ESSENTIAL_MISSING, absent.arg_true()))
    return found


def column_facts(
    read: Mapping[str, ColumnValues],
    violations: Sequence[Violation],
    label: pl.Series | None,
    keep: pl.Series,
) -> dict[str, int]:
    """Return what shows a fault of a column, and how the outcomes of lost rows differ (`RowCounts.facts`)."""
    nobody = sum(one.positions.len() for one in violations if one.rule in NOBODY)
    facts = {"read": len(keep) - nobody}
    facts |= {f"{fact}:{name}": n for name, values in read.items() for fact, n in values.facts.items()}
    for header in (one for one in violations if one.rule is RowRule.REPEATED_HEADER):
        # A name is not a value, so it was counted as impossible in every column.
        for name in read:
            facts[f"filled:{name}"] -= header.positions.len()
            facts[f"impossible:{name}"] -= header.positions.len()
    if label is not None:
        harmless = [one for one in violations if one.rule in HARMLESS]
        lost = ~keep & valid_rows(len(keep), harmless)
        for name, rows in (("used", keep), ("lost", lost)):
            outcomes = label if rows.all() else label.filter(rows)
            facts |= {name: outcomes.len() - outcomes.null_count(), f"{name}_ill": int(outcomes.sum())}
    return facts
