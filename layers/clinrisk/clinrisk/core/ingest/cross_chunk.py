"""Duplicates between the chunks of one file: ids, or equal rows without ids, that several chunks hold.

Each chunk leaves a digest index: the hashes of its rows, sorted (16 bytes a row). Indexes are compared range
by range, so that memory does not grow with the file. A chunk that shares ids with others is then read again
with what they hold, by the same rule as within a chunk (`identity`). Storing the indexes is not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.ingest.identity import OTHER_CHUNKS, REPEATED_IDS
from clinrisk.core.ingest.pseudonyms import RECORD_ID_BYTES, hex_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from clinrisk.core.ingest.pseudonyms import Words

RANGES = 256
"""A digest index is divided by the first byte of its hashes."""
RANGE_TABLE_BYTES = (RANGES + 1) * 8
HASHES_AT_ONCE = 4_000_000
"""How many hashes of all indexes together are compared at a time: 64 MB, and twice that for sorting them."""

SHARED_IDS = pl.Schema({"record_id": pl.String(), "chunk": pl.UInt32()})
_ROW_HASHES = pl.Schema({"record_id": pl.String(), "content": pl.UInt64()})


def digest_index(hashes: Words) -> bytes:
    """Return a chunk's digest index: where each of 256 ranges begins, then each hash once, sorted."""
    high = hashes[:, 0].byteswap()  # the first byte of the id decides, as in its text
    order = np.argsort(high, kind="stable")
    high, ordered = high[order], hashes[order]
    if len(high) and (high[1:] == high[:-1]).any():
        distinct = _distinct(ordered)
        if len(distinct) < len(hashes):
            return digest_index(distinct)
    starts = np.searchsorted(high >> np.uint64(56), np.arange(RANGES + 1, dtype=np.uint64))
    return starts.astype("<u8").tobytes() + ordered.tobytes()


def range_starts(index: bytes) -> NDArray[np.int64]:
    """Return where each range of a digest index begins, in rows, from its first RANGE_TABLE_BYTES bytes."""
    return np.frombuffer(index[:RANGE_TABLE_BYTES], "<u8").astype(np.int64)


def byte_ranges(
    starts: Sequence[NDArray[np.int64]], at_once: int = HASHES_AT_ONCE
) -> Iterator[list[tuple[int, int]]]:
    """Yield the bytes [start, end) of each digest index that are compared together, range after range.

    `starts` holds `range_starts` of every index; each step covers at most `at_once` hashes, or one range.
    """
    total = np.sum(starts, axis=0)
    first = 0
    while first < RANGES:
        last = int(np.searchsorted(total, total[first] + at_once, side="right")) - 1
        last = min(max(last, first + 1), RANGES)
        yield [
            (
                RANGE_TABLE_BYTES + int(table[first]) * RECORD_ID_BYTES,
                RANGE_TABLE_BYTES + int(table[last]) * RECORD_ID_BYTES,
            )
            for table in starts
        ]
        first = last


def shared_ids(parts: Sequence[bytes]) -> pl.DataFrame:
    """Return the record ids that several chunks hold, each with its chunks, from one part of every index."""
    words = np.concatenate([np.frombuffer(part, "<u8").reshape(-1, 2) for part in parts])
    chunks = np.repeat(
        np.arange(len(parts), dtype=np.uint32), [len(part) // RECORD_ID_BYTES for part in parts]
    )
    order = np.argsort(words[:, 0], kind="stable")
    ordered = words[order, 0]
    twice = ordered[1:] == ordered[:-1]
    candidates = np.zeros(len(words), bool)
    candidates[order[1:][twice]] = candidates[order[:-1][twice]] = True
    chunk = pl.Series("chunk", chunks[candidates], dtype=pl.UInt32)
    frame = pl.DataFrame([hex_of(words[candidates]), chunk], schema=SHARED_IDS)
    return frame.filter(pl.len().over("record_id") > 1).sort("record_id", "chunk")


def row_hashes(features: pl.DataFrame, wanted: pl.Series) -> pl.DataFrame:
    """Return, for the wanted ids of a chunk, a hash of all values of their row but its number."""
    rows = features.filter(pl.col("record_id").is_in(wanted.implode()))
    values = rows.drop("record_id", "row")
    return pl.DataFrame([rows["record_id"], values.hash_rows().alias("content")])


def duplicates_in_other_chunks(
    found: pl.DataFrame,
    repeated_ids: Mapping[int, pl.DataFrame],
    hashes: Mapping[int, pl.DataFrame],
) -> dict[int, pl.DataFrame]:
    """Return, per chunk that must be read again, what the other chunks hold of its ids (OTHER_CHUNKS).

    `found` holds all shared ids; per chunk, `repeated_ids` holds `Duplicates.ids` and `hashes` holds
    `row_hashes`. Without ids `hashes` is empty: equal rows are then different patients.
    """
    keys = ["record_id", "chunk"]
    duplicates = (
        found.join(_stacked(repeated_ids, REPEATED_IDS), on=keys, how="left", maintain_order="left")
        .join(_stacked(hashes, _ROW_HASHES), on=keys, how="left", maintain_order="left")
        .sort(keys)
        .with_columns(pl.col("occurrences").fill_null(1), pl.col("conflicting").fill_null(value=False))
        .with_columns(
            before=pl.col("occurrences").cum_sum().over("record_id") - pl.col("occurrences"),
            conflicting=pl.col("conflicting").any().over("record_id")
            | (pl.col("content").drop_nulls().n_unique().over("record_id") > 1),
        )
        .filter((pl.col("before") > 0) | pl.col("conflicting"))
        .select("chunk", *OTHER_CHUNKS)
    )
    return {
        int(chunk): rows.drop("chunk").cast(OTHER_CHUNKS)
        for (chunk,), rows in duplicates.partition_by("chunk", as_dict=True, maintain_order=True).items()
    }


def count_lost_rows(other_chunks: pl.DataFrame, repeated_ids: pl.DataFrame) -> int:
    """Return how many more rows a chunk with hospital ids will lose: one per id that it had accepted."""
    lost_before = repeated_ids.filter("conflicting")["record_id"]
    return other_chunks.height - int(other_chunks["record_id"].is_in(lost_before.implode()).sum())


def _stacked(frames: Mapping[int, pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
    """Return the frames of several chunks as one, with the chunk's number."""
    parts: Iterable[pl.DataFrame] = [
        frame.with_columns(chunk=pl.lit(chunk, pl.UInt32)) for chunk, frame in frames.items()
    ]
    return pl.concat([pl.DataFrame(schema={**schema, "chunk": pl.UInt32()}), *parts])


def _distinct(ordered: Words) -> Words:
    """Return sorted hashes without repeats."""
    rows = pl.DataFrame({"a": ordered[:, 0], "b": ordered[:, 1]}).unique(maintain_order=True)
    return np.column_stack([rows["a"].to_numpy(), rows["b"].to_numpy()])
