"""What stands still, and what of it may be started by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clinrisk.core.operations import stuck_work
from clinrisk.core.operations.stuck_work import Ended, InboxVersion
from clinrisk.messages.ingest import Settlement
from clinrisk.messages.operations import Stuck

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE = timedelta(minutes=15)


def version(minutes: float, *, stopped: bool = False) -> tuple[InboxVersion, bool]:
    arrived = NOW - timedelta(minutes=minutes)
    return InboxVersion("a" * 20, "inbox/heart/training/a.csv", "v1", 9, arrived), stopped


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


def file(minutes: float) -> Settlement:
    """Return a training file that was accepted so many minutes ago."""
    at = (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return Settlement.model_validate(
        {
            "upload_id": "a" * 20, "key": "inbox/heart/training/a.csv", "version_id": "v1",
            "use_case": "heart", "purpose": "training", "sha256": "a" * 64, "disposition": "ACCEPTED",
            "rows_accepted": 9, "rows_quarantined": 0, "labelled_rows": 9,
            "received_at": at, "settled_at": at, "sequencer": "",
            "receipt": {"uri": "s3://results/r.json", "sha256": "b" * 64},
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settled", "began", "found"),
    [
        (14.9, None, 0),
        (15, None, 1),
        (60, 61, 1),
        (60, 60, 0),
        (60, 5, 0),
        # Nobody remembers whether a run began.
        (89 * 24 * 60, None, 0),
    ],
)
def test_a_training_file_after_which_no_run_began(settled: float, began: float | None, found: int) -> None:
    start = None if began is None else NOW - timedelta(minutes=began)
    stuck = stuck_work.untrained("heart", [file(settled)], start, NOW, PATIENCE)
    assert [(one.kind, one.safe) for one in stuck] == [("not_trained", True)][:found]


def test_too_few_rows_wait_for_no_run() -> None:
    assert stuck_work.untrained("heart", [], None, NOW, PATIENCE) == []
