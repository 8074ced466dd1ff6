"""Publish Job Code: a custom resource that puts this package, as one zip, where the jobs can mount it.

AWS calls: s3:PutObject on Lake (code/); kms:GenerateDataKey (DataKey); an HTTPS PUT to CloudFormation's
ResponseURL (an S3 address: the endpoint policy of an isolated network must let
`cloudformation-custom-resource-response-*` pass).
Environment: LAKE_BUCKET. Attributes: Prefix (s3://.../code/<sha256>/), Digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk import lineage, places
from clinrisk.aws import custom_resource, job_code, objects
from clinrisk.aws.settings import settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Answer with the code's prefix and digest; code of earlier deployments stays for its models."""
    with custom_resource.answered(event, "job-code") as attributes:
        if event["RequestType"] == "Delete":
            return
        code = job_code.build()
        digest = lineage.sha256(code)
        stored = objects.store(settings().lake_bucket, places.job_code(digest), code, once=True)
        attributes["Prefix"] = stored.uri.removesuffix(job_code.NAME)
        attributes["Digest"] = digest
