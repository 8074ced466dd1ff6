"""Questions that a release overtakes: they close themselves, their workflows end with the reason in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from clinrisk.aws import stepfunctions
from clinrisk.aws.tables import approvals, deployments
from clinrisk.core.release import obstacles
from clinrisk.errors import ChampionChanged, DecisionInvalid, Defect
from clinrisk.services.release.approvers import overtaken_questions
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import TrainedCandidate, WaitingExecution
from tests.integration.two_actors import just_before

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

FIRST, SECOND = "heart-1111111111", "heart-2222222222"


def release(stack: Stack, run_id: str = FIRST, champion: int = 0) -> None:
    asked = RequestedApproval(stack, WaitingExecution(stack, f"of-{run_id}").token, run_id, champion)
    asked.answer()
    asked.promote()


def test_a_release_closes_the_question_that_it_overtook_and_ends_its_workflow(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail, causes = stepfunctions.fail, []

    def heard(task_token: str, error: str, cause: str) -> bool:
        # moto drops the cause.
        causes.append(json.loads(cause))
        return fail(task_token, error, cause)

    monkeypatch.setattr(stepfunctions, "fail", heard)
    waiting = WaitingExecution(stack)
    overtaken = RequestedApproval(stack, waiting.token, SECOND)
    release(stack)
    why = obstacles.outdated(0, 1, SECOND)
    assert f"clinrisk evaluate {SECOND} --reason TEXT" in why
    closed = approvals.find(overtaken.approval_id)
    assert (closed.status, closed.refusal, closed.delivered) == ("OVERTAKEN", why, True)
    end = waiting.end()
    assert (end["status"], end["error"]) == ("FAILED", "ChampionChanged")
    assert causes == [{"errorMessage": why}]
    page = overtaken.open()["body"]
    assert "Overtaken by another release" in page
    assert why in page
    [entry] = stack.ledger("closed")
    assert (entry["body"]["approval_id"], entry["body"]["why"]) == (overtaken.approval_id, why)


def test_a_click_after_that_decides_nothing_and_states_what_happened(stack: Stack) -> None:
    overtaken = RequestedApproval(stack, WaitingExecution(stack).token, SECOND)
    form = {"decision": "approve", "version": "1", "reason": "Well calibrated."} | overtaken.carry()
    release(stack)
    answer = overtaken.open("POST", form=form)
    assert answer["statusCode"] == 410
    assert "Overtaken by another release" in answer["body"]
    assert approvals.find(overtaken.approval_id).decision == ""
    assert deployments.live("heart").run_id == FIRST


def test_a_question_about_what_was_compared_with_the_live_model_stays_open(stack: Stack) -> None:
    release(stack)
    waiting = WaitingExecution(stack)
    current = RequestedApproval(stack, waiting.token, SECOND, champion=1)
    RequestedApproval(stack, "token", "heart-3333333333", champion=1)
    assert approvals.find(current.approval_id).status == "PENDING"
    assert waiting.status() == "RUNNING"


def test_closing_what_is_overtaken_leaves_a_question_about_the_live_model_open(stack: Stack) -> None:
    release(stack)
    current = RequestedApproval(stack, "token", SECOND, champion=1)
    overtaken_questions.close("heart", "2026-03-01T09:30:00.000Z")
    assert approvals.find(current.approval_id).status == "PENDING"


def test_an_overtaken_run_is_asked_about_again_with_its_next_evaluation(stack: Stack) -> None:
    overtaken = RequestedApproval(stack, WaitingExecution(stack).token, SECOND)
    release(stack)
    again = RequestedApproval(stack, WaitingExecution(stack, "again").token, SECOND, champion=1)
    assert again.approval_id != overtaken.approval_id
    again.answer(version="2")
    assert again.promote()["live_version"] == 2
    assert approvals.find(overtaken.approval_id).status == "OVERTAKEN"


def test_a_release_that_broke_off_before_the_workflow_knew_is_completed_by_its_repetition(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = WaitingExecution(stack)
    RequestedApproval(stack, waiting.token, SECOND)
    asked = RequestedApproval(stack, WaitingExecution(stack, "first").token, FIRST)
    asked.answer()
    with monkeypatch.context() as broken:
        broken.setattr("clinrisk.aws.stepfunctions.fail", lambda *_: 1 / 0)
        with pytest.raises(Defect):
            asked.promote()
    assert waiting.status() == "RUNNING"
    kept = stack.ledger()
    asked.promote()
    assert waiting.end()["error"] == "ChampionChanged"
    assert stack.ledger() == kept


def test_a_release_just_before_the_question_is_stored_closes_it_before_anybody_is_mailed(
    stack: Stack,
) -> None:
    faster = RequestedApproval(stack, WaitingExecution(stack, "first").token, FIRST)
    faster.answer()
    candidate = TrainedCandidate(stack, run_id=SECOND)
    judgement = stack.call("judge_candidate", candidate.judge_event())
    event = candidate.approval_event(judgement, candidate.register(judgement), WaitingExecution(stack).token)
    just_before("TransactWriteItems", faster.promote)
    with pytest.raises(ChampionChanged, match="clinrisk evaluate"):
        stack.call("request_approval", event)
    assert approvals.of_run(SECOND).status == "OVERTAKEN"
    assert stack.mails() == []
    assert [one["event"] for one in stack.ledger() if one["body"].get("run_id") == SECOND] == [
        "asked",
        "closed",
    ]


def test_an_open_question_is_not_replaced_by_one_about_another_evaluation(stack: Stack) -> None:
    open_ = RequestedApproval(stack, run_id=SECOND)
    event = open_.candidate.approval_event(open_.judgement, ("another-package", 2), "token")
    with pytest.raises(DecisionInvalid, match="an earlier evaluation of this run is open"):
        stack.call("request_approval", event)
    assert approvals.find(open_.approval_id).status == "PENDING"
