"""A question that expired is asked again about the same candidate, without training it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws.tables import approvals
from clinrisk.errors import DecisionInvalid
from tests.integration.approval_request import RequestedApproval

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


def ask_again(stack: Stack, asked: RequestedApproval) -> Any:
    event = asked.candidate.approval_event(asked.judgement, asked.package, "another-token")
    return stack.call("request_approval", event)["approval_id"]


def test_an_expired_question_is_asked_anew_with_a_link_of_its_own(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    stack.call("expire_approval", {"use_case": "heart", "run_id": asked.candidate.run_id})
    second = ask_again(stack, asked)
    assert second != asked.approval_id
    [mail] = stack.mails()
    assert second in mail["Message"]
    assert asked.approval_id not in mail["Message"]
    assert approvals.find(asked.approval_id).status == "EXPIRED"
    open_ = approvals.of_run(asked.candidate.run_id)
    assert (open_.approval_id, open_.status, open_.task_token) == (second, "PENDING", "another-token")


def test_the_link_of_the_expired_question_decides_nothing(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    asked.carry()
    stack.call("expire_approval", {"use_case": "heart", "run_id": asked.candidate.run_id})
    second = ask_again(stack, asked)
    asked.answer("approve")
    assert approvals.find(second).status == "PENDING"
    assert approvals.find(asked.approval_id).status == "EXPIRED"


def test_both_questions_stay_in_the_list_of_the_use_case(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    stack.call("expire_approval", {"use_case": "heart", "run_id": asked.candidate.run_id})
    second = ask_again(stack, asked)
    listed = stack.tables.Table("clinrisk-approvals").scan()["Items"]
    of_use_case = {item["approval_id"] for item in listed if item["pk"] == "USE_CASE#heart"}
    assert of_use_case == {asked.approval_id, second}


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_what_a_person_has_decided_is_not_asked_again(stack: Stack, decision: str) -> None:
    asked = RequestedApproval(stack)
    asked.answer(decision)
    before = approvals.find(asked.approval_id)
    assert before.decision
    with pytest.raises(DecisionInvalid, match="decided already"):
        ask_again(stack, asked)
    assert approvals.of_run(asked.candidate.run_id) == before


def test_of_two_that_ask_again_at_once_one_question_is_open(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other release was faster: its question stands, and this one takes its place with a new token."""
    asked = RequestedApproval(stack)
    stack.call("expire_approval", {"use_case": "heart", "run_id": asked.candidate.run_id})
    stale = approvals.find(asked.approval_id)
    faster = ask_again(stack, asked)
    true_of_run, seen = approvals.of_run, [stale]
    monkeypatch.setattr(approvals, "of_run", lambda run: seen.pop() if seen else true_of_run(run))
    event = asked.candidate.approval_event(asked.judgement, asked.package, "the-slower-token")
    assert stack.call("request_approval", event)["approval_id"] == faster
    open_ = true_of_run(asked.candidate.run_id)
    assert (open_.approval_id, open_.status, open_.task_token) == (faster, "PENDING", "the-slower-token")
