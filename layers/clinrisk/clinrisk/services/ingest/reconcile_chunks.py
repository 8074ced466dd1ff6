"""Reconcile Chunks: which built chunks share ids and must be built again, and whether the file is used.

It reads with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.core import object_keys
from clinrisk.core.ingest import cross_chunk
from clinrisk.core.ingest.identity import REPEATED_IDS
from clinrisk.core.ingest.rules import RowRule
from clinrisk.core.ingest.verdict import add_counts, decide
from clinrisk.messages.ingest import Disposition, ReconcileResult, Reconciliation
from clinrisk.services.ingest import chunk_records
from clinrisk.services.ingest.build_features import frame, store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.messages.ingest import BuiltChunk, RowCounts, Upload
    from clinrisk.messages.message import Reference

_THREADS = 32


def reconcile(upload: Upload) -> ReconcileResult:
    """Store what other chunks hold of the ids of each chunk, and return whether the upload will be used."""
    use_case = use_cases.get(upload.use_case)
    built = [chunk_records.built(upload, chunk) for chunk in chunk_records.plan(upload)]
    own_ids = upload.purpose in {"outcomes", "feedback"} or any(
        chunk.counts.facts.get("ids") for chunk in built
    )
    other_chunks, lost = _compared(upload, built, own_ids=own_ids) if len(built) > 1 else ({}, 0)
    counts = add_counts(chunk.counts for chunk in built)
    used = decide(_without(counts, lost), use_case).disposition != Disposition.REJECTED
    chunk_records.store_reconciliation(upload, Reconciliation(used=used, other_chunks=other_chunks))
    return ReconcileResult(used=used, finish=used or bool(other_chunks))


def _compared(
    upload: Upload, built: Sequence[BuiltChunk], *, own_ids: bool
) -> tuple[dict[int, Reference], int]:
    """Store, per chunk that shares ids, what the others hold of them; also return how many rows it costs."""
    found = _shared(built)
    if found.is_empty():
        return {}, 0
    affected = found["chunk"].unique().sort().to_list()
    repeated_ids = {index: _repeated_ids(built[index]) for index in affected}
    hashes = {
        # One chunk's rows at a time are in memory.
        index: cross_chunk.row_hashes(
            frame(s3.fetch(built[index].features)), found.filter(chunk=index)["record_id"]
        )
        for index in affected
        if own_ids
    }
    stored, lost = {}, 0
    for index, rows in cross_chunk.duplicates_in_other_chunks(found, repeated_ids, hashes).items():
        key = object_keys.chunk_part(upload.use_case, upload.upload_id, "other-chunks", index) + ".parquet"
        stored[index] = store(key, rows)
        lost += cross_chunk.count_lost_rows(rows, repeated_ids[index]) if own_ids else 0
    return stored, lost


def _shared(built: Sequence[BuiltChunk]) -> pl.DataFrame:
    """Find the ids that lie in several chunks, one range of hashes after another."""
    indexes = [chunk.digest_index.uri for chunk in built if chunk.digest_index is not None]
    read, head = s3.read_part, cross_chunk.RANGE_TABLE_BYTES
    with ThreadPoolExecutor(_THREADS) as threads:
        starts = list(threads.map(lambda uri: cross_chunk.range_starts(read(uri, 0, head)), indexes))
        found = [
            cross_chunk.shared_ids(list(threads.map(lambda uri, span: read(uri, *span), indexes, ranges)))
            for ranges in cross_chunk.byte_ranges(starts)
        ]
    return pl.concat(found)


def _repeated_ids(chunk: BuiltChunk) -> pl.DataFrame:
    stored = chunk.repeated_ids
    return pl.DataFrame(schema=REPEATED_IDS) if stored is None else frame(s3.fetch(stored))


def _without(counts: RowCounts, lost: int) -> RowCounts:
    """Move the rows that will be quarantined once their chunks are built again."""
    reason = str(RowRule.ID_REPEATED)
    return replace(
        counts,
        accepted=counts.accepted - lost,
        quarantined=counts.quarantined + lost,
        reasons={**counts.reasons, reason: counts.reasons.get(reason, 0) + lost},
    )
