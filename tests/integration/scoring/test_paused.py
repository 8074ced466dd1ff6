"""While a use case is paused, none of its batches is judged or published; the batches wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clinrisk.aws.tables import pauses
from clinrisk.errors import ChampionChanged, ScoringPaused
from clinrisk.messages.live_changes import Pause
from clinrisk.services.scoring import scoring_model
from tests.integration.events import read_event
from tests.integration.inbox_files import Ingest, stroke_batch
from tests.integration.presented_results import publish_event
from tests.integration.scored_batches import ScoredBatches

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Stack

SINCE = "2026-03-01T09:30:00.000Z"


def pause(use_case: str) -> None:
    pauses.begin(Pause(use_case=use_case, person="kim", reason="Units.", since=SINCE, execution="run-1"))


@pytest.mark.parametrize("about", ["like_training", "risks"])
def test_no_batch_is_judged(stack: Stack, about: str) -> None:
    ScoredBatches(stack)
    pause("heart")
    with pytest.raises(ScoringPaused, match=f"paused since {SINCE}: the batch waits"):
        stack.call("judge_batch", read_event(f"judge_batch.{about}"))


def test_a_pause_of_another_use_case_keeps_nothing_back(stack: Stack) -> None:
    ScoredBatches(stack)
    pause("stroke")
    assert stack.call("judge_batch", read_event("judge_batch.like_training"))["verdict"] == "FIT"


def test_nothing_is_published(stack: Stack) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    pause("stroke")
    with pytest.raises(ScoringPaused):
        stack.call("publish_results", event)
    assert not [key for key in stack.keys("results") if key.startswith("results/")]


def paused_now(_stack: Stack) -> None:
    pause("stroke")


def rolled_back_now(stack: Stack) -> None:
    table = stack.tables.Table(stack.environment["DEPLOYMENTS_TABLE"])
    table.update_item(
        Key={"pk": "USE_CASE#stroke", "sk": "LIVE"},
        UpdateExpression="SET live_version = :next",
        ExpressionAttributeValues={":next": 2},
    )


@pytest.mark.parametrize(
    ("happens", "error", "why"),
    [
        (paused_now, ScoringPaused, "are paused since"),
        (rolled_back_now, ChampionChanged, "Live version 2 went live"),
    ],
)
def test_results_that_were_being_written_at_that_moment_are_recalled(
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[Stack], None],
    error: type[Exception],
    why: str,
) -> None:
    upload, _ = Ingest.of(stack, "inbox/stroke/inference/ward.csv", stroke_batch(20)).run()
    event = publish_event(stack, upload)
    looks, check_live = iter(range(9)), scoring_model.check_live

    def at_the_last_look(use_case: str, run: object) -> object:
        # One look before the proof, one before the first byte, one after the last.
        if next(looks) == 2:
            happens(stack)
        return check_live(use_case, run)  # type: ignore[arg-type]

    monkeypatch.setattr(scoring_model, "check_live", at_the_last_look)
    with pytest.raises(error):
        stack.call("publish_results", event)
    [notice] = [key for key in stack.keys("results") if key.endswith(".RECALLED.txt")]
    assert why in stack.read(f"s3://clinrisk-results/{notice}").decode()
