"""Join Outcomes: give predictions the labels that arrived for them, as labelled score profiles.

Every batch is profiled anew from all outcomes known: a repeated or late delivery ends in the same bytes.

AWS calls: dynamodb:Query on Uploads; s3:ListBucket and s3:GetObject on Lake (outcomes/, predictions/);
s3:PutObject on Lake (joined/); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: UPLOADS_TABLE, LAKE_BUCKET. Layers: Clinrisk, Frames, Numeric.
"""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.aws.telemetry import step
from clinrisk.core import object_keys
from clinrisk.core.scoring import outcomes
from clinrisk.messages import JoinRequest, JoinResult
from clinrisk.services.scoring import stored_outcomes


@step(JoinRequest)
def handler(request: JoinRequest) -> JoinResult:
    """Give how many of this upload's records had been scored, and how many had not."""
    use_case = use_cases.get(request.upload.use_case)
    arrived = stored_outcomes.outcomes(use_case.name)
    labels = outcomes.latest(list(arrived.values()))
    mine = set(arrived[request.upload.upload_id]["record_id"])
    scored: set[str] = set()
    columns = ["record_id", "risk", "flagged", *use_case.group_columns]
    for batch in uploads.used(use_case.name, "inference"):
        predictions = stored_outcomes.predictions(use_case.name, batch.upload_id, columns)
        if predictions is None:
            continue
        scored |= mine.intersection(predictions["record_id"])
        profile = outcomes.join(use_case, predictions, labels)
        if profile is not None:
            key = object_keys.joined(use_case.name, batch.upload_id)
            s3.store_json(settings().lake_bucket, key, profile.to_dict())
    return JoinResult(joined=len(scored), unmatched=len(mine) - len(scored))
