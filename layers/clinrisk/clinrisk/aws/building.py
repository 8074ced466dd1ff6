"""One chunk of a file to everything later steps read of it, each part stored under the upload's id.

It reads with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from clinrisk import places, use_cases
from clinrisk.aws import feature_store, objects
from clinrisk.aws.pseudonym_key import pseudonym_key
from clinrisk.aws.settings import settings
from clinrisk.aws.uploads import stamp
from clinrisk.ingest.chunk import read_chunk
from clinrisk.messages import BuildRequest, BuildResult, Counts, Reference, Upload

if TYPE_CHECKING:
    import polars as pl

    from clinrisk.ingest.chunk import Chunk
    from clinrisk.use_cases.base import UseCase

PARQUET = "application/vnd.apache.parquet"


def build(request: BuildRequest) -> BuildResult:
    """Read a chunk once and store what it became; training rows go to the Feature Store as well."""
    upload, index = request.upload, request.chunk.index
    use_case = use_cases.get(upload.use_case)
    data = objects.read_range(
        upload.bucket, upload.key, upload.version_id, request.chunk.start, request.chunk.end
    )
    chunk = read_chunk(
        data,
        use_case,
        upload.purpose,
        request.header,
        request.chunk.first_row,
        pseudonym_key(upload.use_case),
    )
    if upload.purpose == "training" and chunk.features.height:
        write_features(upload, use_case, chunk.features)
    return BuildResult(
        index=index,
        counts=Counts.model_validate(chunk.counts.to_dict()),
        features=_store(_features_key(upload, index), chunk.features),
        vault=_vault(upload, index, chunk),
        quarantine=_quarantine(upload, index, chunk),
        profile=_profile(upload, index, chunk),
    )


def write_features(upload: Upload, use_case: UseCase, features: pl.DataFrame) -> None:
    """Write a training chunk's rows to the feature group; written again, they are the same records."""
    # The object's own time: every delivery of the same version writes the same event time.
    arrived_at = objects.facts(upload.bucket, upload.key, upload.version_id).arrived_at
    shared = {
        "event_time": stamp(arrived_at),
        "upload_id": upload.upload_id,
        "schema_version": use_case.schema_version,
    }
    records = [feature_store.record(row | shared) for row in features.iter_rows(named=True)]
    feature_store.write(feature_store.group_name(settings().stack_name, use_case.name), records)


def _features_key(upload: Upload, index: int) -> str:
    if upload.purpose == "outcomes":
        return places.outcomes(upload.use_case, upload.upload_id, index)
    return places.features(upload.use_case, upload.purpose, upload.upload_id, index)


def _vault(upload: Upload, index: int, chunk: Chunk) -> Reference | None:
    # Only results go back to the hospital, so only inference needs the way back.
    if upload.purpose != "inference":
        return None
    return _store(places.chunk_vault(upload.use_case, upload.upload_id, index), chunk.vault)


def _quarantine(upload: Upload, index: int, chunk: Chunk) -> Reference | None:
    if not chunk.quarantine.height:
        return None
    return _store(places.quarantine(upload.use_case, upload.upload_id, index), chunk.quarantine)


def _profile(upload: Upload, index: int, chunk: Chunk) -> Reference | None:
    if chunk.profile is None:
        return None
    key = places.chunk_profile(upload.use_case, upload.upload_id, index)
    return objects.store_json(settings().lake_bucket, key, chunk.profile.to_dict())


def _store(key: str, frame: pl.DataFrame) -> Reference:
    stream = io.BytesIO()
    frame.write_parquet(stream, compression="zstd")
    return objects.store(settings().lake_bucket, key, stream.getvalue(), PARQUET)
