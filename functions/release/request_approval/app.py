"""Request Approval: store the question with its task token, and mail each approver a link of their own.

AWS calls: dynamodb:GetItem on Deployments; dynamodb:Query on Uploads; dynamodb:TransactWriteItems
(PutItem), GetItem, UpdateItem, Query on Approvals; states:SendTaskFailure; kms:GenerateMac (SigningKey);
s3:ListBucket on Lake (comparisons/), s3:GetObject on Lake (comparisons/, training/); s3:ListBucket,
s3:GetObject, s3:PutObject on Audit (the ledger); dynamodb:Query on Approvers; sns:Publish,
ListSubscriptionsByTopic on Approvals; kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET, AUDIT_BUCKET, APPROVALS_TABLE, APPROVERS_TABLE, DEPLOYMENTS_TABLE, UPLOADS_TABLE,
APPROVALS_TOPIC, SIGNING_KEY, APPROVAL_API_URL, APPROVAL_TIMEOUT_HOURS.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.release import ApprovalAsked, ApprovalRequest
from clinrisk.services.release import request_approval


@step(ApprovalRequest)
def handler(request: ApprovalRequest) -> ApprovalAsked:
    """Return the id of the approval; the workflow itself waits for the task token."""
    return request_approval.request_approval(request, datetime.now(UTC))
