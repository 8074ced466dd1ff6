"""Set Pause: while a use case is paused nothing of it goes out; who began and ended it is in the ledger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import ledger
from clinrisk.aws.tables import pauses
from clinrisk.errors import ChangeRefused
from tests.integration.events import events_of, read_event

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


def change(stack: Stack, to: str, execution: str = "", **changes: Any) -> Any:
    event = read_event("set_pause.heart") | {"change": to, "execution": execution or to} | changes
    return stack.call("set_pause", event)


@pytest.mark.parametrize("name", events_of("set_pause"))
def test_a_pause_lasts_and_names_who_asked_and_why(stack: Stack, name: str) -> None:
    answer = stack.call("set_pause", read_event(name))
    pause = pauses.current("heart")
    assert pause is not None
    assert (pause.person.rpartition("/")[2], pause.reason) == ("kim", "The laboratory has changed its units.")
    assert answer["subject"] == "Heart disease risk: results are paused"
    assert "clinrisk resume heart --reason TEXT" in answer["message"]
    assert pauses.current("stroke") is None


def test_its_end_is_kept_with_its_beginning(stack: Stack) -> None:
    change(stack, "PAUSE")
    answer = change(stack, "RESUME", reason="The units are as before.")
    assert pauses.current("heart") is None
    assert "go out again" in answer["subject"]
    [began], [ended] = stack.ledger("paused"), stack.ledger("resumed")
    assert ended["body"]["paused_since"] == began["body"]["since"]
    assert ended["body"]["reason"] == "The units are as before."


def test_what_was_resumed_can_be_paused_again(stack: Stack) -> None:
    for number in range(2):
        change(stack, "PAUSE", f"pause-{number}")
        change(stack, "RESUME", f"resume-{number}")
    change(stack, "PAUSE", "pause-2")
    assert pauses.current("heart") is not None
    assert (len(stack.ledger("paused")), len(stack.ledger("resumed"))) == (3, 2)


@pytest.mark.parametrize("to", ["PAUSE", "RESUME"])
def test_a_repeated_call_finds_its_own_change(stack: Stack, to: str) -> None:
    change(stack, "PAUSE")
    first = change(stack, to)
    kept = stack.ledger()
    assert change(stack, to) == first
    assert stack.ledger() == kept


@pytest.mark.parametrize("to", ["PAUSE", "RESUME"])
def test_a_change_that_broke_off_before_the_ledger_is_completed_by_its_repetition(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    if to == "RESUME":
        change(stack, "PAUSE")
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "append", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(Exception, match="MemoryError"):
            change(stack, to)
    change(stack, to)
    assert len(stack.ledger("paused" if to == "PAUSE" else "resumed")) == 1


def test_what_is_so_already_is_refused(stack: Stack) -> None:
    with pytest.raises(ChangeRefused, match="are not paused"):
        change(stack, "RESUME")
    change(stack, "PAUSE")
    with pytest.raises(ChangeRefused, match="are paused already"):
        change(stack, "PAUSE", "another")


def test_of_two_ends_at_once_one_counts(stack: Stack) -> None:
    change(stack, "PAUSE")

    def attempt(execution: str) -> str:
        try:
            change(stack, "RESUME", execution)
        except ChangeRefused:
            return "refused"
        return "made"

    with ThreadPoolExecutor(2) as actors:
        assert sorted(actors.map(attempt, ["one", "other"])) == ["made", "refused"]
    assert len(stack.ledger("resumed")) == 1
