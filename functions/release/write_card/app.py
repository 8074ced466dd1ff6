"""Write Card: write an edition of the live model's card when it is released, and when monitoring found more.

AWS calls: s3:ListBucket, s3:GetObject on Audit (the ledger); s3:GetObject on Lake (findings/) and Results
(model cards in reports/); s3:ListBucket, s3:PutObject on Results (reports/, editions); kms:Decrypt,
kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET, RESULTS_BUCKET, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.release import WriteCardRequest, WriteCardResult
from clinrisk.services.release import write_card


@step(WriteCardRequest)
def handler(request: WriteCardRequest) -> WriteCardResult:
    """Return the newest edition and its page."""
    return write_card.write(request, datetime.now(UTC))
