"""Expire Approval: close a question that nobody answered in time, so that a late answer is told so.

A decision that was recorded and never reached the workflow is completed in the ledger, as one that came too
late.

AWS calls: dynamodb:GetItem, UpdateItem on Approvals; s3:ListBucket, s3:GetObject, s3:PutObject on
Audit (the ledger); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: APPROVALS_TABLE, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.release import ExpireRequest, ExpireResult
from clinrisk.services.release import expire_approval


@step(ExpireRequest)
def handler(request: ExpireRequest) -> ExpireResult:
    """Return the reason why nothing was released."""
    return expire_approval.expire(request, datetime.now(UTC))
