"""Decide Upload: carries out what a person decided about an upload, to let it through or to withdraw it.

AWS calls: dynamodb:GetItem, dynamodb:PutItem, dynamodb:DeleteItem and dynamodb:Query on Uploads;
s3:ListBucket and s3:PutObject on Results (results/); s3:ListBucket, s3:GetObject, s3:PutObject on Audit (the
ledger); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: UPLOADS_TABLE, INBOX_BUCKET, RESULTS_BUCKET, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.ingest import DecideRequest, DecideResult
from clinrisk.services.ingest import decide_upload


@step(DecideRequest)
def handler(request: DecideRequest) -> DecideResult:
    """Return what became of the decision, and what follows it."""
    return decide_upload.decide(request, datetime.now(UTC))
