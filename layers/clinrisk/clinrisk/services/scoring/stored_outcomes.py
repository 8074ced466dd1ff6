"""Outcomes and predictions in the Lake, as frames."""

from __future__ import annotations

import io

import polars as pl

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.core import object_keys


def outcomes(use_case: str) -> dict[str, pl.DataFrame]:
    """Read every outcomes upload whose rows count, as they arrived: upload id -> record_id, label."""
    bucket = settings().lake_bucket
    frames = {}
    for upload in uploads.by_arrival(uploads.used(use_case, "outcomes")):
        first = object_keys.outcomes(use_case, upload.upload_id, 0)
        keys = s3.keys_under(bucket, first.rpartition("/")[0] + "/")
        if keys:
            frames[upload.upload_id] = pl.concat([_read(key, ["record_id", "label"]) for key in keys])
    return frames


def predictions(use_case: str, upload_id: str, columns: list[str]) -> pl.DataFrame | None:
    """Read the named columns of a scored upload's predictions, or None while it is not scored."""
    key = object_keys.predictions(use_case, upload_id)
    return _read(key, columns) if s3.keys_under(settings().lake_bucket, key) else None


def _read(key: str, columns: list[str]) -> pl.DataFrame:
    data = s3.fetch_current(s3.uri_of(settings().lake_bucket, key))
    return pl.read_parquet(io.BytesIO(data), columns=columns)
