"""Set Pause: begins a pause, in which no results of a use case go out, asks whether it may end, and ends it.

AWS calls: dynamodb:GetItem, PutItem, UpdateItem on Deployments; dynamodb:GetItem, PutItem, UpdateItem, Query
on Approvals; dynamodb:Query on Approvers; sns:Publish on Approvals; kms:GenerateMac (SigningKey); kms:Verify
(DecisionKey); states:SendTaskFailure; s3:ListBucket, s3:GetObject, s3:PutObject on Audit (the ledger);
kms:Decrypt, kms:GenerateDataKey (DataKey). Environment: DEPLOYMENTS_TABLE, APPROVALS_TABLE, APPROVERS_TABLE,
APPROVALS_TOPIC, SIGNING_KEY, DECISION_KEY, APPROVAL_API_URL, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.live_changes import ChangeResult, SetPauseRequest
from clinrisk.services.release import set_pause


@step(SetPauseRequest)
def handler(request: SetPauseRequest) -> ChangeResult:
    """Return the mail about the pause, or its end; none while an approver is asked."""
    return set_pause.set_pause(request, datetime.now(UTC))
