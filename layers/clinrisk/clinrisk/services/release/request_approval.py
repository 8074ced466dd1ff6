"""Request Approval: store the question with its task token, and mail each approver a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import ledger
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvals, deployments
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core.timestamps import stamp
from clinrisk.messages.release import ApprovalAsked, ApprovalRequest
from clinrisk.services.release import evidence
from clinrisk.services.release.approvers import overtaken_questions, question_mails

if TYPE_CHECKING:
    from datetime import datetime


def request_approval(request: ApprovalRequest, now: datetime) -> ApprovalAsked:
    """Ask, and return the id of the approval; the workflow itself waits for the task token.

    Raises ChampionChanged and TrainingFileWithdrawn: nobody is asked about what could not be released.
    """
    deployments.check_compared(request.use_case, request.run_id, request.digests)
    evidence.check_sources(request)
    expires_at = int(now.timestamp() + 3600 * float(settings().approval_timeout_hours))
    overtaken_questions.close(request.use_case, stamp(now))
    approval = approvals.ask(request, created_at=stamp(now), expires_at=expires_at)
    ledger.write_question(approval)
    # A release between the look above and the question has not seen this question.
    if deployments.outdated(request.use_case, request.run_id, request.digests):
        overtaken_questions.close(request.use_case, stamp(now))
    deployments.check_compared(request.use_case, request.run_id, request.digests)
    question_mails.send(approval, now)
    emit(Metric.APPROVALS_REQUESTED, 1, use_case=approval.use_case)
    missing = bool(question_mails.lacking(approval.use_case, now))
    emit(Metric.APPROVERS_MISSING, missing, use_case=approval.use_case)
    return ApprovalAsked(approval_id=approval.approval_id)
