"""Plan Evaluation: the models of a run that was trained before, and the live model to hold them against.

AWS calls: s3:GetObject on Lake (training/*/plan/); s3:ListBucket on Lake (models/);
dynamodb:GetItem on Deployments; dynamodb:PutItem, Query on Uploads (HOLDOUT_USE);
kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: UPLOADS_TABLE, DEPLOYMENTS_TABLE, LAKE_BUCKET, NAME_PREFIX.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.training import PlanEvaluationRequest, PlanEvaluationResult
from clinrisk.services.training import plan_evaluation


@step(PlanEvaluationRequest)
def handler(request: PlanEvaluationRequest) -> PlanEvaluationResult:
    """Return the models, and what they are held against now."""
    return plan_evaluation.plan(request)
