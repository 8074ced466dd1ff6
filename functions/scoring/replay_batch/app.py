"""Replay Batch: plans how published results are made again, and compares them with what was published.

AWS calls: s3:ListBucket on Lake (features/, vault/, transform/); s3:GetObject on Lake (replays/, vault/,
candidates/, code/); s3:ListBucketVersions and s3:GetObjectVersion on Results (results/); dynamodb:GetItem on
Uploads and Deployments; kms:Verify (DecisionKey); sagemaker:DescribeModel; s3:ListBucket, s3:GetObject,
s3:PutObject on Audit (the ledger); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET, RESULTS_BUCKET, AUDIT_BUCKET, UPLOADS_TABLE, DEPLOYMENTS_TABLE, DECISION_KEY.
Layers: Clinrisk, Frames.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.scoring import ReplayBatchRequest, ReplayComparison, ReplayPlan
from clinrisk.services.scoring import replay_batch


@step(ReplayBatchRequest)
def handler(request: ReplayBatchRequest) -> ReplayPlan | ReplayComparison:
    """Return what the replay of a batch reads, or what it found."""
    if request.about == "plan":
        return replay_batch.plan(request)
    return replay_batch.compare(request, datetime.now(UTC))
