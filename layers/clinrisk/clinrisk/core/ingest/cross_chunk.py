"""What the chunks of one file say of one another: which ids, or equal rows without ids, several of them hold.

Each chunk leaves a sheet of its rows' hashes, sorted (16 bytes a row). Sheets are compared range by range, so
that memory does not grow with the file. A chunk that shares ids with others is then read again with what they
say of them, by the same rule that holds within a chunk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.ingest.identity import CONTESTED, ELSEWHERE
from clinrisk.core.ingest.pseudonyms import RECORD_ID_BYTES, hex_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from clinrisk.core.ingest.pseudonyms import Words

RANGES = 256
"""A sheet is divided by the first byte of its hashes."""
TABLE_BYTES = (RANGES + 1) * 8
ROWS_AT_ONCE = 4_000_000
"""How many hashes of all sheets together are compared at a time: 64 MB, and twice that for sorting them."""

SHARED = {"record_id": pl.String(), "chunk": pl.UInt32()}


def sheet(seen: Words) -> bytes:
    """Return a chunk's hashes, each once and sorted, after a table of where each of 256 ranges begins."""
    high = seen[:, 0].byteswap()  # the first byte of the id decides, as in its text
    order = np.argsort(high, kind="stable")
    high, ordered = high[order], seen[order]
    starts = np.searchsorted(high >> np.uint64(56), np.arange(RANGES + 1, dtype=np.uint64))
    if len(high) and (high[1:] == high[:-1]).any():
        once = _unique(ordered)
        return sheet(once) if len(once) < len(seen) else starts.astype("<u8").tobytes() + ordered.tobytes()
    return starts.astype("<u8").tobytes() + ordered.tobytes()


def table_of(data: bytes) -> NDArray[np.int64]:
    """Return where each range of a sheet begins, in rows, from its first TABLE_BYTES bytes."""
    return np.frombuffer(data[:TABLE_BYTES], "<u8").astype(np.int64)


def spans(
    tables: Sequence[NDArray[np.int64]], at_once: int = ROWS_AT_ONCE
) -> Iterator[list[tuple[int, int]]]:
    """Yield, for one stretch of hashes after another, the bytes [start, end) of each sheet that hold it."""
    total = np.sum(tables, axis=0)
    first = 0
    while first < RANGES:
        last = int(np.searchsorted(total, total[first] + at_once, side="right")) - 1
        last = min(max(last, first + 1), RANGES)
        yield [
            (
                TABLE_BYTES + int(table[first]) * RECORD_ID_BYTES,
                TABLE_BYTES + int(table[last]) * RECORD_ID_BYTES,
            )
            for table in tables
        ]
        first = last


def shared(parts: Sequence[bytes]) -> pl.DataFrame:
    """Return the record ids that several chunks hold, with each chunk, given a stretch of every sheet."""
    words = np.concatenate([np.frombuffer(part, "<u8").reshape(-1, 2) for part in parts])
    chunks = np.repeat(
        np.arange(len(parts), dtype=np.uint32), [len(part) // RECORD_ID_BYTES for part in parts]
    )
    order = np.argsort(words[:, 0], kind="stable")
    ordered = words[order, 0]
    twice = ordered[1:] == ordered[:-1]
    candidates = np.zeros(len(words), bool)
    candidates[order[1:][twice]] = candidates[order[:-1][twice]] = True
    frame = pl.DataFrame(
        [hex_of(words[candidates]), pl.Series("chunk", chunks[candidates], dtype=pl.UInt32)], schema=SHARED
    )
    return frame.filter(pl.len().over("record_id") > 1).sort("record_id", "chunk")


def contents(features: pl.DataFrame, wanted: pl.Series) -> pl.DataFrame:
    """Return, for the wanted ids of a chunk, a hash of all that their row says beside its number."""
    rows = features.filter(pl.col("record_id").is_in(wanted.implode()))
    values = rows.drop("record_id", "row")
    return pl.DataFrame([rows["record_id"], values.hash_rows().alias("content")])


def verdicts(
    found: pl.DataFrame,
    contested: Mapping[int, pl.DataFrame],
    said: Mapping[int, pl.DataFrame],
) -> dict[int, pl.DataFrame]:
    """Return, per chunk that must be read again, what the other chunks say of its ids.

    `found` holds all shared ids; `contested` and `said` what `identity.repeated` and `contents` gave per
    chunk (nothing in `said` where rows carry no id: equal rows without an id are different patients).
    """
    several = _stacked(contested, CONTESTED)
    content = _stacked(said, {"record_id": pl.String(), "content": pl.UInt64()})
    place = ["record_id", "chunk"]
    told = (
        found.join(several, on=place, how="left", maintain_order="left")
        .join(content, on=place, how="left", maintain_order="left")
        .sort(place)
        .with_columns(pl.col("occurrences").fill_null(1), pl.col("conflicting").fill_null(value=False))
        .with_columns(
            before=pl.col("occurrences").cum_sum().over("record_id") - pl.col("occurrences"),
            conflicting=pl.col("conflicting").any().over("record_id")
            | (pl.col("content").drop_nulls().n_unique().over("record_id") > 1),
        )
        .filter((pl.col("before") > 0) | pl.col("conflicting"))
        .select("chunk", *ELSEWHERE)
    )
    return {
        int(chunk): rows.drop("chunk").cast(ELSEWHERE)  # type: ignore[arg-type]  # see identity.py
        for (chunk,), rows in told.partition_by("chunk", as_dict=True, maintain_order=True).items()
    }


def moved(elsewhere: pl.DataFrame, contested: pl.DataFrame) -> int:
    """Return how many rows a chunk with hospital ids will lose: one per id that it had kept."""
    gone = contested.filter("conflicting")["record_id"]
    return elsewhere.height - int(elsewhere["record_id"].is_in(gone.implode()).sum())


def _stacked(frames: Mapping[int, pl.DataFrame], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Put frames of several chunks under one another, with the chunk's number."""
    parts: Iterable[pl.DataFrame] = [
        frame.with_columns(chunk=pl.lit(chunk, pl.UInt32)) for chunk, frame in frames.items()
    ]
    return pl.concat([pl.DataFrame(schema={**schema, "chunk": pl.UInt32()}), *parts])


def _unique(ordered: Words) -> Words:
    """Keep the first of equal hashes."""
    kept = pl.DataFrame({"a": ordered[:, 0], "b": ordered[:, 1]}).unique(maintain_order=True)
    return np.column_stack([kept["a"].to_numpy(), kept["b"].to_numpy()])
