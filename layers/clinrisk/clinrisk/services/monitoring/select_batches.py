"""Select Batches: the newest batches that the live model scored, and all of them that have outcomes."""

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
from clinrisk.services.release.proofs import released

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.messages.ingest import Settlement
    from clinrisk.messages.message import Reference
    from clinrisk.messages.release import LiveModel

NEWEST = LIMITS.monitored_batches


def select(request: SelectRequest) -> BatchSelection:
    """Return the checks to run, and the addresses of what they compare: references and batches."""
    live = deployments.live(request.use_case)
    released.check(live)
    use_case = use_cases.get(request.use_case)
    settled = uploads.used(use_case.name, use_case.scored_purpose, newest_first=True)
    present = use_case.schema_version
    # What came before this model went live was scored by another one. What was read under another contract
    # than the model's, or than this code's, cannot be compared.
    scored = [
        upload
        for upload in settled
        if _free_since(upload) >= live.promoted_at and upload.schema_version == live.schema_version == present
    ]
    return BatchSelection(
        use_case=request.use_case,
        batches=tuple(
            _batch(request.use_case, upload, len(scored) - newer)
            for newer, upload in enumerate(scored[:NEWEST])
        ),
        reference_uri=live.reference_uri,
        evaluation_uri=live.evaluation_uri,
        live_version=live.live_version,
        checks=tuple(check.value for check in Check),
        with_outcomes=_with_outcomes(request.use_case, live.live_version, scored),
        new_training_rows=_arrived_since(live),
    )


def _arrived_since(live: LiveModel) -> int:
    """Return how many labelled patients have arrived for training since a model was approved.

    A rollback makes no model younger: its decision counts.
    """
    approved = live.promoted_at if live.decision is None else live.decision.decided_at
    return sum(
        upload.labelled_rows
        for upload in uploads.used(live.use_case, "training")
        if upload.settled_at > approved
    )


def _with_outcomes(use_case: str, live_version: int, scored: Sequence[Settlement]) -> Reference:
    """Store which batches have outcomes, with their month: a list of thousands does not fit into a state."""
    bucket = settings().lake_bucket
    joined = set(s3.keys_under(bucket, object_keys.joined_folder(use_case)))
    batches = [
        {"upload_id": upload.upload_id, "month": upload.settled_at[:7]}
        for upload in scored
        if object_keys.joined(use_case, upload.upload_id) in joined
    ]
    key = object_keys.batches_with_outcomes(use_case, live_version)
    return s3.store_json(bucket, key, {"batches": batches})


def _free_since(upload: Settlement) -> str:
    """Return since when a batch may be scored: since it was settled, or let through."""
    return max([upload.settled_at, *(one.decided_at for one in upload.decisions)])


def _batch(use_case: str, upload: Settlement, number: int) -> Batch:
    bucket = settings().lake_bucket
    return Batch(
        upload_id=upload.upload_id,
        key=upload.key,
        rows=upload.rows_accepted,
        rows_quarantined=upload.rows_quarantined,
        profile=s3.uri_of(bucket, object_keys.profile(use_case, upload.upload_id)),
        score_profile=_present(bucket, object_keys.score_profile(use_case, upload.upload_id)),
        joined=_present(bucket, object_keys.joined(use_case, upload.upload_id)),
        number=number,
    )


def _present(bucket: str, key: str) -> str | None:
    """Return the address of an object that is there."""
    return s3.uri_of(bucket, key) if key in s3.keys_under(bucket, key) else None
