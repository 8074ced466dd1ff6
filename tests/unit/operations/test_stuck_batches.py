"""Which batches stand still, and which of their failures would be the same again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clinrisk.core.operations import stuck_batches
from clinrisk.core.operations.stuck_work import Ended
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
