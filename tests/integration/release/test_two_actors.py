"""Two actors on one question: whoever writes second changes nothing, in either order and at the same time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws.tables import approvals
from clinrisk.errors import DecisionInvalid, DecisionMissing
from clinrisk.messages.release import ApprovalRequest
from clinrisk.services.release import expire_approval
from clinrisk.services.release.proofs import signatures
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import WaitingExecution
from tests.integration.two_actors import just_before

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

AT = "2026-03-01T09:30:00.000Z"
DECISIONS = [(approvals.APPROVED, approvals.REJECTED), (approvals.REJECTED, approvals.APPROVED)]


def decide(approval: approvals.Approval, decision: str) -> bool:
    """Record a decision, with a reason and evidence of its own."""
    reason, evidence = f"I have {decision} it.", {"report": decision}
    decider = {"approver_id": "a1", "name": "Ann Lee", "role": "clinical", "decided_at": AT}
    answer = replace(
        approval,
        decision=decision,
        reason=reason,
        evidence=evidence,
        decided_at=AT,
        deciders=(decider | {"reason": reason, "shown": "0" * 64},),
    )
    return approvals.decide(signatures.sign(answer), 0)


def decided(stack: Stack) -> approvals.Approval:
    """Return an approval that was given and has not reached its workflow."""
    approval = approvals.find(RequestedApproval(stack).approval_id)
    assert decide(approval, approvals.APPROVED)
    return approvals.find(approval.approval_id)


def close(approval: approvals.Approval) -> None:
    """Close a decision that its workflow no longer waits for."""
    expire_approval.close_undelivered(approval, AT)


def refusals(stack: Stack) -> list[Any]:
    return stack.ledger("not released")


@pytest.mark.parametrize(("first", "second"), DECISIONS)
def test_of_two_decisions_the_second_changes_nothing(stack: Stack, first: str, second: str) -> None:
    approval = approvals.find(RequestedApproval(stack).approval_id)
    assert decide(approval, first)
    kept = approvals.stored(approval.approval_id)
    assert not decide(approval, second)
    assert approvals.stored(approval.approval_id) == kept
    assert approvals.find(approval.approval_id).evidence == {"report": first}


@pytest.mark.parametrize(("first", "second"), DECISIONS)
def test_of_two_decisions_at_once_the_one_that_is_written_first_holds(
    stack: Stack, first: str, second: str
) -> None:
    approval = approvals.find(RequestedApproval(stack).approval_id)
    overtaken = just_before("UpdateItem", lambda: decide(approval, first))
    assert (decide(approval, second), overtaken) == (False, [True])
    assert approvals.find(approval.approval_id).decision == first


@pytest.mark.parametrize(
    ("first", "second", "ends"), [("approve", "reject", "SUCCEEDED"), ("reject", "approve", "FAILED")]
)
def test_two_approvers_who_answer_at_once_read_the_same_decision(
    stack: Stack, first: str, second: str, ends: str
) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    form = asked.carry() | {"version": "1", "reason": "Well calibrated in women too."}
    answers = [form | {"decision": each, "code": asked.phone.code()} for each in (first, second)]
    pages = just_before("UpdateItem", lambda: asked.open("POST", form=answers[0]))
    pages.append(asked.open("POST", form=answers[1]))
    assert [page["statusCode"] for page in pages] == [200, 200]
    assert pages[0]["body"] == pages[1]["body"]
    assert waiting.end()["status"] == ends
    assert len(stack.ledger("decided")) == 1


@pytest.mark.parametrize("decision", [approvals.APPROVED, approvals.REJECTED])
def test_a_question_that_expired_is_not_decided(stack: Stack, decision: str) -> None:
    approval = approvals.find(RequestedApproval(stack).approval_id)
    assert approvals.expire(approval.approval_id)
    assert not decide(approval, decision)
    assert approvals.find(approval.approval_id).status == approvals.EXPIRED


@pytest.mark.parametrize("decision", [approvals.APPROVED, approvals.REJECTED])
def test_a_question_that_was_decided_does_not_expire(stack: Stack, decision: str) -> None:
    approval = approvals.find(RequestedApproval(stack).approval_id)
    assert decide(approval, decision)
    assert not approvals.expire(approval.approval_id)
    assert approvals.find(approval.approval_id).status == decision


def test_a_decision_that_was_delivered_is_not_closed(stack: Stack) -> None:
    approval = decided(stack)
    assert approvals.mark_delivered(approval.approval_id, approvals.APPROVED)
    close(approval)
    found = approvals.find(approval.approval_id)
    assert (found.status, found.delivered, found.refusal) == (approvals.APPROVED, True, "")
    assert refusals(stack) == []


def test_a_decision_that_was_closed_is_not_delivered(stack: Stack) -> None:
    approval = decided(stack)
    close(approval)
    assert not approvals.mark_delivered(approval.approval_id, approvals.APPROVED)
    found = approvals.find(approval.approval_id)
    assert (found.status, found.delivered) == (approvals.LAPSED, False)
    assert found.refusal == expire_approval.LAPSED_REFUSAL
    assert len(refusals(stack)) == 1


def test_a_delivery_that_overtakes_the_closing_wins(stack: Stack) -> None:
    approval = decided(stack)
    delivered = just_before(
        "UpdateItem", lambda: approvals.mark_delivered(approval.approval_id, approvals.APPROVED)
    )
    close(approval)
    assert delivered == [True]
    assert approvals.find(approval.approval_id).status == approvals.APPROVED
    assert refusals(stack) == []


def test_a_closing_that_overtakes_the_delivery_wins(stack: Stack) -> None:
    approval = decided(stack)
    just_before("UpdateItem", lambda: close(approval))
    assert not approvals.mark_delivered(approval.approval_id, approvals.APPROVED)
    assert approvals.find(approval.approval_id).status == approvals.LAPSED
    assert len(refusals(stack)) == 1


def test_a_decision_that_is_closed_while_its_promotion_begins_is_not_released(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    decide(approvals.find(asked.approval_id), approvals.APPROVED)
    recorded = approvals.find(asked.approval_id)
    just_before("UpdateItem", lambda: close(recorded))
    with pytest.raises(DecisionMissing):
        asked.promote()
    assert stack.ledger("released") == []


def request_of(asked: RequestedApproval, token: str) -> ApprovalRequest:
    event = asked.candidate.approval_event(asked.judgement, asked.package, token)
    return ApprovalRequest.model_validate(event)


def ask(asked: RequestedApproval, token: str) -> approvals.Approval:
    return approvals.ask(request_of(asked, token), created_at=AT, expires_at=2_000_000_000)


def test_two_who_ask_anew_at_once_leave_one_open_question(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    approvals.expire(asked.approval_id)
    first = just_before("TransactWriteItems", lambda: ask(asked, "first"))
    second = ask(asked, "second")
    assert second.approval_id == first[0].approval_id != asked.approval_id
    assert second.task_token == "second"  # noqa: S105 - a token of this test
    assert sorted(one["status"] for one in approvals.stored_for("heart", limit=50)) == [
        approvals.EXPIRED,
        approvals.PENDING,
    ]


def test_a_run_that_is_decided_while_it_is_asked_about_again_stays_decided(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    approval = approvals.find(asked.approval_id)
    just_before("UpdateItem", lambda: decide(approval, approvals.REJECTED))
    with pytest.raises(DecisionInvalid, match="decided already"):
        ask(asked, "again")
    found = approvals.find(asked.approval_id)
    assert (found.status, found.task_token) == (approvals.REJECTED, "token")
