"""Outcomes joined to the predictions that they answer, however they arrive: counts, overview, profiles."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from clinrisk import use_cases
from clinrisk.aws.tables import uploads
from tests.integration.scored_batches import (
    BEFORE_GOING_LIVE,
    HEART,
    LIKE_TRAINING,
    OUTCOMES,
    ScoredBatches,
    settle,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


@pytest.fixture
def scored(stack: Stack) -> ScoredBatches:
    return ScoredBatches(stack)


def performance(scored: ScoredBatches) -> dict[str, Any]:
    """Return the verdict and the detail of the performance check about the batch that has outcomes."""
    answer = scored.stack.call("run_check", {"check": "performance", "selection": scored.select()})
    [found] = [f for f in answer["findings"] if f["batch"] == "inbox/heart/inference/2026-03-02.csv"]
    return {"verdict": found["verdict"], "detail": found["detail"]}


def test_joining_again_or_after_a_delay_ends_in_the_same_bytes(scored: ScoredBatches) -> None:
    scored.arrive(scored.labels[LIKE_TRAINING])
    key = f"s3://clinrisk-lake/joined/heart/{LIKE_TRAINING}.json"
    scored.join()
    first = scored.stack.read(key)
    scored.join()
    assert scored.stack.read(key) == first
    scored.arrive(scored.labels[BEFORE_GOING_LIVE], "e" * 20, "2026-04-02")
    scored.join("e" * 20)
    assert scored.stack.read(key) == first


def joined_scores(scored: ScoredBatches) -> Any:
    return scored.stack.read_json(f"s3://clinrisk-lake/joined/heart/{LIKE_TRAINING}.json")["scores"]


def other_way_round(scored: ScoredBatches) -> pl.DataFrame:
    return scored.labels[LIKE_TRAINING].with_columns((1 - pl.col("label").cast(pl.Int64)).alias("label"))


def test_a_second_file_that_contradicts_the_first_takes_both_out(scored: ScoredBatches) -> None:
    patients = len(scored.labels[LIKE_TRAINING])
    scored.arrive(scored.labels[LIKE_TRAINING])
    scored.join()
    scored.arrive(other_way_round(scored), "e" * 20, "2026-04-02", known_on="2026-04-01")
    answer = scored.stack.call("join_outcomes", {"use_case": "heart", "upload_id": "e" * 20})
    assert (answer["conflicting"], answer["joined"], answer["announce"]) == (patients, 0, True)
    assert "clinrisk outcomes heart" in answer["message"]
    found = performance(scored)
    assert f"for {patients} of {patients} patients" in found["detail"]
    assert found["verdict"] == "NOT_EVALUATED"
    # A redelivery of the first file changes nothing.
    assert scored.join() == {"conflicting": patients}


def test_a_second_file_that_replaces_the_first_counts_alone(scored: ScoredBatches) -> None:
    scored.arrive(scored.labels[LIKE_TRAINING])
    scored.join()
    before = joined_scores(scored)["all"]["all"]
    scored.arrive(other_way_round(scored), "e" * 20, "2026-04-02", replaces=True)
    assert scored.join("e" * 20) == {"joined": before["n"]}
    assert joined_scores(scored)["all"]["all"]["positives"] == before["n"] - before["positives"]


def test_outcomes_from_before_the_prediction_do_not_count(scored: ScoredBatches) -> None:
    scored.arrive(scored.labels[LIKE_TRAINING], known_on="2026-02-28")
    assert scored.join() == {"earlier": len(scored.labels[LIKE_TRAINING])}
    assert joined_scores(scored) is None
    assert performance(scored)["verdict"] == "NOT_EVALUATED"


def test_every_outcome_is_in_the_overview_for_the_data_manager(scored: ScoredBatches) -> None:
    scored.arrive(scored.labels[LIKE_TRAINING].head(20))
    scored.join()
    overview = scored.stack.read_json("s3://clinrisk-results/outcome-overviews/heart.json")
    (file,), (batch,) = overview["uploads"], overview["batches"]
    assert (file["upload_id"], file["joined"], file["unmatched"]) == (OUTCOMES, 20, 0)
    assert (batch["upload_id"], batch["joined"], batch["waiting_until"]) == (LIKE_TRAINING, 20, None)


def test_the_overview_says_until_when_a_batch_waits_for_its_horizon(
    scored: ScoredBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_cases, "get", lambda _: replace(HEART, horizon_days=30_000))
    scored.arrive(scored.labels[LIKE_TRAINING])
    scored.join()
    [batch] = scored.stack.read_json("s3://clinrisk-results/outcome-overviews/heart.json")["batches"]
    assert batch["waiting_until"] == (date(2026, 3, 2) + timedelta(days=30_000)).isoformat()


def test_nothing_is_left_of_outcomes_that_no_longer_count(
    scored: ScoredBatches, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored.arrive(scored.labels[LIKE_TRAINING])
    scored.join()
    used = uploads.used
    monkeypatch.setattr(
        uploads, "used", lambda case, purpose: [] if purpose == "outcomes" else used(case, purpose)
    )
    assert scored.stack.call("join_outcomes", {"use_case": "heart"})["joined"] == 0
    assert joined_scores(scored) is None


def test_a_batch_without_predictions_and_outcomes_without_rows_join_nothing(scored: ScoredBatches) -> None:
    settle("e" * 20, "2026-03-20T00:00:00.000Z", 10)
    settle("f" * 20, "2026-04-02T00:00:00.000Z", 0, "outcomes")
    scored.arrive(scored.labels[LIKE_TRAINING].head(50))
    assert scored.join() == {"joined": 50}
