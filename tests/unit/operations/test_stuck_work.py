"""What stands still, and what of it may be started by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clinrisk.core.operations import stuck_work
from clinrisk.core.operations.stuck_work import Ended, InboxVersion
from clinrisk.messages.operations import Stuck

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE = timedelta(minutes=15)


def version(minutes: float, *, stopped: bool = False) -> InboxVersion:
    return InboxVersion("a" * 20, "inbox/heart/training/a.csv", NOW - timedelta(minutes=minutes), stopped)


@pytest.mark.parametrize(("minutes", "found"), [(15, 0), (15.1, 1)])
def test_a_file_is_given_a_quarter_of_an_hour(minutes: float, found: int) -> None:
    assert len(stuck_work.unread([version(minutes)], None, NOW, PATIENCE)) == found


def test_a_file_that_may_stand_in_line_is_left_alone() -> None:
    """Whoever arrived after the oldest one in line may be behind it."""
    oldest = NOW - timedelta(hours=2)
    assert stuck_work.unread([version(119)], oldest, NOW, PATIENCE) == []
    assert stuck_work.unread([version(120 + 14)], oldest, NOW, PATIENCE) == []
    assert len(stuck_work.unread([version(120 + 16)], oldest, NOW, PATIENCE)) == 1


def test_a_reading_that_was_stopped_is_found_at_once() -> None:
    [found] = stuck_work.unread([version(0, stopped=True)], NOW, NOW, PATIENCE)
    assert (found.kind, found.safe) == ("reading_stopped", True)


@pytest.mark.parametrize("error", ["CandidateBlocked", "NotEnoughData"])
def test_an_answer_is_no_accident(error: str) -> None:
    assert stuck_work.dead_training("heart", Ended("heart-1", NOW, error, "It was so.")) == []


def test_a_run_that_had_no_turn_is_started_by_itself_and_one_that_broke_is_not() -> None:
    [broke] = stuck_work.dead_training("heart", Ended("heart-1", NOW, "JobFailed", "The disk was full."))
    assert (broke.safe, broke.reason) == (False, "The disk was full.")
    [waited] = stuck_work.dead_training("heart", Ended("heart-1", NOW, "NoSlotFree", "No slot."))
    assert waited.safe


def stuck(subject: str, **changes: object) -> Stuck:
    facts = {
        "kind": "not_scored", "subject": subject, "name": "inbox/a.csv", "use_case": "heart", "since": "2026",
        "reason": "It was so.", "command": "clinrisk score a", "startable": True, "safe": True, "starts": 0,
    }  # fmt: skip
    return Stuck.model_validate(facts | changes)


def test_who_is_started() -> None:
    items = [
        stuck("safe"),
        stuck("tried", starts=stuck_work.MOST_STARTS),
        stuck("almost", starts=stuck_work.MOST_STARTS - 1),
        stuck("unsafe", safe=False),
        stuck("impossible", startable=False),
    ]
    by_itself = stuck_work.to_start(items, (), safe=True)
    assert [one.subject for one in by_itself] == ["safe", "almost"]
    asked = stuck_work.to_start(items, ("tried", "unsafe", "impossible"), safe=False)
    assert [one.subject for one in asked] == ["tried", "unsafe"]
    assert [one.subject for one in stuck_work.needs_somebody(items)] == ["tried", "unsafe"]
