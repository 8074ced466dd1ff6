"""Which batches stand still, and which of their failures would be the same again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clinrisk.core.operations import stuck_batches
from clinrisk.core.operations.stuck_work import Ended
from clinrisk.messages.ingest import Disposition, Settlement
from clinrisk.messages.message import Reference
from clinrisk.messages.operations import Stuck

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BATCH = Stuck(
    kind="not_scored",
    subject="a" * 20,
    name="inbox/heart/inference/a.csv",
    use_case="heart",
    since="2026-03-01T12:00:00Z",
    reason="Its scoring has ended without results.",
    command="clinrisk score " + "a" * 20,
    startable=True,
    safe=True,
)


def ends(*errors: tuple[str, str]) -> list[Ended]:
    """Return ends, the newest first."""
    return [Ended("heart-" + "a" * 20, NOW, *error) for error in errors]


GONE, OTHER = ("JobFailed", "A column is gone."), ("JobFailed", "The disk was full.")


@pytest.mark.parametrize(
    ("found", "safe"),
    [
        ((GONE,), True),
        ((GONE, GONE), False),
        ((GONE, OTHER), True),
        ((GONE, OTHER, GONE), True),
        ((OTHER, GONE, GONE), True),
        ((("CountsDisagree", "A column is gone."), GONE), True),
        # Whoever stopped it, an execution that was stopped says nothing of the batch.
        ((("", ""), ("", "")), True),
        ((("NoSlotFree", "No slot."),) * 3, True),
        ((("NoLiveModel", "No model is live."),) * 2, True),
        ((("BatchHeld", "It was held."),) * 2, True),
        ((("ScoringPaused", "It is paused."),) * 2, True),
        ((("ContractChanged", "Another contract."),), False),
    ],
)
def test_a_failure_that_came_twice_in_a_row_in_the_same_words_is_left_to_a_person(
    found: tuple[tuple[str, str], ...], *, safe: bool
) -> None:
    shown = stuck_batches.explained(BATCH, ends(*found))
    assert shown.safe is safe
    assert shown.reason.endswith(" Twice in a row.") is (not safe and len(found) > 1)
    assert shown.reason.startswith(ends(*found)[0].reason)


def test_without_an_end_or_without_a_model_the_reason_stays() -> None:
    assert stuck_batches.explained(BATCH, []) == BATCH
    no_model = BATCH.model_copy(update={"startable": False, "reason": "No model is live for its use case."})
    assert stuck_batches.explained(no_model, ends(GONE, GONE)) == no_model


JUST_SETTLED = Settlement(
    upload_id="a" * 20,
    key="inbox/heart/inference/a.csv",
    version_id="v1",
    use_case="heart",
    purpose="inference",
    sha256="0" * 64,
    disposition=Disposition.ACCEPTED,
    rows_accepted=9,
    rows_quarantined=0,
    labelled_rows=0,
    receipt=Reference(uri="s3://results/receipts/a.json", sha256="0" * 64),
    settled_at="2026-03-01T11:59:00.000Z",
)


def unscored(
    *,
    ended: datetime | None = None,
    recalled: datetime | None = None,
    waits_for: str = "",
    now: datetime = NOW,
    rows_kept: timedelta | None = None,
) -> list[Stuck]:
    """Look at a batch that was settled a minute before noon, with a quarter of an hour of patience."""
    moments = [{"a" * 20: moment} if moment else {} for moment in (ended, recalled)]
    patience = timedelta(minutes=15)
    return stuck_batches.unscored(
        [JUST_SETTLED], (), *moments, waits_for=waits_for, now=now, patience=patience, rows_kept=rows_kept
    )


@pytest.mark.parametrize(
    ("ended", "recalled", "reason"),
    [
        (None, NOW, "Its results are recalled."),
        (NOW - timedelta(seconds=9), NOW, "Its results are recalled."),
        (NOW, None, "Its scoring has ended without results."),
        (NOW, NOW - timedelta(seconds=9), "Its scoring has ended without results."),
    ],
)
def test_a_recalled_batch_is_scored_again_at_once(
    ended: datetime | None, recalled: datetime | None, reason: str
) -> None:
    [found] = unscored(ended=ended, recalled=recalled)
    assert (found.reason, found.startable, found.since) == (reason, True, "2026-03-01T12:00:00Z")


def test_a_batch_that_was_just_settled_is_given_time() -> None:
    assert unscored() == []
    [found] = unscored(now=NOW + timedelta(minutes=15))
    assert found.reason == "Its scoring never started."


@pytest.mark.parametrize("why", [stuck_batches.NO_MODEL, stuck_batches.PAUSED])
def test_a_batch_that_nothing_may_score_is_listed_with_that_and_not_started(why: str) -> None:
    [found] = unscored(recalled=NOW, waits_for=why)
    assert (found.reason, found.startable) == (why, False)


def test_a_batch_whose_rows_have_ended_is_not_scored_but_left_to_a_person() -> None:
    month = timedelta(days=30)
    [found] = unscored(now=NOW + timedelta(days=29), rows_kept=month)
    assert (found.startable, found.safe, found.command) == (True, True, f"clinrisk score {'a' * 20}")
    for recalled, waits_for in ((None, ""), (NOW, ""), (None, stuck_batches.PAUSED)):
        [found] = unscored(now=NOW + month, rows_kept=month, recalled=recalled, waits_for=waits_for)
        assert (found.startable, found.safe, found.command) == (False, False, f"clinrisk withdraw {'a' * 20}")
        assert found.reason.startswith("Its rows have ended")
