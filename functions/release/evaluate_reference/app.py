"""Evaluate Reference: a cohort's predictions of a model that is not ours, to be accepted as its reference.

AWS calls: dynamodb:GetItem on Deployments, dynamodb:Query on Uploads; s3:GetObject and s3:ListBucket on Lake
(predictions/, profiles/, score-profiles/, joined/), s3:PutObject on Lake (candidates/, training/) and Results
(reports/).
Environment: DEPLOYMENTS_TABLE, UPLOADS_TABLE, LAKE_BUCKET, RESULTS_BUCKET. Layers: Clinrisk, Frames, Numeric.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.release import EvaluateReferenceRequest, ReleaseRequest
from clinrisk.services.release import evaluate_reference


@step(EvaluateReferenceRequest)
def handler(request: EvaluateReferenceRequest) -> ReleaseRequest:
    """Return the reference as a candidate of a release."""
    return evaluate_reference.evaluate(request)
