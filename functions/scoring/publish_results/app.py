"""Publish Results: the one place where record ids meet the hospital's own ids again.

AWS calls: s3:GetObject on Lake (presented/, vault/, candidates/); s3:ListBucket on Lake (vault/);
s3:ListBucket, s3:PutObject and s3:PutObjectTagging on Results (results/), in parts where they are large;
s3:GetObject of the sidecar of earlier results, s3:DeleteObject of a notice that they are
recalled, and of FHIR resources that are not wanted any more;
dynamodb:GetItem on Uploads and Deployments; kms:Verify (DecisionKey); sagemaker:DescribeModel;
events:PutEvents on the default bus;
s3:ListBucket and s3:GetObject on Audit (the ledger); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET, RESULTS_BUCKET, AUDIT_BUCKET, UPLOADS_TABLE, DEPLOYMENTS_TABLE, DECISION_KEY,
FHIR_RESULTS.
Layers: Clinrisk, Frames.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.scoring import PublishRequest, PublishResult
from clinrisk.services.scoring import publish_results


@step(PublishRequest)
def handler(request: PublishRequest) -> PublishResult:
    """Return the results by reference, and the mail that says where they are."""
    return publish_results.publish(request, datetime.now(UTC))
