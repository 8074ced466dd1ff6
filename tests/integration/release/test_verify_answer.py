"""A release believes an answer only where the approval page has signed the decision behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws.tables import approvals
from tests.integration.approval_request import RequestedApproval
from tests.integration.events import events_of, read_event
from tests.integration.trained_candidate import WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

YES, NO = "", "ApprovalRejected"


@pytest.fixture
def asked(stack: Stack) -> RequestedApproval:
    return RequestedApproval(stack, WaitingExecution(stack).token)


def verify(asked: RequestedApproval, error: str) -> Any:
    event = read_event("verify_answer.forged_no") | {"error": {"Error": error, "Cause": ""}}
    return asked.stack.call("verify_answer", event | {"run_id": asked.candidate.run_id})


@pytest.mark.parametrize("name", events_of("verify_answer"))
def test_a_no_that_nobody_gave_is_no_answer(stack: Stack, asked: RequestedApproval, name: str) -> None:
    found = stack.call("verify_answer", read_event(name))
    assert found["genuine"] is False
    assert "was answered with no, and nobody has decided so" in found["message"]
    assert "CloudTrail, states:SendTaskSuccess and states:SendTaskFailure." in found["message"]
    left = approvals.find(asked.approval_id).expires_at
    assert 0 < found["seconds_left"] <= left


@pytest.mark.parametrize(("decision", "error"), [("approve", YES), ("reject", NO)])
def test_what_was_decided_on_the_page_is_believed_and_its_opposite_is_not(
    asked: RequestedApproval, decision: str, error: str
) -> None:
    asked.answer(decision)
    assert verify(asked, error)["genuine"] is True
    assert verify(asked, NO if error == YES else YES)["genuine"] is False


@pytest.mark.parametrize("error", [YES, NO])
def test_a_row_that_was_edited_is_not_believed(stack: Stack, asked: RequestedApproval, error: str) -> None:
    table = stack.tables.Table("clinrisk-approvals")
    key = {"pk": f"APPROVAL#{asked.approval_id}", "sk": "STATE"}
    decision = "APPROVED" if error == YES else "REJECTED"
    changes = {"status": decision, "decision": decision, "reason": "So.", "signature": "c2lnbmVk"}
    table.put_item(Item=table.get_item(Key=key)["Item"] | changes)
    assert verify(asked, error)["genuine"] is False


def test_an_answer_that_a_swapped_token_brings_to_another_release_is_not_believed(stack: Stack) -> None:
    mine, other = WaitingExecution(stack), WaitingExecution(stack, "other")
    first = RequestedApproval(stack, other.token, run_id="heart-aaaaaaaaaa")
    asked = RequestedApproval(stack, mine.token, run_id="heart-bbbbbbbbbb")
    table = stack.tables.Table("clinrisk-approvals")
    key = {"pk": f"APPROVAL#{asked.approval_id}", "sk": "STATE"}
    table.put_item(Item=table.get_item(Key=key)["Item"] | {"task_token": other.token})
    asked.answer()
    assert (mine.status(), verify(asked, YES)["genuine"]) == ("RUNNING", True)
    assert verify(first, YES)["genuine"] is False


@pytest.mark.parametrize("error", ["ChampionChanged", "Lambda.Unknown"])
def test_what_is_no_answer_stands_for_itself(asked: RequestedApproval, error: str) -> None:
    assert verify(asked, error) == {"genuine": True, "seconds_left": 0, "message": ""}
