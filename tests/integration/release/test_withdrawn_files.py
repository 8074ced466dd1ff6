"""A candidate whose training file was withdrawn since is neither asked about, nor approved, nor released."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws.tables import approvals, deployments
from clinrisk.errors import TrainingFileWithdrawn
from clinrisk.messages.ingest import Disposition
from tests.integration.approval_request import RequestedApproval
from tests.integration.events import read_event
from tests.integration.scored_batches import settle
from tests.integration.trained_candidate import TrainedCandidate, WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

KEPT, LOST = "a" * 20, "b" * 20
SOURCES = {
    KEPT: "inbox/heart/training/2026-01-01.csv",
    LOST: "inbox/heart/training/2026-02-01.csv",
}
WHY = (
    f"It learned from a file that was withdrawn since: 2026-02-01.csv (upload {LOST}). "
    "For another candidate: clinrisk train heart --reason TEXT"
)


def decide(stack: Stack, decision: str, execution: str) -> Any:
    event = read_event(f"decide_upload.{decision}") | {"upload_id": LOST, "execution": execution}
    found = stack.call("decide_upload", event)
    assert found["refused"] == ""
    return found


def withdraw(stack: Stack) -> None:
    decide(stack, "withdraw", "run-8")


@pytest.fixture(params=["accepted", "let through"])
def files(stack: Stack, request: pytest.FixtureRequest) -> None:
    """Two training files; one of them may have been held, and let through."""
    for upload_id, key in SOURCES.items():
        held = request.param == "let through" and upload_id == LOST
        disposition = Disposition.HELD if held else Disposition.ACCEPTED
        settle(upload_id, f"{key[-14:-4]}T00:00:00.000Z", 200, "training", disposition=disposition)
        if held:
            decide(stack, "let_through", "run-7")


@pytest.mark.usefixtures("files")
def test_nobody_is_asked_about_a_candidate_whose_file_was_withdrawn(stack: Stack) -> None:
    candidate = TrainedCandidate(stack, sources=SOURCES)
    judgement = stack.call("judge_candidate", candidate.judge_event())
    event = candidate.approval_event(judgement, candidate.register(judgement), "token")
    withdraw(stack)
    with pytest.raises(TrainingFileWithdrawn) as refused:
        stack.call("request_approval", event)
    assert str(refused.value) == WHY
    assert stack.mails() == []


@pytest.mark.usefixtures("files")
def test_while_it_waits_the_page_names_the_file_and_takes_a_rejection_alone(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token, sources=SOURCES)
    assert "can no longer be released" not in asked.open()["body"]
    withdraw(stack)
    assert WHY in asked.open()["body"]
    refused = asked.answer()
    assert (refused["statusCode"], waiting.status()) == (422, "RUNNING")
    assert f"This version cannot be released. {WHY}" in refused["body"]
    assert "Rejected" in asked.answer("reject", reason="One of its files was wrong.")["body"]
    assert waiting.end()["error"] == "ApprovalRejected"


@pytest.mark.usefixtures("files")
def test_after_a_yes_the_promotion_refuses_in_approval_ledger_and_mail(stack: Stack) -> None:
    asked = RequestedApproval(stack, WaitingExecution(stack).token, sources=SOURCES)
    assert "Approved" in asked.answer()["body"]
    withdraw(stack)
    with pytest.raises(TrainingFileWithdrawn) as refused:
        asked.promote()
    assert str(refused.value) == WHY
    assert deployments.current("heart") is None
    assert approvals.find(asked.approval_id).refusal == WHY
    [refusal] = stack.ledger("not released")
    assert refusal["body"]["refusal"] == WHY
    assert WHY in asked.open()["body"]


@pytest.mark.usefixtures("files")
def test_a_file_that_is_withdrawn_after_the_release_leaves_that_release_as_it_is(stack: Stack) -> None:
    asked = RequestedApproval(stack, WaitingExecution(stack).token, sources=SOURCES)
    asked.answer()
    asked.promote()
    withdraw(stack)
    assert asked.promote()["live_version"] == 1
