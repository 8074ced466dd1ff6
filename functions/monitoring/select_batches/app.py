"""Select Batches: the newest batches that the live model scored, by the profiles that were stored for each.

AWS calls: dynamodb:GetItem on Deployments, dynamodb:Query on Uploads; s3:ListBucket on Lake (score-profiles/,
joined/), s3:GetObject on Lake (candidates/); kms:Verify (DecisionKey), kms:Decrypt (DataKey);
sagemaker:DescribeModel.
Environment: DEPLOYMENTS_TABLE, UPLOADS_TABLE, LAKE_BUCKET, DECISION_KEY.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.monitoring import BatchSelection, SelectRequest
from clinrisk.services.monitoring import select_batches


@step(SelectRequest)
def handler(request: SelectRequest) -> BatchSelection:
    """Return the checks to run, and the addresses of what they compare: references and up to 20 batches."""
    return select_batches.select(request)
