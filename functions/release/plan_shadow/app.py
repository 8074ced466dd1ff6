"""Plan Shadow: which recent batches of the live model a waiting candidate scores too, or why none.

AWS calls: dynamodb:GetItem on Deployments, dynamodb:Query on Uploads; s3:ListBucket on Lake (predictions/).
Environment: DEPLOYMENTS_TABLE, UPLOADS_TABLE, LAKE_BUCKET.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.release import PlanShadowRequest, ShadowPlan
from clinrisk.services.release import plan_shadow


@step(PlanShadowRequest)
def handler(request: PlanShadowRequest) -> ShadowPlan:
    """Return the batches, newest first, and the version of the live model."""
    return plan_shadow.plan(request)
