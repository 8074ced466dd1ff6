"""Publish Job Code: a custom resource that puts this package, as one zip, where the jobs can mount it.

AWS calls: s3:PutObject on Lake (code/); s3:ListBucket, s3:GetObject, s3:PutObject on Audit (the ledger);
kms:Decrypt, kms:GenerateDataKey (DataKey); an HTTPS PUT to CloudFormation's
ResponseURL (an S3 address: the endpoint policy of an isolated network must let
`cloudformation-custom-resource-response-*` pass).
Environment: LAKE_BUCKET, AUDIT_BUCKET. Attributes: Prefix (s3://.../code/<sha256>/), Digest.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clinrisk.aws import cloudformation
from clinrisk.services.training import publish_job_code

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Answer with the code's prefix and digest; code of earlier deployments stays for its models."""
    with cloudformation.answered(event, "job-code") as attributes:
        if event["RequestType"] != "Delete":
            attributes["Prefix"], attributes["Digest"] = publish_job_code.publish()
    if attributes:
        # After the answer: a ledger that was altered is alarmed, and must not hang a deploy or a rollback.
        publish_job_code.record(event, attributes["Digest"], datetime.now(UTC))
