"""Plan Evaluation: what an existing run is evaluated with now, or in words why it cannot be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from clinrisk.core.training.training_plan import TrainingPlan
from clinrisk.errors import ObjectMissing
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import TrainedCandidate, WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

RUN = "heart-2222222222"
ASKED = {"use_case": "heart", "run_id": RUN}


def leave(stack: Stack, model: str, job: str) -> str:
    key = f"models/heart/{RUN}/{model}/{job}/output/model.tar.gz"
    stack.put("lake", key, b"model")
    return f"s3://clinrisk-lake/{key}"


def plan_of_run(stack: Stack) -> None:
    planned = TrainingPlan("heart", RUN, "2026-01-31T12:00:00.000Z", ("a",), "0" * 64, expected_rows=303)
    stack.put("lake", f"training/heart/{RUN}/plan/plan.json", json.dumps(planned.to_dict()).encode())


def release_another(stack: Stack) -> None:
    other = RequestedApproval(stack, WaitingExecution(stack).token, "heart-1111111111")
    other.answer()
    other.promote()


def test_the_last_job_of_each_kind_left_the_model(stack: Stack) -> None:
    plan_of_run(stack)
    for attempt in (0, 2, 10):
        xgboost = leave(stack, "xgboost", f"{RUN}-xgboost-{attempt}")
    logistic = leave(stack, "logistic", f"{RUN}-logistic-0")
    found = stack.call("plan_evaluation", ASKED)
    assert found["xgboost"]["model_uri"] == xgboost
    assert found["logistic"] == {"model_uri": logistic, "prefix": logistic.removesuffix("model.tar.gz")}
    assert (found["champion"], found["expected_rows"]) == (None, 303)


def test_the_model_that_is_live_now_is_what_it_is_held_against(stack: Stack) -> None:
    plan_of_run(stack)
    leave(stack, "xgboost", "x-0")
    leave(stack, "logistic", "l-0")
    release_another(stack)
    found = stack.call("plan_evaluation", ASKED)
    assert (found["champion"]["live_version"], found["champion"]["run_id"]) == (1, "heart-1111111111")


def test_evaluating_a_run_again_is_no_further_use_of_the_hold_out(stack: Stack) -> None:
    plan_of_run(stack)
    leave(stack, "xgboost", "x-0")
    leave(stack, "logistic", "l-0")
    uses = [stack.call("plan_evaluation", ASKED)["holdout_uses"] for _ in range(2)]
    assert uses == [1, 1]


def test_a_run_that_left_no_model_is_to_be_trained_again(stack: Stack) -> None:
    plan_of_run(stack)
    with pytest.raises(ObjectMissing, match="Train again: clinrisk train heart --reason TEXT"):
        stack.call("plan_evaluation", ASKED)


def test_a_candidate_that_was_compared_with_another_model_is_outdated_and_not_blocked(stack: Stack) -> None:
    release_another(stack)
    candidate = TrainedCandidate(stack, run_id=RUN, auc=0.5)
    verdict = stack.call("judge_candidate", candidate.judge_event())
    assert verdict["verdict"] == "OUTDATED"
    assert f"clinrisk evaluate {RUN} --reason TEXT" in verdict["unmet"][0]
