"""Write Features: a chunk's rows into the Feature Store (training) or the transform's input (inference).

Nothing is written before the complete file is known to be used, and only what is proved to be what was
counted. It reads with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from clinrisk import use_cases
from clinrisk.aws import feature_store, offline_store, s3
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.timestamps import stamp
from clinrisk.errors import CountsDisagree
from clinrisk.messages.ingest import ChunkDone, WrittenChunk
from clinrisk.services.ingest import chunk_records
from clinrisk.services.ingest.build_features import build, frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.aws.feature_store import FeatureGroup
    from clinrisk.messages.ingest import BuiltChunk, Upload, WriteRequest
    from clinrisk.messages.message import Reference
    from clinrisk.use_cases.base import UseCase

_ROWS_AT_ONCE = 2_000


def write(request: WriteRequest) -> ChunkDone:
    """Build a chunk again if other chunks change it, and write its rows where they are used."""
    upload, index = request.upload, request.chunk.index
    use_case = use_cases.get(upload.use_case)
    use_case.check_contract(upload.schema_version)
    other_chunks = chunk_records.reconciliation(upload).other_chunks.get(index)
    if other_chunks is None:
        built = chunk_records.built(upload, request.chunk)
    else:
        built = build(upload, request.chunk, request.header, other_chunks)
    if request.used:
        rows = _proved(built)
        in_bulk = None
        if upload.purpose == "training" and rows.height:
            in_bulk = _fill_feature_store(upload, use_case, rows, index)
        elif upload.purpose == "inference" and rows.height:
            _store_batch(upload, use_case, rows, index)
        written = WrittenChunk(features=built.features, rows=rows.height, in_bulk=in_bulk)
        chunk_records.store_written(upload, index, written)
    return ChunkDone(index=index)


def _proved(built: BuiltChunk) -> pl.DataFrame:
    """Return the stored rows once they are shown to be those that were counted, each record once.

    The rows set aside are for the data manager alone: S3 checked their digest when they arrived.
    """
    rows = frame(s3.fetch(built.features))
    if rows.height != built.counts.accepted or bool(built.counts.quarantined) != bool(built.quarantine):
        message = f"Chunk {built.chunk.index} has {rows.height} rows stored, other than it counted."
        raise CountsDisagree(message)
    if rows["record_id"].n_unique() != rows.height:
        raise CountsDisagree(f"A record occurs more than once in chunk {built.chunk.index}.")
    return rows


def _fill_feature_store(
    upload: Upload, use_case: UseCase, rows: pl.DataFrame, index: int
) -> Reference | None:
    """Write a training chunk's rows to the feature group; written again, they are the same records.

    Gives the object that holds them where the file is large, or None where the service took them one by one.
    """
    # The object's own time: every delivery of the same version writes the same event time.
    arrived_at = stamp(s3.facts(upload.bucket, upload.key, upload.version_id).arrived_at)
    records = rows.with_columns(
        event_time=pl.lit(arrived_at),
        upload_id=pl.lit(upload.upload_id),
        schema_version=pl.lit(use_case.schema_version, pl.Int64),
    )
    group = feature_store.feature_group(settings().name_prefix, use_case)
    if upload.size <= feature_store.BULK_BYTES:
        _write_records(group, records)
        return None
    if group.online:
        _write_records(group, records, feature_store.ONLINE_ONLY)
    return offline_store.store_chunk(group, upload, index, records, arrived_at)


def _write_records(group: FeatureGroup, rows: pl.DataFrame, stores: Sequence[str] = ()) -> None:
    # A record takes a hundred times the memory of its row: some thousands at a time.
    for part in rows.cast({pl.Boolean: pl.Int8}).iter_slices(_ROWS_AT_ONCE):
        records = [feature_store.record(row) for row in part.iter_rows(named=True)]
        feature_store.write(group.name, records, stores)


def _store_batch(upload: Upload, use_case: UseCase, rows: pl.DataFrame, index: int) -> None:
    """Store what the batch transform scores: no header, the record id, then the model's inputs in order."""
    wanted = rows.select("record_id", *use_case.feature_names).cast({pl.Boolean: pl.Int8})
    key = object_keys.transform_input(upload.use_case, upload.upload_id, index)
    s3.store(settings().lake_bucket, key, wanted.write_csv(include_header=False).encode(), "text/csv")
