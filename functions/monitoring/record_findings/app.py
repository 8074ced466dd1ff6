"""Record Findings: keep what all checks found, remember what is known, and choose what to do about it.

AWS calls: s3:PutObject on Lake (findings/); dynamodb:GetItem, dynamodb:Query, dynamodb:PutItem on Findings;
events:PutEvents on the default bus; s3:ListBucket, s3:GetObject, s3:PutObject on Audit (the ledger);
kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET, AUDIT_BUCKET, FINDINGS_TABLE.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.monitoring import RecordRequest, RecordResult
from clinrisk.services.monitoring import record_findings


@step(RecordRequest)
def handler(request: RecordRequest) -> RecordResult:
    """Return the response, the mail about it, and where the findings are kept."""
    return record_findings.record(request, datetime.now(UTC))
