"""The results file of a batch: risks, bands and factors under the hospital's own ids, part by part."""

from __future__ import annotations

import io
from dataclasses import dataclass

import polars as pl

from clinrisk.errors import CountsDisagree

COLUMNS = (
    "row",
    "id",
    "risk",
    "band",
    "flagged",
    "factor_1",
    "factor_2",
    "factor_3",
    "outside",
    "model_version",
    "data_version",
)


@dataclass(frozen=True)
class Results:
    """One part of the results file, its patients, and how many of them are flagged."""

    csv: bytes
    rows: int
    flagged: int


def results_of(presented: bytes, vault: bytes, *, header: bool) -> Results:
    """Return one part's rows joined by record id to its part of the vault (both Parquet).

    Raises CountsDisagree unless rows and ids match one to one.
    Where the hospital gives no ids, the record id takes their place: outcomes files name patients by it.
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
        pl.col("risk").round(6),
        pl.col("flagged").cast(pl.Int8),
    ).select(COLUMNS)
    return Results(
        csv=table.write_csv(include_header=header, line_terminator="\r\n").encode(),
        rows=table.height,
        flagged=int(table["flagged"].sum()),
    )
