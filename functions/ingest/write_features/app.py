"""Write Features: one chunk's rows where they are used, once the file as a whole is known to be used.

AWS calls: s3:GetObjectVersion on Inbox; kms:GenerateMac (SigningKey); s3:GetObject on Lake (features/,
outcomes/, feedback/, quarantine/, chunks/, table-text/); s3:PutObject on Lake (features/, outcomes/,
feedback/, quarantine/, chunks/, vault/, transform/, offline-store/); sagemaker:DescribeFeatureGroup,
sagemaker:BatchWriteRecord, sagemaker:PutRecord on the feature groups; kms:Decrypt, kms:GenerateDataKey
(DataKey).
Environment: LAKE_BUCKET, SIGNING_KEY, NAME_PREFIX. Layers: Clinrisk, Frames, Numeric.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.ingest import ChunkDone, WriteRequest
from clinrisk.services.ingest import write_features


@step(WriteRequest)
def handler(request: WriteRequest) -> ChunkDone:
    """Return which chunk is done."""
    return write_features.write(request)
