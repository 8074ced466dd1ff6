"""Plan Training: fix which committed uploads a run may read, and how many rows they have.

No row is read here: a commit has proved that the offline store holds its upload, and the job that reads the
store counts what it finds.

AWS calls: dynamodb:Query, PutItem on Uploads; dynamodb:GetItem on Deployments;
sagemaker:DescribeFeatureGroup; s3:GetObject, GetObjectVersion on Inbox (metadata); s3:ListBucket on Lake
(acted-on/); s3:PutObject on Lake (training/);
kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: UPLOADS_TABLE, DEPLOYMENTS_TABLE, INBOX_BUCKET, LAKE_BUCKET, NAME_PREFIX.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.training import PlanTrainingRequest, PlanTrainingResult
from clinrisk.services.training import plan_training


@step(PlanTrainingRequest)
def handler(request: PlanTrainingRequest) -> PlanTrainingResult:
    """Return the plan by reference, where the rows lie, and the models' hyperparameters."""
    return plan_training.plan(request)
