"""The built chunks of a file, compared: which of them must be built again, and whether the file is used.

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
from clinrisk.core.ingest.counts import RowCounts, add_counts
from clinrisk.core.ingest.identity import REPEATED_IDS
from clinrisk.core.ingest.rules import RowRule
from clinrisk.core.ingest.verdict import decide
from clinrisk.messages import Disposition, ReconcileResult, Reconciliation
from clinrisk.services.ingest import chunk_records
from clinrisk.services.ingest.build_features import frame, store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.messages import BuiltChunk, Reference, Upload

_THREADS = 32


def reconcile(upload: Upload) -> ReconcileResult:
    """Store what each chunk has to be told of the others, and say whether the upload will be used."""
    use_case = use_cases.get(upload.use_case)
    built = [chunk_records.built(upload, chunk) for chunk in chunk_records.plan(upload)]
    own_ids = use_case.id_column is not None or upload.purpose == "outcomes"
    told, lost = _elsewhere(upload, built, own_ids=own_ids) if len(built) > 1 else ({}, 0)
    counts = add_counts(RowCounts(**chunk.counts.model_dump()) for chunk in built)
    used = decide(_without(counts, lost), use_case).disposition != Disposition.REJECTED
    chunk_records.store_reconciliation(upload, Reconciliation(used=used, elsewhere=told))
    return ReconcileResult(used=used, finish=used or bool(told))


def _elsewhere(
    upload: Upload, built: Sequence[BuiltChunk], *, own_ids: bool
) -> tuple[dict[int, Reference], int]:
    """Store what the chunks that share ids are told; also give how many rows they will lose by it."""
    found = _shared(built)
    if found.is_empty():
        return {}, 0
    affected = found["chunk"].unique().sort().to_list()
    contested = {index: _contested(built[index]) for index in affected}
    said = {
        # One chunk's rows at a time are in memory.
        index: cross_chunk.row_hashes(
            frame(s3.fetch(built[index].features)), found.filter(chunk=index)["record_id"]
        )
        for index in affected
        if own_ids
    }
    told, lost = {}, 0
    for index, rows in cross_chunk.duplicates_in_other_chunks(found, contested, said).items():
        key = object_keys.chunk_part(upload.use_case, upload.upload_id, "elsewhere", index) + ".parquet"
        told[index] = store(key, rows)
        lost += cross_chunk.count_lost_rows(rows, contested[index]) if own_ids else 0
    return told, lost


def _shared(built: Sequence[BuiltChunk]) -> pl.DataFrame:
    """Find the ids that lie in several chunks, one stretch of hashes after another."""
    sheets = [chunk.sheet.uri for chunk in built if chunk.sheet is not None]
    with ThreadPoolExecutor(_THREADS) as threads:
        read = s3.read_part
        tables = threads.map(
            lambda uri: cross_chunk.range_starts(read(uri, 0, cross_chunk.RANGE_TABLE_BYTES)), sheets
        )
        found = [
            cross_chunk.shared_ids(list(threads.map(lambda uri, span: read(uri, *span), sheets, stretch)))
            for stretch in cross_chunk.byte_ranges(list(tables))
        ]
    return pl.concat(found)


def _contested(chunk: BuiltChunk) -> pl.DataFrame:
    return pl.DataFrame(schema=REPEATED_IDS) if chunk.contested is None else frame(s3.fetch(chunk.contested))


def _without(counts: RowCounts, lost: int) -> RowCounts:
    """Move rows that will be set aside once their chunks are built again: enough to see whether all is."""
    reason = str(RowRule.ID_REPEATED)
    return replace(
        counts,
        accepted=counts.accepted - lost,
        quarantined=counts.quarantined + lost,
        reasons={**counts.reasons, reason: counts.reasons.get(reason, 0) + lost},
    )
