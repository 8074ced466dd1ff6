"""Build Features: one chunk of a file to all that later steps read of it, stored under the upload's id.

It reads with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.kms import pseudonym_key
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.ingest import cross_chunk
from clinrisk.core.ingest.chunk import ParsedChunk, read_chunk
from clinrisk.messages.ingest import BuiltChunk, Chunk, Upload
from clinrisk.services.ingest import chunk_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.core.profiles.feature_profile import Profile
    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.messages.message import Reference

PARQUET = "application/vnd.apache.parquet"
_OWN_KEYS = {
    "outcomes": object_keys.outcomes,
    "feedback": object_keys.feedback,
    "predictions": object_keys.external_predictions,
}
"""The purposes whose rows nothing is trained or scored with, with the keys of their rows; they are dated."""


def build(
    upload: Upload, chunk: Chunk, header: Sequence[str], other_chunks: Reference | None = None
) -> BuiltChunk:
    """Read a chunk once and store what it became, with what other chunks hold of its ids where they do."""
    use_case = use_cases.get(upload.use_case)
    use_case.check_contract(upload.schema_version)
    version = (upload.bucket, upload.key, upload.version_id)
    made = read_chunk(
        s3.read_range(*version, chunk.start, chunk.end) if chunk.text is None else s3.fetch(chunk.text),
        use_case,
        upload.purpose,
        header,
        chunk.first_row,
        pseudonym_key(upload.use_case),
        None if other_chunks is None else frame(s3.fetch(other_chunks)),
        arrived_on=s3.facts(*version).arrived_at.date() if upload.purpose in _OWN_KEYS else None,
    )
    found = BuiltChunk(
        chunk=chunk,
        counts=made.counts,
        features=store(_features_key(upload, chunk.index), made.features),
        vault=_vault(upload, chunk.index, made),
        quarantine=_quarantine(upload, chunk.index, made),
        profile=_counts(upload, chunk.index, "profile", made.profile),
        scores=_counts(upload, chunk.index, "scores", made.scores),
        other_chunks=other_chunks,
        **_identities(upload, chunk, made),
    )
    chunk_records.store_built(upload, found)
    return found


def frame(data: bytes) -> pl.DataFrame:
    """Read a stored part of a chunk."""
    return pl.read_parquet(io.BytesIO(data))


def store(key: str, rows: pl.DataFrame) -> Reference:
    """Store a part of a chunk as Parquet."""
    stream = io.BytesIO()
    # Most bytes are record ids, which nothing makes smaller; dictionaries and bits do the rest. Statistics
    # serve searches that nobody makes.
    rows.write_parquet(stream, compression="uncompressed", statistics=False)
    return s3.store(settings().lake_bucket, key, stream.getvalue(), PARQUET)


def _features_key(upload: Upload, index: int) -> str:
    if upload.purpose in _OWN_KEYS:
        return _OWN_KEYS[upload.purpose](upload.use_case, upload.upload_id, index)
    return object_keys.features(upload.use_case, upload.purpose, upload.upload_id, index)


def _vault(upload: Upload, index: int, made: ParsedChunk) -> Reference | None:
    # Only results go back to the hospital, so only inference needs the way back.
    if upload.purpose != "inference":
        return None
    return store(object_keys.vault(upload.use_case, upload.upload_id, index), made.vault)


def _quarantine(upload: Upload, index: int, made: ParsedChunk) -> Reference | None:
    if not made.quarantine.height:
        return None
    return store(object_keys.quarantine(upload.use_case, upload.upload_id, index), made.quarantine)


def _counts(upload: Upload, index: int, part: str, counts: Profile | ScoreProfile | None) -> Reference | None:
    """Store the counts of a chunk, of its columns or of its risks, where it has any."""
    if counts is None:
        return None
    key = object_keys.chunk_part(upload.use_case, upload.upload_id, part, index) + ".json"
    return s3.store_json(settings().lake_bucket, key, counts.to_dict())


def _identities(upload: Upload, chunk: Chunk, made: ParsedChunk) -> dict[str, Reference]:
    """Store what the chunk's ids are compared by, where there is another chunk to compare them with."""
    if chunk.text is None and chunk.index == 0 and chunk.end == upload.size:
        return {}
    key = object_keys.chunk_part(upload.use_case, upload.upload_id, "digest-index", chunk.index) + ".bin"
    found = {
        "digest_index": s3.store(
            settings().lake_bucket, key, cross_chunk.digest_index(made.duplicates.hashes)
        )
    }
    if made.duplicates.ids.height:
        key = (
            object_keys.chunk_part(upload.use_case, upload.upload_id, "repeated-ids", chunk.index)
            + ".parquet"
        )
        found["repeated_ids"] = store(key, made.duplicates.ids)
    return found
