"""Reminders: approvers are mailed again, once, when half the time has passed and nobody has answered.

Whom the use case's policy names for that is mailed as well. It is noted before it is mailed: one that breaks
off in between is not sent, rather than sent every quarter of an hour.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import clients
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvals, change_questions
from clinrisk.core import mails
from clinrisk.core.release.page.approval_page import day
from clinrisk.services.release.approvers import countersignatures, question_mails
from clinrisk.use_cases.approval_policy import policy_of

if TYPE_CHECKING:
    from clinrisk.aws.tables.approvals import Approval
    from clinrisk.messages.live_changes import ChangeQuestion


def send(use_case: str, now: datetime) -> None:
    """Remind the approvers of a use case of what has waited for half its time; each question once."""
    for one in approvals.unanswered(use_case):
        if _half_over(one.created_at, one.expires_at, now) and approvals.remind(one.approval_id):
            _of_candidate(one, now)
    for change in change_questions.waiting(use_case, now.timestamp()):
        until = change.due_at or change.expires_at
        if _half_over(change.asked_at, until, now) and change_questions.remind(change.change_id):
            _of_change(change, until, now)


def _half_over(asked_at: str, until: int, now: datetime) -> bool:
    asked = datetime.fromisoformat(asked_at).timestamp()
    return (asked + until) / 2 <= now.timestamp() < until


def _of_candidate(asked: Approval, now: datetime) -> None:
    question_mails.send(asked, now, reminder=True)
    _escalate(asked.use_case, f"version {asked.package_version} (run {asked.run_id})", asked.expires_at)


def _of_change(asked: ChangeQuestion, until: int, now: datetime) -> None:
    countersignatures.send(asked, now, reminder=True)
    what = "the end of a pause" if asked.pause else f"the rollback to version {asked.restores}"
    _escalate(asked.use_case, what, until)


def _escalate(use_case: str, what: str, until: int) -> None:
    mail = mails.unanswered(use_cases.get(use_case).title, use_case, what, day(until))
    clients.sns().publish(
        TopicArn=settings().alerts_topic,
        Subject=mail.subject,
        Message=mail.text,
        MessageAttributes={"audience": {"DataType": "String", "StringValue": policy_of(use_case).escalation}},
    )
