"""Build Features: one read of a chunk gives features, quarantine, counts, profile and the way back to ids.

AWS calls: s3:GetObjectVersion on Inbox; s3:GetObject on Lake (table-text/); kms:GenerateMac (SigningKey);
s3:PutObject on Lake (features/, outcomes/, feedback/, quarantine/, chunks/, vault/); kms:Decrypt,
kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET, SIGNING_KEY. Layers: Clinrisk, Frames, Numeric.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.ingest import BuildRequest, ChunkDone
from clinrisk.services.ingest import build_features


@step(BuildRequest)
def handler(request: BuildRequest) -> ChunkDone:
    """Return which chunk is done; what it became lies in the Lake."""
    built = build_features.build(request.upload, request.chunk, request.header)
    return ChunkDone(index=built.chunk.index)
