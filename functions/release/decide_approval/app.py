"""Decide Approval: the pages behind personal links, about candidates and about changes of what is live.

Looking decides nothing; a POST with a code does. One function serves both, since one role alone may sign.

AWS calls: dynamodb:GetItem, UpdateItem on Approvals; dynamodb:GetItem on Deployments; dynamodb:Query on
Uploads; dynamodb:Query, GetItem, UpdateItem on Approvers; kms:GenerateMac (SigningKey); kms:Decrypt
(ApproverKey); kms:Sign, Verify (DecisionKey); sns:Publish on Alerts; s3:GetObject on Lake (training/,
candidates/, comparisons/) and Results (reports/), s3:ListBucket on Lake (comparisons/); s3:ListBucket,
s3:GetObject, s3:PutObject on Audit (the ledger); kms:Decrypt, kms:GenerateDataKey (DataKey);
states:SendTaskSuccess, SendTaskFailure. Environment: APPROVALS_TABLE, APPROVERS_TABLE, DEPLOYMENTS_TABLE,
UPLOADS_TABLE, SIGNING_KEY, APPROVER_KEY, DECISION_KEY, ALERTS_TOPIC, LAKE_BUCKET, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clinrisk.aws.http_api import WebRequest, web
from clinrisk.services.release import decide_approval, decide_change

if TYPE_CHECKING:
    from clinrisk.core.release.page.approval_page import Page


@web
def handler(request: WebRequest) -> Page:
    """Return the page: the question, what was decided, or why there is nothing to decide."""
    given, now = (request.query, request.form), datetime.now(UTC)
    if "change_id" in request.path:
        return decide_change.serve(request.method, request.path["change_id"], *given, now)
    return decide_approval.serve(request.method, request.path["approval_id"], *given, now)
