"""Set Pause: while a use case is paused nothing of it goes out; its end takes the word of an approver."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import ledger
from clinrisk.aws.tables import pauses
from clinrisk.errors import ChangeRefused, DecisionForged, DecisionInvalid
from tests.integration.asked_change import PAUSE, AskedChange, ask, asked_to_resume, resume
from tests.integration.events import events_of, read_event
from tests.integration.trained_candidate import WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


def pause(stack: Stack, execution: str = "pause-1") -> Any:
    return stack.call("set_pause", PAUSE | {"execution": execution})


@pytest.fixture
def agreed(stack: Stack) -> AskedChange:
    """Heart is paused, and an approver has agreed to end that; the workflow goes on now."""
    asked = asked_to_resume(stack, WaitingExecution(stack).token)
    asked.answer()
    return asked


@pytest.mark.parametrize("name", events_of("set_pause"))
def test_a_pause_lasts_and_names_who_asked_and_why(stack: Stack, name: str) -> None:
    answer = stack.call("set_pause", read_event(name))
    found = pauses.current("heart")
    assert found is not None
    assert (found.person.rpartition("/")[2], found.reason) == ("kim", "The laboratory has changed its units.")
    assert answer["subject"] == "Heart disease risk: results are paused"
    assert "clinrisk resume heart --reason TEXT" in answer["message"]
    assert pauses.current("stroke") is None


def test_its_end_is_kept_with_its_beginning_and_with_who_agreed(stack: Stack, agreed: AskedChange) -> None:
    answer = resume(stack)
    assert pauses.current("heart") is None
    assert "go out again" in answer["subject"]
    assert "Countersigned by Ann Lee (clinical), with this reason: Seen with" in answer["message"]
    [began], [ended] = stack.ledger("paused"), stack.ledger("resumed")
    assert ended["body"]["paused_since"] == began["body"]["since"]
    assert (ended["body"]["reason"], ended["body"]["change_id"]) == (
        "The units are as before.",
        agreed.change_id,
    )


def test_without_an_approver_no_pause_ends(stack: Stack) -> None:
    pause(stack)
    with pytest.raises(DecisionInvalid, match="no such change"):
        resume(stack)
    ask(stack)
    with pytest.raises(ChangeRefused, match="No approver has countersigned"):
        resume(stack)
    assert pauses.current("heart") is not None


def test_a_row_that_was_edited_ends_no_pause(stack: Stack, agreed: AskedChange) -> None:
    table = stack.tables.Table(stack.environment["APPROVALS_TABLE"])
    table.update_item(
        Key={"pk": "CHANGES#heart", "sk": agreed.change_id},
        UpdateExpression="SET reason = :reason",
        ExpressionAttributeValues={":reason": "Another reason."},
    )
    with pytest.raises(DecisionForged):
        resume(stack)
    assert pauses.current("heart") is not None


def test_an_agreement_about_an_earlier_pause_ends_no_later_one(stack: Stack) -> None:
    first = asked_to_resume(stack, WaitingExecution(stack, "one").token)
    first.answer()
    resume(stack)
    pause(stack, "pause-2")
    with pytest.raises(ChangeRefused, match="Another pause of heart has begun"):
        resume(stack)
    second = asked_to_resume(stack, WaitingExecution(stack, "two").token, "resume-2")
    second.answer()
    resume(stack, "resume-2")
    pause(stack, "pause-3")
    assert pauses.current("heart") is not None
    assert (len(stack.ledger("paused")), len(stack.ledger("resumed"))) == (3, 2)


def test_a_repeated_call_finds_its_own_change(stack: Stack) -> None:
    first = pause(stack)
    kept = stack.ledger()
    assert (pause(stack), stack.ledger()) == (first, kept)


def test_a_repeated_end_finds_its_own(stack: Stack, agreed: AskedChange) -> None:
    first = resume(stack)
    kept = stack.ledger()
    assert (resume(stack), stack.ledger()) == (first, kept)
    assert agreed.open()["statusCode"] == 200


@pytest.mark.parametrize("change", [pause, resume])
def test_a_change_that_broke_off_before_the_ledger_is_completed_by_its_repetition(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    if change is resume:
        asked_to_resume(stack, WaitingExecution(stack).token).answer()
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "append", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(Exception, match="MemoryError"):
            change(stack)
    change(stack)
    assert len(stack.ledger("paused" if change is pause else "resumed")) == 1


def test_what_is_so_already_is_refused(stack: Stack) -> None:
    with pytest.raises(ChangeRefused, match="are not paused"):
        ask(stack)
    pause(stack)
    with pytest.raises(ChangeRefused, match="are paused already"):
        pause(stack, "another")


def test_of_two_ends_at_once_one_counts(stack: Stack, agreed: AskedChange) -> None:
    with ThreadPoolExecutor(2) as actors:
        assert len(list(actors.map(resume, [stack, stack]))) == 2
    assert len(stack.ledger("resumed")) == 1
    assert agreed.open()["statusCode"] == 200


def test_an_end_by_another_execution_stands(stack: Stack, agreed: AskedChange) -> None:
    found = pauses.current("heart")
    assert found is not None
    pauses.end(found, "another")
    with pytest.raises(ChangeRefused, match="are not paused"):
        resume(stack)
    assert agreed.open()["statusCode"] == 200
