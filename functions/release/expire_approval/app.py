"""Expire Approval: close a question that nobody answered in time, so that a late answer is told so.

A decision that was recorded and never reached the workflow is completed in the ledger, as one that came too
late.

AWS calls: dynamodb:GetItem, UpdateItem on Approvals; s3:PutObject on Audit (ledger/<use case>/decisions/);
kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: APPROVALS_TABLE, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.tables import approvals
from clinrisk.aws.tables.uploads import stamp
from clinrisk.aws.telemetry import Metric, emit, step
from clinrisk.messages import ExpireRequest, ExpireResult
from clinrisk.services.release import undelivered


@step(ExpireRequest)
def handler(request: ExpireRequest) -> ExpireResult:
    """Give the reason why nothing was released."""
    approval_id = approvals.of_run(request.run_id).approval_id
    expired = approvals.expire(approval_id)
    emit(Metric.APPROVALS_EXPIRED, expired, use_case=request.use_case)
    approval = approvals.find(approval_id)
    if approval.status == approvals.EXPIRED:
        return ExpireResult(reason="Nobody decided in time.")
    if approval.unfinished:
        undelivered.close(approval, stamp(datetime.now(UTC)))
    return ExpireResult(reason="A decision was recorded, but it did not reach the training run in time.")
