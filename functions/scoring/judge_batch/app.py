"""Judge Batch: judges whether a batch is to be believed, before it is scored and before its risks go out.

AWS calls: s3:GetObject on Lake (profiles/, score-profiles/, candidates/); s3:ListBucket and s3:PutObject on
Results (results/); dynamodb:GetItem and dynamodb:PutItem on Uploads; dynamodb:GetItem on Deployments;
kms:Verify (DecisionKey); sagemaker:DescribeModel; s3:ListBucket, s3:GetObject, s3:PutObject on Audit (the
ledger); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET, RESULTS_BUCKET, AUDIT_BUCKET, UPLOADS_TABLE, DEPLOYMENTS_TABLE, DECISION_KEY.
Layers: Clinrisk, Numeric.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.scoring import JudgeBatchRequest, JudgeBatchResult
from clinrisk.services.scoring import judge_batch


@step(JudgeBatchRequest)
def handler(request: JudgeBatchRequest) -> JudgeBatchResult:
    """Return the verdict on the batch, and the mail where it is held."""
    return judge_batch.judge(request, datetime.now(UTC))
