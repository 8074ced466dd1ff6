"""Select Batches: the newest batches that the live model scored, by their stored profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments, uploads
from clinrisk.core import object_keys
from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.findings import Check
from clinrisk.messages.monitoring import Batch, BatchSelection, SelectRequest
from clinrisk.services.release import released

if TYPE_CHECKING:
    from clinrisk.messages.ingest import Settlement

NEWEST = LIMITS.monitored_batches


def select(request: SelectRequest) -> BatchSelection:
    """Return the checks to run, and the addresses of what they compare: references and up to 20 batches."""
    live = deployments.live(request.use_case)
    released.check(live)
    settled = uploads.used(request.use_case, "inference", newest_first=True)
    present = use_cases.get(request.use_case).schema_version
    # What came before this model went live was scored by another one. What was read under another contract
    # than the model's, or than this code's, cannot be compared.
    recent = [
        upload
        for upload in settled
        if _free_since(upload) >= live.promoted_at and upload.schema_version == live.schema_version == present
    ][:NEWEST]
    return BatchSelection(
        use_case=request.use_case,
        batches=tuple(_batch(request.use_case, upload) for upload in recent),
        reference_uri=live.reference_uri,
        evaluation_uri=live.evaluation_uri,
        live_version=live.live_version,
        checks=tuple(check.value for check in Check),
    )


def _free_since(upload: Settlement) -> str:
    """Return since when a batch may be scored: since it was settled, or let through."""
    return max([upload.settled_at, *(one.decided_at for one in upload.decisions)])


def _batch(use_case: str, upload: Settlement) -> Batch:
    bucket = settings().lake_bucket
    return Batch(
        upload_id=upload.upload_id,
        key=upload.key,
        rows=upload.rows_accepted,
        rows_quarantined=upload.rows_quarantined,
        profile=s3.uri_of(bucket, object_keys.profile(use_case, upload.upload_id)),
        score_profile=_present(bucket, object_keys.score_profile(use_case, upload.upload_id)),
        joined=_present(bucket, object_keys.joined(use_case, upload.upload_id)),
    )


def _present(bucket: str, key: str) -> str | None:
    """Return the address of an object that is there."""
    return s3.uri_of(bucket, key) if key in s3.keys_under(bucket, key) else None
