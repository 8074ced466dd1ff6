"""What a person reads where the page decides nothing, and what the log holds of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import clients
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import WaitingExecution
from tests.unit.page_text import text_of

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

FORM = {"decision": "approve", "version": "1", "reason": "Because I can forge.", "nonce": "0" * 64}
NOTHING_TO_DECIDE = "There is nothing to decide here"
ALTERED_LINK = "This link is not one that we sent, or it was altered on the way."
FOREIGN_FORM = "The form did not come from the page that the link opens."


def logged(caplog: pytest.LogCaptureFixture, message: str) -> dict[str, Any]:
    """Return the facts of the one line of the log with this message."""
    [found] = [record for record in caplog.records if record.getMessage() == message]
    return vars(found)


@pytest.mark.parametrize(
    ("query", "form", "reason"), [("mac=A&expires=1", None, ALTERED_LINK), (None, FORM, FOREIGN_FORM)]
)
def test_a_refusal_states_its_reason_and_that_nothing_was_changed(
    stack: Stack,
    caplog: pytest.LogCaptureFixture,
    query: str | None,
    form: dict[str, str] | None,
    reason: str,
) -> None:
    response = RequestedApproval(stack).open("POST" if form else "GET", query=query, form=form)
    assert response["statusCode"] == 403
    page = text_of(response["body"])
    assert NOTHING_TO_DECIDE in page
    assert f"{reason} Nothing was changed." in page
    assert logged(caplog, "approval page refused")["reason"] == reason


def test_evidence_that_cannot_be_shown_is_a_matter_for_the_operators(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    asked = RequestedApproval(stack)
    asked.candidate.change("report", b"nicer")
    page = text_of(asked.open()["body"])
    assert "The evidence cannot be shown" in page
    assert "Nothing was changed. Please tell the operators of the system." in page
    assert logged(caplog, "approval page failed")["error"] == "EvidenceChanged"


def test_another_method_leads_back_to_the_mail(stack: Stack) -> None:
    page = text_of(RequestedApproval(stack).open("PUT")["body"])
    assert "This page cannot do that" in page
    assert "Open the link from the mail again." in page


def test_a_decision_that_comes_too_slowly_is_logged_by_its_approval(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    stack.sfn.send_task_failure(taskToken=waiting.token, error="States.Timeout")
    waiting.end()
    asked.answer()
    assert logged(caplog, "decision came too late")["approval_id"] == asked.approval_id


def test_a_workflow_learns_that_a_version_was_rejected_and_where_the_reason_is(stack: Stack) -> None:
    sent: list[dict[str, Any]] = []
    events, event = clients.stepfunctions().meta.events, "provide-client-params.stepfunctions.SendTaskFailure"

    def keep(params: dict[str, Any], **_: object) -> None:
        sent.append(params)

    events.register(event, keep)
    try:
        RequestedApproval(stack, WaitingExecution(stack).token).answer("reject")
    finally:
        events.unregister(event, keep)
    assert [failure["cause"] for failure in sent] == [
        "Version 1 was rejected; the approval record has the reason."
    ]
