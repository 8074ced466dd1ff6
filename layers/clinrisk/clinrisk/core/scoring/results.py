"""The results file of a batch: risks, bands and factors under the hospital's own ids, part by part.

Each row stands alone: what the risk was made with, what was not measured and what to be careful about are in
it. What holds for the file is in its sidecar (`results_sidecar`).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from clinrisk.core.scoring.results_sidecar import COLUMNS, NOT_SCORED, UNCERTAIN
from clinrisk.errors import CountsDisagree

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ResultCounts:
    """How many patients a results file holds, and of which kind; counts of parts add up."""

    rows: int = 0
    scored: int = 0
    flagged: int = 0
    uncertain: int = 0
    not_scored: int = 0

    def __add__(self, other: ResultCounts) -> ResultCounts:
        """Return the counts of both parts."""
        return ResultCounts(
            *(a + b for a, b in zip(self.__dict__.values(), other.__dict__.values(), strict=True))
        )


@dataclass(frozen=True)
class Results:
    """One part of the results file, and the counts of its patients."""

    csv: bytes
    counts: ResultCounts
    table: pl.DataFrame
    """The same rows, with the columns of the file."""


def results_of(presented: bytes, vault: bytes, of_file: Mapping[str, Any], *, header: bool) -> Results:
    """Return one part's rows joined by record id to its part of the vault (both Parquet).

    `of_file` gives the columns that are the same in every row. Raises CountsDisagree unless rows and ids
    match one to one. Where the hospital gives no ids, the record id takes their place: outcomes
    files name patients by it.
    """
    scored = pl.read_parquet(io.BytesIO(presented))
    ids = pl.read_parquet(io.BytesIO(vault), columns=["record_id", "source_id"])
    joined = scored.join(ids, on="record_id", validate="1:1").sort("row")
    if not scored.height == ids.height == joined.height:
        raise CountsDisagree(
            f"{scored.height} scored rows, {ids.height} known ids, {joined.height} of them match."
        )
    table = joined.with_columns(
        pl.coalesce("source_id", "record_id").alias("id"),
        pl.col("risk", "risk_low", "risk_high").round(6),
        # A 0 next to an uncertain risk would be read as an all-clear.
        pl.when(pl.col("flagged") | (pl.col("band") != UNCERTAIN)).then(pl.col("flagged")).cast(pl.Int8),
        *(pl.lit(value).alias(name) for name, value in of_file.items()),
    ).select(*COLUMNS)
    return Results(
        csv=table.write_csv(include_header=header, line_terminator="\r\n").encode(),
        counts=ResultCounts(
            rows=table.height,
            scored=table["risk"].count(),
            flagged=int(table["flagged"].sum()),
            uncertain=int((table["band"] == UNCERTAIN).sum()),
            not_scored=int((table["band"] == NOT_SCORED).sum()),
        ),
        table=table,
    )
