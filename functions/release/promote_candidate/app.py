"""Promote Candidate: check the recorded decision, hash everything again, then move the live pointer.

AWS calls: dynamodb:GetItem, UpdateItem, Query on Approvals; states:SendTaskFailure; dynamodb:GetItem,
TransactWriteItems (PutItem) on Deployments; dynamodb:Query on Uploads; s3:GetObject on Lake (candidates/,
training/, code/) and Results (reports/); sagemaker:DescribeModelPackage; s3:ListBucket, s3:GetObject,
s3:PutObject on Audit (the ledger); kms:Verify (DecisionKey); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: APPROVALS_TABLE, DEPLOYMENTS_TABLE, UPLOADS_TABLE, DECISION_KEY, LAKE_BUCKET, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.release import PromoteRequest, PromoteResult
from clinrisk.services.release import promote_candidate


@step(PromoteRequest)
def handler(request: PromoteRequest) -> PromoteResult:
    """Return the version that is live now, and the mail that says so."""
    return promote_candidate.promote(request, datetime.now(UTC))
