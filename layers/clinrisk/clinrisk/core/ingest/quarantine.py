"""The quarantine of a chunk: the rows that violate a rule, and the counts of all its rows.

Every row is either accepted or in the quarantine, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.ingest.csv_file.lines import LINE
from clinrisk.core.ingest.verdict import FIRST_ROWS
from clinrisk.messages.ingest import RowCounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.ingest.cells import Violation
    from clinrisk.core.ingest.csv_file.lines import Lines

QUARANTINE_SCHEMA = pl.Schema(
    {
        "row": pl.UInt32(),
        "rule": pl.String(),
        "column": pl.String(),
        "also": pl.String(),
        "raw": pl.String(),
    }
)
"""`rule` and `column` are the row's first violation, `also` lists the others; `raw` is the line as it came,
for the data manager only."""

_REASON = pl.concat_str("rule", pl.lit(":"), "column").str.strip_suffix(":").alias("reason")
"""A rule, with its column where it has one."""


def valid_rows(rows: int, violations: Sequence[Violation]) -> pl.Series:
    """Return which of so many rows have no violation."""
    keep = np.ones(rows, bool)
    for one in violations:
        keep[one.positions.to_numpy()] = False
    return pl.Series(keep)


def quarantine_frame(lines: Lines, violations: Sequence[Violation], first_row: int) -> pl.DataFrame:
    """Return one line per quarantined row (QUARANTINE_SCHEMA), numbered from `first_row`."""
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
    rows = (
        pl.concat(parts)
        .sort(LINE, "order")
        .group_by(LINE, maintain_order=True)
        .agg(
            pl.col("rule").first(),
            pl.col("column").first(),
            also=_REASON.slice(1).str.join("; "),
        )
    )
    raw = pl.Series("raw", lines.raw(rows[LINE].to_list()), dtype=pl.String)
    return (
        rows.with_columns(row=(pl.col(LINE) + first_row).cast(pl.UInt32), raw=raw)
        .select(*QUARANTINE_SCHEMA)
        .cast(QUARANTINE_SCHEMA)
    )


def count_rows(
    quarantine: pl.DataFrame,
    accepted: int,
    *,
    labelled: int = 0,
    not_scorable: int = 0,
    missing: Mapping[str, int] | None = None,
    facts: Mapping[str, int] | None = None,
) -> RowCounts:
    """Return the counts of a chunk from its quarantine and the number of accepted rows."""
    reasons = (
        quarantine.group_by(_REASON, maintain_order=True)
        .agg(n=pl.len(), first=pl.col("row").head(FIRST_ROWS))
        .sort("n", "reason", descending=[True, False])
    )
    return RowCounts(
        rows=accepted + quarantine.height,
        accepted=accepted,
        quarantined=quarantine.height,
        labelled=labelled,
        not_scorable=not_scorable,
        missing=missing or {},
        reasons=dict(zip(reasons["reason"].to_list(), reasons["n"].to_list(), strict=True)),
        first_rows={name: tuple(first) for name, first in reasons.select("reason", "first").iter_rows()},
        facts=facts or {},
    )
