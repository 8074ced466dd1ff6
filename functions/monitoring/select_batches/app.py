"""Select Batches: the newest batches that the live model scored, and the list of all that have outcomes.

AWS calls: dynamodb:GetItem on Deployments, dynamodb:Query on Uploads; s3:ListBucket on Lake (score-profiles/,
joined/), s3:GetObject on Lake (candidates/), s3:PutObject on Lake (monitoring/); kms:Verify (DecisionKey),
kms:Decrypt, kms:GenerateDataKey (DataKey); sagemaker:DescribeModel; s3:ListBucket and s3:GetObject on Audit
(the ledger).
Environment: DEPLOYMENTS_TABLE, UPLOADS_TABLE, LAKE_BUCKET, AUDIT_BUCKET, DECISION_KEY.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.monitoring import BatchSelection, SelectRequest
from clinrisk.services.monitoring import select_batches


@step(SelectRequest)
def handler(request: SelectRequest) -> BatchSelection:
    """Return the checks to run, and the addresses of what they compare: references and batches."""
    return select_batches.select(request)
