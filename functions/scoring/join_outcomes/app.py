"""Join Outcomes: give predictions the outcomes and the feedback that answer them, as profiles.

Every batch is judged anew from all that is known: a repeated or delayed delivery ends in the same bytes.

AWS calls: dynamodb:Query on Uploads; s3:ListBucket on Lake (outcomes/, feedback/, predictions/, joined/) and
s3:GetObject on Lake (outcomes/, feedback/, predictions/); s3:PutObject on Lake (joined/), Results
(outcome-overviews/); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: UPLOADS_TABLE, LAKE_BUCKET, RESULTS_BUCKET. Layers: Clinrisk, Frames, Numeric.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.scoring import JoinRequest, JoinResult
from clinrisk.services.scoring import join_outcomes


@step(JoinRequest)
def handler(request: JoinRequest) -> JoinResult:
    """Return how many patients' outcomes are joined, wait, conflict, or match no prediction."""
    return join_outcomes.join(request, datetime.now(UTC).date())
