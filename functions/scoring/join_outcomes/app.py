"""Join Outcomes: give predictions the labels that arrived for them, as labelled score profiles.

Every batch is profiled anew from all outcomes known: a repeated or late delivery ends in the same bytes.

AWS calls: dynamodb:Query on Uploads; s3:ListBucket and s3:GetObject on Lake (outcomes/, predictions/);
s3:PutObject on Lake (joined/); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: UPLOADS_TABLE, LAKE_BUCKET. Layers: Clinrisk, Frames, Numeric.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.scoring import JoinRequest, JoinResult
from clinrisk.services.scoring import join_outcomes


@step(JoinRequest)
def handler(request: JoinRequest) -> JoinResult:
    """Return how many of this upload's records had been scored, and how many had not."""
    return join_outcomes.join(request)
