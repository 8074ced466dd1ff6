"""A decision that was recorded while its delivery broke: it is finished by hand, or closed as too late."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError

from clinrisk.aws import clients
from clinrisk.aws.tables import approvals
from clinrisk.errors import DecisionMissing, ObjectMissing
from clinrisk.services.release import expire_approval
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

ENTRIES = {"approve": ["decided APPROVED", "not released"], "reject": ["decided REJECTED"]}


def breaks_once(client: Any, operation: str, before: str = "before-call") -> None:
    """Let the next call of an operation fail: before it leaves, or after the service did its work."""

    def hook(**_: Any) -> None:
        client.meta.events.unregister(name, hook)
        raise EndpointConnectionError(endpoint_url="https://elsewhere")

    name = f"{before}.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    client.meta.events.register(name, hook)


def undelivered_decision(
    stack: Stack, decision: str = "approve"
) -> tuple[RequestedApproval, WaitingExecution]:
    """A decision that is in the table and nowhere else."""
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    asked.carry()
    breaks_once(clients.s3(), "PutObject")
    response = asked.answer(decision)
    assert response["statusCode"] == 500
    assert "Sending the same answer again is safe" in response["body"]
    assert (waiting.status(), stack.ledger("decided")) == ("RUNNING", [])
    return asked, waiting


def pressed(asked: RequestedApproval) -> Any:
    """Press the button of the page that the link opens."""
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([0-9a-f]+)"', asked.open()["body"]))
    assert set(form) == {"shown", "nonce"}
    return asked.open("POST", form=form)


def ledger(stack: Stack) -> list[str]:
    """List what the ledger keeps of decisions and what came of them, in order."""
    entries = [one for one in stack.ledger() if one["event"] not in {"asked", "page opened"}]
    return [f"{one['event']} {one['body'].get('decision', '')}".strip() for one in entries]


def expired(stack: Stack, asked: RequestedApproval) -> str:
    answer = stack.call("expire_approval", {"use_case": "heart", "run_id": asked.candidate.run_id})
    return str(answer["reason"])


@pytest.mark.parametrize(("decision", "ends"), [("approve", "SUCCEEDED"), ("reject", "FAILED")])
def test_the_page_shows_a_decision_that_was_not_passed_on_and_its_button_does_it(
    stack: Stack, decision: str, ends: str
) -> None:
    asked, waiting = undelivered_decision(stack, decision)
    before = asked.open()["body"]
    assert "not passed on yet" in before
    assert "becomes the live model" not in before
    assert "You can close this page" not in before
    after = pressed(asked)
    assert after["statusCode"] == 200
    assert "<form" not in after["body"]
    assert waiting.end()["status"] == ends
    assert ledger(stack) == ENTRIES[decision][:1]
    assert asked.open()["body"] == after["body"]


def test_a_button_with_a_forged_nonce_finishes_nothing(stack: Stack) -> None:
    asked, waiting = undelivered_decision(stack)
    response = asked.open("POST", form={"shown": asked.carry()["shown"], "nonce": "0" * 64})
    assert (response["statusCode"], waiting.status()) == (403, "RUNNING")


def test_an_error_after_the_decision_does_not_claim_that_nothing_was_changed(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = RequestedApproval(stack, WaitingExecution(stack).token)

    def gone(_: object) -> None:
        raise ObjectMissing("It is gone.")

    with monkeypatch.context() as broken:
        broken.setattr("clinrisk.aws.ledger.write_decision", gone)
        response = asked.answer()
    assert approvals.find(asked.approval_id).status == approvals.APPROVED
    assert response["statusCode"] == 500
    assert "Nothing was changed" not in response["body"]


@pytest.mark.parametrize("decision", ENTRIES)
def test_an_expiry_completes_a_decision_that_never_arrived_and_does_not_deny_it(
    stack: Stack, decision: str
) -> None:
    asked, _ = undelivered_decision(stack, decision)
    reason = expired(stack, asked)
    assert reason == "A decision was recorded, but it did not reach the workflow in time."
    assert ledger(stack) == ENTRIES[decision]
    assert approvals.find(asked.approval_id).status == approvals.LAPSED
    assert "too late" in asked.open()["body"]
    assert expired(stack, asked) == reason
    with pytest.raises(DecisionMissing):
        asked.promote()


def test_an_expiry_that_breaks_half_way_is_completed_by_the_next(stack: Stack) -> None:
    asked, _ = undelivered_decision(stack)
    approvals.mark_lapsed(asked.approval_id, approvals.APPROVED)
    assert approvals.find(asked.approval_id).unfinished
    expired(stack, asked)
    assert ledger(stack) == ENTRIES["approve"]


def test_an_answer_after_the_deadline_that_breaks_half_way_is_completed_by_the_button(stack: Stack) -> None:
    asked, _ = undelivered_decision(stack)
    approvals.mark_lapsed(asked.approval_id, approvals.APPROVED)
    assert pressed(asked)["statusCode"] == 410
    assert ledger(stack) == ENTRIES["approve"]
    assert approvals.find(asked.approval_id).refusal == expire_approval.LAPSED_REFUSAL


def test_a_delivery_that_arrived_without_being_noted_is_released_and_never_closed(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    breaks_once(clients.stepfunctions(), "SendTaskSuccess", "after-call")
    assert asked.answer()["statusCode"] == 500
    assert waiting.end()["status"] == "SUCCEEDED"
    assert asked.promote()["live_version"] == 1
    expire_approval.close_undelivered(approvals.find(asked.approval_id), "2026-03-01T09:30:00.000Z")
    page = asked.answer()
    assert "It was released as live version 1." in page["body"]
    assert ledger(stack) == ["decided APPROVED", "released"]


def test_a_promotion_that_comes_after_the_decision_was_closed_releases_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, _ = undelivered_decision(stack)
    read = approvals.find(asked.approval_id)
    expired(stack, asked)
    # As it was read a moment before it was closed.
    monkeypatch.setattr(approvals, "find", lambda _: read)
    with pytest.raises(DecisionMissing, match=r"^The decision came too late\.$"):
        asked.promote()
