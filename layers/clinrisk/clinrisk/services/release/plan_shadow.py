"""Plan Shadow: which recent batches of the live model a waiting candidate scores too, or why none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import deployments, uploads
from clinrisk.core import object_keys
from clinrisk.core.release import shadow
from clinrisk.messages.release import ShadowBatch, ShadowPlan

if TYPE_CHECKING:
    from clinrisk.messages.release import LiveModel, PlanShadowRequest


def plan(request: PlanShadowRequest) -> ShadowPlan:
    """Return the newest batches that the live model scored, until they hold enough patients, or why none."""
    live = deployments.current(request.use_case)
    if live is None:
        reason = "No model is live yet, so there is nothing to compare with."
        return ShadowPlan(champion_version=0, reason=reason)
    if live.feature_digest != request.feature_digest:
        reason = "The live model reads other features, so the candidate cannot score its batches."
        return ShadowPlan(champion_version=live.live_version, reason=reason)
    batches = _recent(live)
    reason = "" if batches else "The live model has scored no batch yet, so there was no patient to compare."
    return ShadowPlan(champion_version=live.live_version, batches=batches, reason=reason)


def _recent(live: LiveModel) -> tuple[ShadowBatch, ...]:
    bucket, rows = settings().lake_bucket, 0
    chosen: list[ShadowBatch] = []
    for upload in uploads.used(live.use_case, "inference", newest_first=True):
        enough = rows >= shadow.SHADOW_ROWS or len(chosen) == shadow.MOST_BATCHES
        # What came before this model went live was scored by another one.
        if enough or upload.settled_at < live.promoted_at:
            break
        key = object_keys.predictions(live.use_case, upload.upload_id)
        if key in s3.keys_under(bucket, key):
            uri = s3.uri_of(bucket, key)
            chosen.append(ShadowBatch(upload_id=upload.upload_id, rows=upload.rows_accepted, predictions=uri))
            rows += upload.rows_accepted
    return tuple(chosen)
