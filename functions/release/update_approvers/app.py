"""Update Approvers: who may decide; for the administrator's command `clinrisk approvers`.

AWS calls: dynamodb:Query, GetItem, UpdateItem, TransactWriteItems (PutItem, DeleteItem) on Approvers;
sns:Subscribe, ConfirmSubscription, ListSubscriptionsByTopic, Unsubscribe, Publish on Approvals;
kms:GenerateMac (SigningKey); kms:Encrypt (ApproverKey); dynamodb:Query, GetItem on Approvals; s3:ListBucket,
s3:GetObject on Lake (comparisons/); s3:ListBucket, s3:GetObject, s3:PutObject on Audit (the ledger);
kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: APPROVERS_TABLE, APPROVALS_TABLE, APPROVALS_TOPIC, SIGNING_KEY, APPROVER_KEY, APPROVAL_API_URL,
LAKE_BUCKET, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.release import UpdateApproversRequest, UpdateApproversResult
from clinrisk.services.release import update_approvers


@step(UpdateApproversRequest)
def handler(request: UpdateApproversRequest) -> UpdateApproversResult:
    """Return the approver as they are after the change."""
    return update_approvers.update(request, datetime.now(UTC))
