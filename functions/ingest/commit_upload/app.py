"""Commit Upload: prove the counts, add up the profiles, and make the upload visible in one transaction.

AWS calls: s3:GetObjectVersion on Inbox (HeadObject); s3:GetObject on Lake (chunks/, offline-store/);
s3:ListBucket on Lake (offline-store/); sagemaker:DescribeFeatureGroup; s3:PutObject on Lake (profiles/);
s3:PutObject, s3:GetObject on Results (receipts/); dynamodb:GetItem, Query, TransactWriteItems (PutItem) on
Uploads; kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET, RESULTS_BUCKET, UPLOADS_TABLE, NAME_PREFIX. Layers: Clinrisk, Frames,
Numeric.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.ingest import CommitRequest, CommitResult
from clinrisk.services.ingest import commit_upload


@step(CommitRequest)
def handler(request: CommitRequest) -> CommitResult:
    """Return how the upload was settled, whether a training may start, and the mail when one is due."""
    return commit_upload.commit(request, datetime.now(UTC))
