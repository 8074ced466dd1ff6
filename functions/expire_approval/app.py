"""Expire Approval: close a question that nobody answered in time, so that a late answer is told so.

AWS calls: dynamodb:GetItem, UpdateItem on Approvals.
Environment: APPROVALS_TABLE.
"""

from __future__ import annotations

from clinrisk import mails, use_cases
from clinrisk.aws import approvals
from clinrisk.aws.telemetry import Metric, emit, step
from clinrisk.messages import ExpireRequest, ExpireResult


@step(ExpireRequest)
def handler(request: ExpireRequest) -> ExpireResult:
    """Give the mail that says that nothing was released."""
    approval = approvals.of_run(request.run_id)
    expired = approvals.expire(approval.approval_id)
    emit(Metric.APPROVALS_EXPIRED, expired, use_case=request.use_case)
    title = use_cases.get(request.use_case).title
    mail = mails.approval_expired(title, approval.package_version, request.run_id)
    return ExpireResult(subject=mail.subject, message=mail.text)
