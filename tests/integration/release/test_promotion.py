"""Which candidate may go live: one that was compared with the model it replaces, on what was read."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import s3
from clinrisk.aws.tables import approvals, deployments
from clinrisk.core import object_keys
from clinrisk.core.release import obstacles, shadow
from clinrisk.errors import ChampionChanged
from clinrisk.services.release.approvers import overtaken_questions
from clinrisk.services.release.proofs import signatures
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import TrainedCandidate, WaitingExecution
from tests.integration.two_actors import just_before

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

FIRST, SECOND, THIRD = "heart-1111111111", "heart-2222222222", "heart-3333333333"
# What two candidates were compared with, and the reason given to the one that comes second.
RACES = [
    (0, "The evidence was made when no model was live, but version 1 is live."),
    (1, "The evidence compares with live version 1, but version 2 is live."),
]

# Which of the two that were approved is promoted first.
ORDERS = pytest.mark.parametrize("order", [1, -1])


def approved(stack: Stack, run_id: str, champion: int) -> RequestedApproval:
    asked = RequestedApproval(stack, WaitingExecution(stack, run_id).token, run_id, champion)
    assert "Approved" in asked.answer()["body"]
    return asked


def two_approved(stack: Stack, champion: int) -> tuple[RequestedApproval, RequestedApproval]:
    """Two candidates that were compared with the same model, both approved."""
    if champion:
        approved(stack, THIRD, champion - 1).promote()
    return approved(stack, FIRST, champion), approved(stack, SECOND, champion)


def kept(stack: Stack, asked: RequestedApproval, event: str) -> Any:
    """Read what the ledger keeps about a decision, or what came of it."""
    [body] = [one["body"] for one in stack.ledger(event) if one["body"]["approval_id"] == asked.approval_id]
    return body


def check_not_released(
    stack: Stack, asked: RequestedApproval, winner: RequestedApproval, champion: int, reason: str
) -> None:
    """Nothing of the loser is live, and everybody who looks can read why."""
    assert deployments.live("heart").approval_id == winner.approval_id
    assert deployments.live("heart").live_version == champion + 1
    refusal = approvals.find(asked.approval_id).refusal
    assert refusal == obstacles.outdated(champion, champion + 1, asked.candidate.run_id)
    assert refusal.startswith(reason)
    assert approvals.find(winner.approval_id).live_version == champion + 1
    assert kept(stack, asked, "not released")["refusal"] == refusal
    assert len(stack.ledger("released")) == champion + 1
    page = asked.open()["body"]
    assert approvals.find(asked.approval_id).status == "OVERTAKEN"
    assert "Overtaken by another release" in page
    assert reason in page


@ORDERS
@pytest.mark.parametrize(("champion", "reason"), RACES)
def test_of_two_candidates_approved_one_after_the_other_the_second_is_evaluated_again(
    stack: Stack, champion: int, reason: str, order: int
) -> None:
    first, second = two_approved(stack, champion)[::order]
    assert first.promote()["live_version"] == champion + 1
    with pytest.raises(ChampionChanged) as refused:
        second.promote()
    assert str(refused.value).startswith(reason)
    check_not_released(stack, second, first, champion, reason)


@ORDERS
@pytest.mark.parametrize(("champion", "reason"), RACES)
def test_a_race_between_two_approvals_is_decided_by_the_write_that_moves_the_pointer(
    stack: Stack, champion: int, reason: str, order: int
) -> None:
    first, second = two_approved(stack, champion)[::order]
    # All is checked and hashed when the other promotion runs to its end before this one's write.
    overtaken = just_before("TransactWriteItems", first.promote)
    with pytest.raises(ChampionChanged) as refused:
        second.promote()
    assert overtaken[0]["live_version"] == champion + 1
    assert str(refused.value).startswith(reason)
    check_not_released(stack, second, first, champion, reason)


def test_the_same_promotion_twice_at_once_is_one_release(stack: Stack) -> None:
    asked = approved(stack, FIRST, 0)
    twin = just_before("TransactWriteItems", asked.promote)
    assert asked.promote()["live_version"] == twin[0]["live_version"] == 1
    assert len(stack.ledger("released")) == 1


def test_a_release_that_is_repeated_when_something_changed_since_is_still_that_release(stack: Stack) -> None:
    asked = approved(stack, FIRST, 0)
    asked.promote()
    asked.candidate.change("model_card", b"changed")
    assert asked.promote()["live_version"] == 1
    assert approvals.find(asked.approval_id).refusal == ""


def test_evidence_that_is_out_of_date_cannot_be_approved_and_can_be_closed(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = WaitingExecution(stack)
    outdated = RequestedApproval(stack, waiting.token, SECOND)
    # The release has moved the pointer, and has not come to close what it overtook.
    monkeypatch.setattr(overtaken_questions, "close", lambda *_: None)
    approved(stack, FIRST, 0).promote()
    reason = RACES[0][1]
    assert reason in outdated.open()["body"]
    refused = outdated.answer()
    assert (refused["statusCode"], waiting.status()) == (422, "RUNNING")
    assert f"This version cannot be released. {reason}" in refused["body"]
    assert "Rejected" in outdated.answer("reject", reason="Another model is live by now.")["body"]
    assert waiting.end()["error"] == "ApprovalRejected"
    assert deployments.live("heart").run_id == FIRST


def test_nobody_is_asked_about_what_compares_with_a_model_that_is_live_no_more(stack: Stack) -> None:
    candidate = TrainedCandidate(stack, run_id=SECOND)
    judgement = stack.call("judge_candidate", candidate.judge_event())
    event = candidate.approval_event(judgement, candidate.register(judgement), "token")
    approved(stack, FIRST, 0).promote()
    with pytest.raises(ChampionChanged, match="clinrisk evaluate heart-2222222222 --reason TEXT"):
        stack.call("request_approval", event)
    assert stack.mails() == []


def test_a_candidate_that_was_compared_with_the_live_model_replaces_it(stack: Stack) -> None:
    approved(stack, FIRST, 0).promote()
    second = approved(stack, SECOND, 1)
    assert second.judgement["digests"]["champion_version"] == "1"
    assert second.promote()["live_version"] == 2
    assert deployments.live("heart").previous_version == 1


def compare(stack: Stack, run_id: str, batch: str, reason: str) -> str:
    """Leave a comparison, and give its digest."""
    found = shadow.not_compared("heart", run_id, batch, shadow.NOTHING, reason)
    key = object_keys.comparison("heart", run_id, batch)
    s3.store_json("clinrisk-lake", key, found)
    return hashlib.sha256(stack.read(f"s3://clinrisk-lake/{key}")).hexdigest()


@pytest.mark.parametrize(("decision", "what"), [("approve", "approved"), ("reject", "rejected")])
def test_a_decision_is_kept_with_the_digests_of_what_was_on_the_page(
    stack: Stack, decision: str, what: str
) -> None:
    asked = RequestedApproval(stack, WaitingExecution(stack).token)
    replay = compare(stack, asked.candidate.run_id, "replay", "No batch yet.")
    later = compare(stack, asked.candidate.run_id, "a" * 20, "Nothing new.")
    asked.answer(decision)
    entry = kept(stack, asked, "decided")
    named = ("evaluation", "report", *object_keys.MODEL_CARD)
    assert entry["evidence"] == {name: asked.judgement["digests"][name] for name in named} | {
        "comparison/replay": replay,
        f"comparison/{'a' * 20}": later,
    }
    assert entry["digests"] == asked.judgement["digests"]
    assert (entry["decision"], entry["reason"]) == (what.upper(), "Well calibrated in women too.")
    assert approvals.find(asked.approval_id).evidence == entry["evidence"]
    if decision == "approve":
        asked.promote()
        assert kept(stack, asked, "released")["evidence"] == entry["evidence"]


def test_a_decision_that_broke_off_before_the_ledger_is_completed_by_the_same_answer(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    asked.carry()
    answer = replace(
        approvals.find(asked.approval_id),
        decision=approvals.APPROVED,
        reason="Recorded before the crash.",
        evidence={"report": "0" * 64},
        decided_at="2026-03-01T09:30:00.000Z",
    )
    approvals.decide(signatures.sign(answer), 0)
    assert stack.ledger("decided") == []
    assert "Recorded before the crash." in asked.answer()["body"]
    assert kept(stack, asked, "decided")["evidence"] == {"report": "0" * 64}
    assert waiting.end()["status"] == "SUCCEEDED"


def test_a_comparison_that_came_while_the_page_was_open_is_read_before_anything_is_decided(
    stack: Stack,
) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    old = asked.carry() | {"decision": "approve", "version": "1", "reason": "Well calibrated in women too."}
    digest = compare(stack, asked.candidate.run_id, "b" * 20, "It ended with States.Timeout.")
    response = asked.open("POST", form=old)
    assert (response["statusCode"], waiting.status()) == (422, "RUNNING")
    assert "There is new evidence since you opened this page" in response["body"]
    assert "Well calibrated in women too." in response["body"]
    assert digest in response["body"]
    assert "Approved" in asked.answer()["body"]
    assert approvals.find(asked.approval_id).evidence[f"comparison/{'b' * 20}"] == digest


def test_a_form_that_claims_other_evidence_than_its_page_showed_is_refused(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    form = {"decision": "approve", "version": "1", "reason": "Because I can forge."}
    response = asked.open("POST", form=form | asked.carry() | {"shown": "0" * 64})
    assert response["statusCode"] == 403


@pytest.mark.parametrize("name", ["report", "model_card_hti1", "champion_version"])
def test_a_link_is_signed_for_every_digest_of_the_candidate(stack: Stack, name: str) -> None:
    asked = RequestedApproval(stack)
    stack.tables.Table(stack.environment["APPROVALS_TABLE"]).update_item(
        Key={"pk": f"APPROVAL#{asked.approval_id}", "sk": "STATE"},
        UpdateExpression="SET digests.#name = :other",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":other": "7" if name == "champion_version" else "7" * 64},
    )
    assert asked.open()["statusCode"] == 403
