"""The shadow, played: beside the live model while a candidate waits, and never in its way."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.messages.release import PlanShadowRequest, RecordShadowRequest
from tests.statemachines.calls import Call, ServiceError
from tests.statemachines.definitions import value_of
from tests.statemachines.explaining import failed_job
from tests.statemachines.interpreter import NeverAnswersError
from tests.statemachines.release import test_play_release as release
from tests.statemachines.scoring import test_play_scoring as scoring

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.statemachines.interpreter import Scene

    Setting = Callable[[dict[str, Any]], Scene]

RUN = release.RUN
# What its jobs are named after: the run, and this execution.
JOBS = f"{RUN}-{hashlib.sha256(RUN.encode()).hexdigest()[:8]}"
BATCHES = [
    {
        "upload_id": f"{n}" * 20,
        "rows": 90,
        "predictions": f"s3://lake/predictions/heart/{f'{n}' * 20}.parquet",
    }
    for n in (1, 2, 3)
]
PLANNED = {"champion_version": 4, "batches": BATCHES, "reason": ""}
BROKEN = failed_job("9 patients and 8 scores.")
WAITING: dict[str, dict[str, dict[str, Any]]] = {
    "Item": {
        "pk": {"S": "SHADOW#stroke"},
        "sk": {"S": "WAITING"},
        "run_id": {"S": "stroke-9876543210"},
        "model_name": {"S": "stroke-9876543210-shadow-0"},
        "model_uri": {"S": "s3://lake/models/stroke/stroke-9876543210/xgboost/j/output/model.tar.gz"},
        "feature_digest": scoring.LIVE["Item"]["feature_digest"],
        "threshold": {"N": "0.07"},
        "expires_at": {"N": "4102444800"},
    }
}
PREFIX = f"s3://lake/shadow/stroke/stroke-9876543210/scores/{scoring.UPLOAD['upload_id']}/"


def waiting(**changes: str) -> dict[str, Any]:
    item = copy.deepcopy(WAITING)
    for name, value in changes.items():
        item["Item"][name] = {"N" if name == "expires_at" else "S": value}
    return item


# --- before anybody is asked ---


def test_a_candidate_replays_each_recent_batch_and_is_compared_once(scene: Setting) -> None:
    stage = scene(release.cast(Plan_Shadow=PLANNED))
    assert stage.run("release", release.CANDIDATE, RUN).status == "SUCCEEDED"
    replays = [call.arguments for call in stage.stage.to("Replay Batch")]
    assert [one["TransformJobName"] for one in replays] == [f"{JOBS}-replay-{n}-0" for n in range(3)]
    assert {one["ModelName"] for one in replays} == {f"917d40e5-{JOBS}-shadow-0"}
    for one, batch in zip(replays, BATCHES, strict=True):
        source = one["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        assert source == f"s3://lake/transform/heart/{batch['upload_id']}/"
        where = f"s3://lake/shadow/heart/{RUN}/scores/{batch['upload_id']}/"
        assert one["TransformOutput"]["S3OutputPath"] == where
        assert one["TransformOutput"]["KmsKeyId"] == value_of("ShadowKey")
    [compare] = [call.arguments for call in stage.stage.to("Compare With Champion")]
    inputs = {one["InputName"]: one["S3Input"]["S3Uri"] for one in compare["ProcessingInputs"]}
    assert inputs["shadow"] == f"s3://lake/shadow/heart/{RUN}/scores/"
    assert [inputs[f"champion-{n}"] for n in range(3)] == [one["predictions"] for one in BATCHES]
    assert len({one["S3Input"]["LocalPath"] for one in compare["ProcessingInputs"]}) == len(inputs) == 6
    [output] = compare["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == f"s3://lake/comparisons/heart/{RUN}/"
    assert compare["Environment"] == {
        "USE_CASE": "heart", "RUN_ID": RUN, "BATCH": "replay", "THRESHOLD": "0.31", "CHAMPION_VERSION": "4",
    }  # fmt: skip


def test_one_batch_is_a_list_of_one(scene: Setting) -> None:
    stage = scene(release.cast(Plan_Shadow=PLANNED | {"batches": BATCHES[:1]}))
    assert stage.run("release", release.CANDIDATE, RUN).status == "SUCCEEDED"
    [compare] = [call.arguments for call in stage.stage.to("Compare With Champion")]
    assert len(compare["ProcessingInputs"]) == 4


def test_before_the_first_release_no_job_is_run_and_the_reason_is_kept(scene: Setting) -> None:
    stage = scene(release.cast())
    assert stage.run("release", release.CANDIDATE, RUN).status == "SUCCEEDED"
    assert not {"Replay Batch", "Compare With Champion", "Announce Failed Shadow"} & set(stage.stage.states)
    [record] = stage.stage.to("Record Shadow")
    request = RecordShadowRequest.model_validate(record.payload)
    assert (request.error.name, request.reason) == ("", "No model is live yet.")


def test_the_shadow_is_served_under_its_own_role_and_named_before_anybody_is_asked(scene: Setting) -> None:
    stage = scene(release.cast(Plan_Shadow=PLANNED))
    stage.run("release", release.CANDIDATE, RUN)
    [model] = stage.stage.to("Create Shadow Model")
    assert model.arguments["ExecutionRoleArn"] == value_of("ShadowJobRole")
    [plan] = stage.stage.to("Plan Shadow")
    assert PlanShadowRequest.model_validate(plan.payload).feature_digest == release.DIGESTS["features"]
    [named] = stage.stage.to("Name Shadow")
    item = named.arguments["Item"]
    assert (item["pk"], item["sk"]) == ({"S": "SHADOW#heart"}, {"S": "WAITING"})
    assert item["model_name"] == {"S": f"917d40e5-{JOBS}-shadow-0"}
    left = int(item["expires_at"]["N"]) - time.time()
    assert left == pytest.approx(168 * 3600, abs=60)
    order = stage.stage.states
    assert order.index("Name Shadow") < order.index("Record Shadow") < order.index("Await Approval")


@pytest.mark.parametrize(
    "state", ["Create Shadow Model", "Plan Shadow", "Name Shadow", "Replay Batch", "Compare With Champion"]
)
def test_a_shadow_that_breaks_is_announced_and_the_approver_is_still_asked(
    scene: Setting, state: str
) -> None:
    outcome = {"announce": True, "subject": "Shadow", "message": "It failed."}
    stage = scene(release.cast(Plan_Shadow=PLANNED, Record_Shadow=outcome) | {state: BROKEN})
    assert stage.run("release", release.CANDIDATE, RUN).status == "SUCCEEDED"
    [record] = stage.stage.to("Record Shadow")
    request = RecordShadowRequest.model_validate(record.payload)
    name = "JobFailed" if state in {"Replay Batch", "Compare With Champion"} else "States.TaskFailed"
    assert (request.error.name, request.batch) == (name, "replay")
    [mail] = stage.stage.to("Announce Failed Shadow")
    assert mail.arguments["MessageAttributes"]["audience"]["StringValue"] == "operator"
    assert "Await Approval" in stage.stage.states


@pytest.mark.parametrize("announced", [{"MessageId": "m"}, ServiceError("SNS.Down")])
def test_an_ending_that_cannot_be_recorded_is_announced_too(scene: Setting, announced: Any) -> None:
    broken = ServiceError("Lambda.Unknown")
    stage = scene(release.cast(Record_Shadow=broken, Announce_Failed_Shadow=announced))
    assert stage.run("release", release.CANDIDATE, RUN).status == "SUCCEEDED"
    assert "could not be recorded" in stage.stage.to("Announce Failed Shadow")[0].arguments["Message"]


@pytest.mark.parametrize(
    ("answer", "follows"),
    [
        (release.cast()["Await Approval"], "Promote Candidate"),
        (ServiceError("ApprovalRejected"), "Withdraw Candidate"),
        (NeverAnswersError(), "Expire Approval"),
    ],
)
@pytest.mark.parametrize("retired", [{}, ServiceError("DynamoDB.ConditionalCheckFailedException")])
def test_whatever_is_decided_the_shadow_is_retired_first(
    scene: Setting, answer: Any, follows: str, retired: Any
) -> None:
    stage = scene(release.cast(Await_Approval=answer, Retire_Shadow=retired))
    stage.run("release", release.CANDIDATE, RUN)
    order = stage.stage.states
    assert order[order.index("Retire Shadow") + 1] == follows
    [retire] = stage.stage.to("Retire Shadow")
    assert retire.arguments["ExpressionAttributeValues"] == {":mine": {"S": RUN}}


# --- while a candidate waits ---


def test_a_new_batch_is_scored_by_both_and_compared(scene: Setting) -> None:
    stage = scene(scoring.cast(Find_Shadow=WAITING))
    assert stage.run("scoring", scoring.BATCH).status == "SUCCEEDED"
    [score] = [call.arguments for call in stage.stage.to("Score By Shadow")]
    assert score["ModelName"] == "stroke-9876543210-shadow-0"
    assert score["TransformOutput"]["S3OutputPath"] == PREFIX
    assert score["TransformOutput"]["KmsKeyId"] == value_of("ShadowKey")
    assert len(score["TransformJobName"]) <= 63
    [compare] = [call.arguments for call in stage.stage.to("Compare With Champion")]
    inputs = {one["InputName"]: one["S3Input"]["S3Uri"] for one in compare["ProcessingInputs"]}
    assert inputs["shadow"] == PREFIX
    assert inputs["champion"] == f"s3://lake/predictions/{scoring.KEY}.parquet"
    assert compare["Environment"]["THRESHOLD"] == "0.07"
    assert compare["Environment"]["BATCH"] == scoring.UPLOAD["upload_id"]
    assert compare["RoleArn"] == value_of("CompareJobRole")
    [record] = stage.stage.to("Record Shadow")
    assert RecordShadowRequest.model_validate(record.payload).error.name == ""


def test_nothing_of_the_shadow_is_among_what_clinicians_get(scene: Setting) -> None:
    stage = scene(scoring.cast(Find_Shadow=WAITING))
    stage.run("scoring", scoring.BATCH)
    for state in ("Score By Champion", "Present Results", "Publish Results", "Announce Results"):
        [call] = stage.stage.to(state)
        assert "shadow" not in json.dumps(call.arguments).lower()
        assert "stroke-9876543210" not in json.dumps(call.arguments)


@pytest.mark.parametrize(
    "found",
    [
        {},
        waiting(expires_at="1700000000"),
        waiting(run_id=scoring.LIVE["Item"]["run_id"]["S"]),
    ],
    ids=["nobody waits", "out of time", "live by now"],
)
def test_who_does_not_wait_is_no_shadow(scene: Setting, found: dict[str, Any]) -> None:
    stage = scene(scoring.cast(Find_Shadow=found))
    assert stage.run("scoring", scoring.BATCH).status == "SUCCEEDED"
    assert not {"Score By Shadow", "Compare With Champion", "Record Shadow"} & set(stage.stage.states)


def test_a_shadow_of_other_features_scores_nobody_and_is_announced(scene: Setting) -> None:
    stage = scene(scoring.cast(Find_Shadow=waiting(feature_digest="d" * 64)))
    assert stage.run("scoring", scoring.BATCH).status == "SUCCEEDED"
    assert "Score By Shadow" not in stage.stage.states
    [record] = stage.stage.to("Record Shadow")
    assert record.payload["error"]["Error"] == "FeatureMismatch"


@pytest.mark.parametrize("state", ["Find Shadow", "Score By Shadow", "Compare With Champion"])
@pytest.mark.parametrize(
    "how", [BROKEN, NeverAnswersError(), ServiceError("DynamoDB.ResourceNotFoundException")]
)
def test_a_broken_shadow_costs_nobody_a_result_and_is_announced(
    scene: Setting, state: str, how: Exception
) -> None:
    outcome = {"announce": True, "subject": "Shadow", "message": "It failed."}
    stage = scene(scoring.cast(Find_Shadow=WAITING, Record_Shadow=outcome) | {state: how})
    assert stage.run("scoring", scoring.BATCH).status == "SUCCEEDED"
    assert {"Publish Results", "Announce Results", "Announce Failed Shadow"} <= set(stage.stage.states)
    [record] = stage.stage.to("Record Shadow")
    assert RecordShadowRequest.model_validate(record.payload).error.name


def test_the_results_are_out_before_a_slow_shadow_has_ended(scene: Setting) -> None:
    published: list[bool] = []

    def slow(_call: Call) -> dict[str, Any]:
        deadline = time.monotonic() + 20
        while "Announce Results" not in stage.stage.states and time.monotonic() < deadline:
            time.sleep(0.01)
        published.append("Announce Results" in stage.stage.states)
        return {"TransformJobStatus": "Completed"}

    stage = scene(scoring.cast(Find_Shadow=WAITING, Score_By_Shadow=slow))
    assert stage.run("scoring", scoring.BATCH).status == "SUCCEEDED"
    assert published == [True]


def test_results_that_were_not_announced_fail_after_the_shadow_too(scene: Setting) -> None:
    stage = scene(scoring.cast(Find_Shadow=WAITING, Announce_Results=ServiceError("SNS.Down")))
    assert stage.run("scoring", scoring.BATCH).error == "ResultsUnannounced"
    assert "Record Shadow" in stage.stage.states
