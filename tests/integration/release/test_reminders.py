"""Reminders: approvers are mailed once more at half time, and whom the policy names is mailed as well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws.tables import approvals, change_questions
from clinrisk.services.release.approvers import reminders
from tests.integration.approval_request import RequestedApproval
from tests.integration.asked_change import asked_about_rollback, asked_to_resume

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


def mailed(stack: Stack, now: datetime) -> list[Any]:
    """Return what is mailed at a moment, the reminder first."""
    stack.mails()
    reminders.send("heart", now)
    return sorted(stack.mails(), key=lambda one: str(one["Subject"]), reverse=True)


@pytest.mark.parametrize("asks", [RequestedApproval, asked_about_rollback, asked_to_resume])
def test_at_half_time_approvers_and_operators_are_mailed_once(stack: Stack, asks: Any) -> None:
    asked = asks(stack)
    if isinstance(asked, RequestedApproval):
        question = approvals.find(asked.approval_id)
        began, until = datetime.fromisoformat(question.created_at), question.expires_at
    else:
        change = change_questions.find(asked.change_id)
        began, until = datetime.fromisoformat(change.asked_at), change.due_at or change.expires_at
    half = began + (datetime.fromtimestamp(until, UTC) - began) / 2 + timedelta(milliseconds=1)  # of rounding
    for never in (half - timedelta(seconds=1), datetime.fromtimestamp(until, UTC)):
        assert mailed(stack, never) == []
    [reminder, escalation] = mailed(stack, half)
    assert reminder["Subject"].startswith("Reminder: Heart disease risk: ")
    assert asked.link.path in reminder["Message"]
    assert escalation["Subject"] == "Heart disease risk: no approver has answered yet"
    assert escalation["MessageAttributes"]["audience"]["Value"] == "operator"
    assert "clinrisk approvers resend heart" in escalation["Message"]
    assert mailed(stack, half + timedelta(minutes=15)) == []


def test_nobody_is_reminded_of_what_was_answered(stack: Stack) -> None:
    asked = asked_about_rollback(stack)
    asked.answer()
    due = change_questions.find(asked.change_id).due_at
    assert mailed(stack, datetime.fromtimestamp(due - 1, UTC)) == []
