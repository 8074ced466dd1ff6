"""Plan Chunks: cut a claimed file into byte ranges of whole rows; a Parquet or Arrow file becomes text first.

AWS calls: s3:GetObjectVersion on Inbox; s3:PutObject on Lake (chunks/, table-text/), s3:GetObject and
s3:ListBucket on Lake (chunks/); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET. Layers: Clinrisk, Frames, Numeric.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.ingest import PlanChunksRequest, PlanChunksResult
from clinrisk.services.ingest import plan_chunks


@step(PlanChunksRequest)
def handler(request: PlanChunksRequest) -> PlanChunksResult:
    """Return the chunks in file order, unless they are many, and the header's column names."""
    return plan_chunks.plan(request)
