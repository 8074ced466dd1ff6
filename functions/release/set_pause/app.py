"""Set Pause: begins or ends a pause, in which no results of a use case go out.

AWS calls: dynamodb:GetItem, PutItem, UpdateItem on Deployments; s3:ListBucket, s3:GetObject, s3:PutObject on
Audit (the ledger); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: DEPLOYMENTS_TABLE, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.release import ChangeResult, SetPauseRequest
from clinrisk.services.release import set_pause


@step(SetPauseRequest)
def handler(request: SetPauseRequest) -> ChangeResult:
    """Return the mail about the pause, or its end."""
    return set_pause.set_pause(request, datetime.now(UTC))
