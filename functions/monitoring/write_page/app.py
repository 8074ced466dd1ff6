"""Write Page: makes an edition of the live model's page after each monitoring run.

AWS calls: s3:GetObject on Lake (profiles/, score-profiles/, joined/, monitoring/, findings/, candidates/);
s3:PutObject, s3:GetObject on Results (model-pages/); dynamodb:Query on Findings; dynamodb:Query, GetItem on
Deployments; kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET, RESULTS_BUCKET, FINDINGS_TABLE, DEPLOYMENTS_TABLE. Layers: Clinrisk, Numeric.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.monitoring import WritePageRequest, WritePageResult
from clinrisk.services.monitoring import write_page


@step(WritePageRequest)
def handler(request: WritePageRequest) -> WritePageResult:
    """Return where the edition is kept."""
    return write_page.write(request)
