"""Promote Candidate: check the recorded decision, hash everything again, then move the live pointer.

AWS calls: dynamodb:GetItem, UpdateItem on Approvals; dynamodb:GetItem, TransactWriteItems (PutItem) on
Deployments; s3:GetObject on Lake (models/, training/, evaluation/, code/) and Results (reports/);
sagemaker:DescribeModelPackage; s3:PutObject on Audit (ledger/); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: APPROVALS_TABLE, DEPLOYMENTS_TABLE, LAKE_BUCKET, AUDIT_BUCKET.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk import use_cases
from clinrisk.aws.tables.uploads import stamp
from clinrisk.aws.telemetry import Metric, emit, step
from clinrisk.core import mails
from clinrisk.messages import PromoteRequest, PromoteResult
from clinrisk.services.release import promote_candidate


@step(PromoteRequest)
def handler(request: PromoteRequest) -> PromoteResult:
    """Give the version that is live now, and the mail that says so."""
    use_case = use_cases.get(request.use_case)
    live, approval = promote_candidate.release(request, use_case, stamp(datetime.now(UTC)))
    emit(Metric.MODELS_PROMOTED, 1, use_case=use_case.name)
    mail = mails.model_promoted(
        use_case.title, live.live_version, live.package_version, live.previous_version, approval.reason
    )
    return PromoteResult(live_version=live.live_version, subject=mail.subject, message=mail.text)
