"""Change Finding: carries out what a person decided about a finding of monitoring.

AWS calls: dynamodb:GetItem, dynamodb:PutItem on Findings; events:PutEvents on the default bus; s3:ListBucket,
s3:GetObject, s3:PutObject on Audit (the ledger); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: FINDINGS_TABLE, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.monitoring import ChangeFindingRequest, ChangeFindingResult
from clinrisk.services.monitoring import change_finding


@step(ChangeFindingRequest)
def handler(request: ChangeFindingRequest) -> ChangeFindingResult:
    """Return the mail about the change, or why nothing was changed."""
    return change_finding.change(request, datetime.now(UTC))
