"""Enrol Approver: the page behind an invitation. Opening it shows nothing secret.

AWS calls: dynamodb:GetItem, UpdateItem on Approvers; kms:GenerateMac (SigningKey); kms:Decrypt
(ApproverKey); sns:Publish on Alerts; s3:ListBucket, s3:GetObject, s3:PutObject on Audit (the ledger);
kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: APPROVERS_TABLE, SIGNING_KEY, APPROVER_KEY, ALERTS_TOPIC, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clinrisk.aws.http_api import WebRequest, web
from clinrisk.services.release import enrol_approver

if TYPE_CHECKING:
    from clinrisk.core.release.page.approval_page import Page


@web
def handler(request: WebRequest) -> Page:
    """Return the page: what enrolling takes, the QR code, or that it is done."""
    return enrol_approver.serve(
        request.method, request.path["approver_id"], request.query, request.form, datetime.now(UTC)
    )
