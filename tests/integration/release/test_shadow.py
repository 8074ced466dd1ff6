"""The shadow's two functions: which batches are replayed, how a missing comparison is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import s3
from clinrisk.core import object_keys
from clinrisk.core.release import shadow
from clinrisk.messages.release import PlanShadowRequest
from clinrisk.services.release import plan_shadow
from tests.integration.approval_request import RequestedApproval
from tests.integration.events import events_of, read_event
from tests.integration.scored_batches import (
    AROUND_PROMOTION,
    LIKE_TRAINING,
    OTHER_HOSPITAL,
    ScoredBatches,
    go_live,
    settle,
)

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

LAKE, RUN = "clinrisk-lake", "heart-9876543210"
[PLANNED] = events_of("plan_shadow")
ASKED = read_event(PLANNED)


def recorded(stack: Stack, case: str) -> Any:
    return stack.call("record_shadow", read_event(f"record_shadow.{case}"))


def document(stack: Stack, batch: str) -> Any:
    return stack.read_json(f"s3://{LAKE}/{object_keys.comparison('heart', RUN, batch)}")


def test_before_the_first_release_nothing_is_replayed_and_the_reason_is_given(stack: Stack) -> None:
    plan = stack.call("plan_shadow", ASKED)
    assert (plan["champion_version"], plan["batches"]) == (0, [])
    assert plan["reason"] == "No model is live yet, so there is nothing to compare with."


def test_the_newest_batches_of_the_live_model_are_replayed_until_there_are_enough(stack: Stack) -> None:
    scored = ScoredBatches(stack)
    [batch] = stack.call("plan_shadow", ASKED)["batches"]
    assert (batch["upload_id"], batch["rows"]) == (OTHER_HOSPITAL, 200)
    assert batch["predictions"] == f"s3://{LAKE}/predictions/heart/{OTHER_HOSPITAL}.parquet"
    scored.score("e" * 20, "2026-03-04", seed=6, rows=60)
    plan = stack.call("plan_shadow", ASKED)
    assert [one["upload_id"] for one in plan["batches"]] == ["e" * 20, OTHER_HOSPITAL]
    assert plan["reason"] == ""


def test_a_batch_that_is_not_scored_yet_is_left_out(stack: Stack) -> None:
    ScoredBatches(stack)
    stack.s3.delete_object(Bucket=LAKE, Key=object_keys.predictions("heart", OTHER_HOSPITAL))
    [batch] = stack.call("plan_shadow", ASKED)["batches"]
    assert batch["upload_id"] == LIKE_TRAINING


def scored_alone(upload: str, settled_at: str, rows: int) -> None:
    """Commit a batch, and leave the file of its predictions."""
    settle(upload, settled_at, rows)
    s3.store(LAKE, object_keys.predictions("heart", upload), b"predictions")


def planned() -> list[str]:
    plan = plan_shadow.plan(PlanShadowRequest.model_validate(ASKED))
    return [batch.upload_id for batch in plan.batches]


@pytest.mark.parametrize("count", [shadow.MOST_BATCHES - 1, shadow.MOST_BATCHES, shadow.MOST_BATCHES + 1])
def test_no_more_batches_than_one_job_can_read_are_chosen(stack: Stack, count: int) -> None:
    go_live(stack)
    uploads = [f"{number:020x}" for number in range(count)]
    for number, upload in enumerate(uploads):
        scored_alone(upload, f"2026-03-01T09:30:{number:02d}.000Z", rows=10)
    assert planned() == uploads[::-1][:8]


@pytest.mark.parametrize(("rows", "batches"), [(199, 2), (200, 1), (201, 1)])
def test_batches_are_chosen_until_they_hold_two_hundred_patients(
    stack: Stack, rows: int, batches: int
) -> None:
    go_live(stack)
    for upload, settled_at in (("a" * 20, "2026-03-01"), ("b" * 20, "2026-03-02"), ("c" * 20, "2026-03-03")):
        scored_alone(upload, f"{settled_at}T00:00:00.000Z", rows)
    assert len(planned()) == batches


def test_a_batch_is_replayed_from_the_moment_on_at_which_the_model_went_live(stack: Stack) -> None:
    go_live(stack)
    for upload, settled_at in zip("abc", AROUND_PROMOTION, strict=True):
        scored_alone(upload * 20, settled_at, rows=10)
    assert planned() == ["c" * 20, "b" * 20]


def test_a_live_model_without_a_batch_has_nothing_to_compare(stack: Stack) -> None:
    ScoredBatches(stack)
    for upload in (LIKE_TRAINING, OTHER_HOSPITAL):
        stack.s3.delete_object(Bucket=LAKE, Key=object_keys.predictions("heart", upload))
    plan = stack.call("plan_shadow", ASKED)
    assert (plan["champion_version"], plan["batches"]) == (1, [])
    assert plan["reason"] == "The live model has scored no batch yet, so there was no patient to compare."


def test_a_candidate_that_reads_other_features_is_not_let_near_the_batches(stack: Stack) -> None:
    ScoredBatches(stack)
    plan = stack.call("plan_shadow", ASKED | {"feature_digest": "1" * 64})
    assert (plan["champion_version"], plan["batches"]) == (1, [])
    assert plan["reason"] == "The live model reads other features, so the candidate cannot score its batches."


@pytest.mark.parametrize("name", events_of("record_shadow"))
def test_only_a_failure_is_announced(stack: Stack, name: str) -> None:
    case = name.partition(".")[2]
    assert recorded(stack, case)["announce"] is (case == "failed")


def test_a_failure_leaves_its_reason_for_the_approver_and_the_operator(stack: Stack) -> None:
    answer = recorded(stack, "failed")
    kept = document(stack, "a" * 20)
    assert (kept["outcome"], kept["reason"]) == (
        "FAILED",
        "50 patients and 49 scores do not pair up one to one.",
    )
    assert kept["reason"] in answer["message"]
    assert "not affected" in answer["message"]


def test_a_comparison_that_was_made_is_not_overwritten(stack: Stack) -> None:
    recorded(stack, "compared")
    assert not [key for key in stack.keys("lake") if key.startswith("comparisons/")]


def test_a_failure_to_find_out_who_waits_is_announced_without_a_document(stack: Stack) -> None:
    event = read_event("record_shadow.failed") | {"run_id": ""}
    assert stack.call("record_shadow", event)["announce"]
    assert not [key for key in stack.keys("lake") if key.startswith("comparisons/")]


def test_the_page_reads_the_comparisons_that_are_there_when_it_is_opened(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    assert "There is no comparison with the live model." in asked.mail["Message"]
    assert "There is no comparison with the live model." in asked.open()["body"]
    run = asked.candidate.run_id
    reason = "The live model has scored no batch yet."
    found = shadow.not_compared("heart", run, "replay", shadow.NOTHING, reason)
    s3.store_json(LAKE, object_keys.comparison("heart", run, "replay"), found)
    assert f"Recent batches: {reason}" in asked.open()["body"]
