"""Roll Back Model: makes an earlier model live again, and recalls what later ones scored.

AWS calls: dynamodb:GetItem, TransactWriteItems (PutItem) on Deployments; dynamodb:GetItem, Query on Uploads;
dynamodb:GetItem, PutItem, UpdateItem, Query on Approvals; dynamodb:Query on Approvers; sns:Publish on
Approvals; kms:GenerateMac (SigningKey); states:SendTaskFailure; kms:Verify (DecisionKey);
sagemaker:DescribeModel; s3:GetObject on Lake (candidates/, training/); s3:ListBucket, s3:GetObject,
s3:PutObject on Results (results/) and on Audit (the ledger); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: APPROVALS_TABLE, APPROVERS_TABLE, APPROVALS_TOPIC, SIGNING_KEY, APPROVAL_API_URL,
DEPLOYMENTS_TABLE, UPLOADS_TABLE, DECISION_KEY, LAKE_BUCKET, RESULTS_BUCKET, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.live_changes import ChangeResult, RollBackRequest
from clinrisk.services.release import roll_back_model


@step(RollBackRequest)
def handler(request: RollBackRequest) -> ChangeResult:
    """Return the mail about what is live again."""
    return roll_back_model.roll_back(request, datetime.now(UTC))
