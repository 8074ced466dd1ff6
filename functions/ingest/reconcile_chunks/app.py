"""Reconcile Chunks: what the chunks of one file say of one another, and whether the file will be used.

AWS calls: s3:GetObject on Lake (features/, outcomes/, feedback/, chunks/); s3:PutObject on Lake (chunks/);
kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET. Layers: Clinrisk, Frames, Numeric.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.ingest import ReconcileRequest, ReconcileResult
from clinrisk.services.ingest import reconcile_chunks


@step(ReconcileRequest)
def handler(request: ReconcileRequest) -> ReconcileResult:
    """Return whether the upload will be used, and whether its chunks need another look."""
    return reconcile_chunks.reconcile(request.upload)
