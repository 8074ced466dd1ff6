"""Decide Approval: the page behind the mailed link. Looking changes nothing; one POST decides.

AWS calls: dynamodb:GetItem, UpdateItem on Approvals; dynamodb:GetItem on Deployments; dynamodb:Query on
Uploads; kms:GenerateMac (SigningKey); kms:Sign (DecisionKey); s3:GetObject on Lake (training/, candidates/,
comparisons/) and Results (reports/), s3:ListBucket on Lake (comparisons/); s3:ListBucket, s3:GetObject,
s3:PutObject on Audit (the ledger); kms:Decrypt, kms:GenerateDataKey (DataKey); states:SendTaskSuccess,
SendTaskFailure.
Environment: APPROVALS_TABLE, DEPLOYMENTS_TABLE, UPLOADS_TABLE, SIGNING_KEY, DECISION_KEY, LAKE_BUCKET,
AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clinrisk.aws.http_api import WebRequest, web
from clinrisk.services.release import decide_approval

if TYPE_CHECKING:
    from clinrisk.core.release.page.approval_page import Page


@web
def handler(request: WebRequest) -> Page:
    """Return the page: the question, what was decided, or why there is nothing to decide."""
    return decide_approval.serve(
        request.method, request.path["approval_id"], request.query, request.form, datetime.now(UTC)
    )
