"""Build Features: one read of a chunk gives features, quarantine, counts, profile and the way back to ids.

AWS calls: s3:GetObjectVersion on Inbox; kms:GenerateMac (SigningKey); s3:PutObject on Lake (features/,
outcomes/, quarantine/, chunks/, vault/); sagemaker:BatchWriteRecord, sagemaker:PutRecord on the feature
groups; kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: INBOX_BUCKET, LAKE_BUCKET, SIGNING_KEY, STACK_NAME. Layers: Clinrisk, Frames, Numeric.
"""

from __future__ import annotations

from clinrisk.aws import building
from clinrisk.aws.telemetry import step
from clinrisk.messages import BuildRequest, BuildResult


@step(BuildRequest)
def handler(request: BuildRequest) -> BuildResult:
    """Give the chunk's counts, and where its parts lie."""
    return building.build(request)
