"""Violation cells to a quarantine, reasons and counts: every row ends up accepted or here, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.ingest.counts import FIRST_ROWS, RowCounts
from clinrisk.core.ingest.csv_file.lines import LINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.ingest.cells import ColumnValues, Violation
    from clinrisk.core.ingest.csv_file.lines import Lines

QUARANTINE_SCHEMA = {
    "row": pl.UInt32(),
    "rule": pl.String(),
    "column": pl.String(),
    "also": pl.String(),
    "raw": pl.String(),
}
"""`rule` and `column` are the first that the row breaks, `also` the others; `raw` is the line as it came,
for the data manager's eyes only."""


def valid_rows(rows: int, violations: Sequence[Violation]) -> pl.Series:
    """Return which rows break no rule."""
    keep = np.ones(rows, bool)
    for one in violations:
        keep[one.positions.to_numpy()] = False
    return pl.Series(keep)


def quarantine_frame(lines: Lines, violations: Sequence[Violation], first_row: int) -> pl.DataFrame:
    """Return one line per bad row: its number, the rules it breaks, and its raw text."""
    numbers = lines.cells[LINE]
    parts = [
        pl.DataFrame({LINE: numbers.gather(one.positions)}).with_columns(
            rule=pl.lit(str(one.rule)), column=pl.lit(one.column), order=pl.lit(order, pl.Int32)
        )
        for order, one in enumerate(violations)
    ]
    if lines.misshapen:
        parts.append(
            pl.DataFrame(
                {
                    LINE: pl.Series(list(lines.misshapen), dtype=pl.UInt32),
                    "rule": [str(rule) for rule in lines.misshapen.values()],
                }
            ).with_columns(column=pl.lit(""), order=pl.lit(0, pl.Int32))
        )
    if not parts:
        return pl.DataFrame(schema=QUARANTINE_SCHEMA)
    several = pl.concat_str("rule", pl.lit(":"), "column").str.strip_suffix(":")
    rows = (
        pl.concat(parts)
        .sort(LINE, "order")
        .group_by(LINE, maintain_order=True)
        .agg(
            pl.col("rule").first(),
            pl.col("column").first(),
            also=several.slice(1).str.join("; "),
        )
    )
    raw = pl.Series("raw", lines.raw(rows[LINE].to_list()), dtype=pl.String)
    return (
        rows.with_columns(row=(pl.col(LINE) + first_row).cast(pl.UInt32), raw=raw)
        .select(*QUARANTINE_SCHEMA)
        .cast(QUARANTINE_SCHEMA)  # type: ignore[arg-type]  # polars' stub wants the classes, not instances
    )


def count_rows(
    quarantine: pl.DataFrame,
    accepted: int,
    *,
    labelled: int = 0,
    missing: Mapping[str, int] | None = None,
    read: Mapping[str, ColumnValues] | None = None,
) -> RowCounts:
    """Count a chunk's rows, given its quarantine and how many rows were accepted."""
    reason = pl.concat_str("rule", pl.lit(":"), "column").str.strip_suffix(":").alias("reason")
    reasons = (
        quarantine.group_by(reason, maintain_order=True)
        .agg(n=pl.len(), first=pl.col("row").head(FIRST_ROWS))
        .sort("n", "reason", descending=[True, False])
    )
    numbers = {name: values for name, values in (read or {}).items() if values.measured}
    return RowCounts(
        rows=accepted + quarantine.height,
        accepted=accepted,
        quarantined=quarantine.height,
        labelled=labelled,
        missing=missing or {},
        reasons=dict(zip(reasons["reason"].to_list(), reasons["n"].to_list(), strict=True)),
        first_rows={name: tuple(first) for name, first in reasons.select("reason", "first").iter_rows()},
        measured={name: values.measured for name, values in numbers.items()},
        foreign={
            f"{name}:{unit}": n for name, values in numbers.items() for unit, n in values.foreign.items() if n
        },
    )
