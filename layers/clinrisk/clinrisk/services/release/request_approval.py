"""Request Approval: store the question with its task token, and mail the approver a link to the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import clients, ledger
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvals, deployments
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import mails
from clinrisk.core.release.page.approval_page import day
from clinrisk.core.release.page.shadow_view import summary_of
from clinrisk.core.timestamps import stamp
from clinrisk.messages.release import ApprovalAsked, ApprovalRequest
from clinrisk.services.release import approval_links, evidence, overtaken_questions

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
    use_case = use_cases.get(request.use_case)
    mail = mails.approval_wanted(
        title=use_case.title,
        version=approval.package_version,
        run_id=approval.run_id,
        summary=approval.summary,
        comparison=summary_of(evidence.comparisons(use_case.name, approval.run_id)),
        unmet=approval.unmet,
        link=approval_links.link(approval),
        until=day(approval.expires_at),
    )
    clients.sns().publish(TopicArn=settings().approvals_topic, Subject=mail.subject, Message=mail.text)
    emit(Metric.APPROVALS_REQUESTED, 1, use_case=use_case.name)
    return ApprovalAsked(approval_id=approval.approval_id)
