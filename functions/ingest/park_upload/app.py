"""Park Upload: settle an upload that could not be processed as FAILED.

AWS calls: dynamodb:GetItem, TransactWriteItems (PutItem) on Uploads; states:DescribeExecution (of the ingest
workflow); s3:PutObject, s3:GetObject on Results (receipts/); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: UPLOADS_TABLE, RESULTS_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.ingest import ParkRequest, ParkResult
from clinrisk.services.ingest import park_upload


@step(ParkRequest)
def handler(request: ParkRequest) -> ParkResult:
    """Return the mail to the operators and the receipt."""
    return park_upload.park(request, datetime.now(UTC))
