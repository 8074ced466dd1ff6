"""Claim Upload: decide whether a file in the inbox is ours to read, and settle it here when it is not.

AWS calls: s3:GetObjectVersion on Inbox (HeadObject, GetObject by version); dynamodb:GetItem, PutItem,
TransactWriteItems (PutItem, DeleteItem) on Uploads; states:DescribeExecution (of the ingest workflow);
s3:PutObject, s3:GetObject on Results (receipts/); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: UPLOADS_TABLE, RESULTS_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.ingest import ClaimRequest, ClaimResult
from clinrisk.services.ingest import claim_upload


@step(ClaimRequest)
def handler(request: ClaimRequest) -> ClaimResult:
    """Return CLAIMED with the upload, or how the file was settled."""
    return claim_upload.claim(request, datetime.now(UTC))
