"""Join Outcomes: give predictions the labels that arrived for them, as labelled score profiles.

Every batch of the present contract is profiled anew from all outcomes known: a repeated or delayed delivery
ends in the same bytes.
It reads with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

import io

import polars as pl

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.core import object_keys
from clinrisk.core.scoring import outcomes
from clinrisk.messages.scoring import JoinRequest, JoinResult


def join(request: JoinRequest) -> JoinResult:
    """Return how many of this upload's records had been scored, and how many had not."""
    use_case = use_cases.get(request.upload.use_case)
    arrived = arrived_outcomes(use_case.name)
    labels = outcomes.latest(list(arrived.values()))
    named = set(arrived[request.upload.upload_id]["record_id"])
    scored: set[str] = set()
    columns = ["record_id", "risk", "flagged", *use_case.group_columns]
    for batch in uploads.used(use_case.name, "inference"):
        if batch.schema_version != use_case.schema_version:
            continue
        predictions = _predictions(use_case.name, batch.upload_id, columns)
        if predictions is None:
            continue
        scored |= named.intersection(predictions["record_id"])
        profile = outcomes.join(use_case, predictions, labels)
        if profile is not None:
            key = object_keys.joined(use_case.name, batch.upload_id)
            s3.store_json(settings().lake_bucket, key, profile.to_dict())
    return JoinResult(joined=len(scored), unmatched=len(named) - len(scored))


def arrived_outcomes(use_case: str) -> dict[str, pl.DataFrame]:
    """Read every outcomes upload whose rows count, as they arrived: upload id -> record_id, label."""
    bucket = settings().lake_bucket
    frames = {}
    for upload in uploads.by_arrival(uploads.used(use_case, "outcomes")):
        first = object_keys.outcomes(use_case, upload.upload_id, 0)
        keys = s3.keys_under(bucket, first.rpartition("/")[0] + "/")
        if keys:
            frames[upload.upload_id] = pl.concat([_read(key, ["record_id", "label"]) for key in keys])
    return frames


def _predictions(use_case: str, upload_id: str, columns: list[str]) -> pl.DataFrame | None:
    """Read the named columns of a scored upload's predictions, or None while it is not scored."""
    key = object_keys.predictions(use_case, upload_id)
    return _read(key, columns) if s3.keys_under(settings().lake_bucket, key) else None


def _read(key: str, columns: list[str]) -> pl.DataFrame:
    data = s3.fetch_current(s3.uri_of(settings().lake_bucket, key))
    return pl.read_parquet(io.BytesIO(data), columns=columns)
