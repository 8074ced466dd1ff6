"""The training workflow, played: handed over to a release, blocked, and every job that may fail."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.messages.release import ReleaseRequest
from tests.statemachines.calls import Call, ServiceError
from tests.statemachines.definitions import value_of
from tests.statemachines.explaining import explain, failed_job
from tests.statemachines.interpreter import NeverAnswersError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.statemachines.interpreter import Scene

    Setting = Callable[[dict[str, Any]], Scene]

RUN = "heart-0123456789"
START = {"use_case": "heart", "reason": "upload 1"}
PACKAGE = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/clinrisk-heart/7"
RANGES = {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0.02", "MaxValue": "0.3"}]}
DIGESTS = {
    "model": "a" * 64,
    "manifest": "b" * 64,
    "evaluation": "d" * 64,
    "code": "e" * 64,
    "features": "f" * 64,
    "image": "xgboost:3.2-0",
    "threshold": "0.31",
    "report": "c" * 64,
    "model_card": "1" * 64,
    "model_card_chai": "2" * 64,
    "model_card_hti1": "3" * 64,
    "champion_version": "1",
}
FAILED_JOB = failed_job('The set has no "positive" patient.')


def trained(call: Call) -> dict[str, Any]:
    name = call.arguments["TrainingJobName"]
    where = call.arguments["OutputDataConfig"]["S3OutputPath"]
    return {
        "TrainingJobName": name,
        "ModelArtifacts": {"S3ModelArtifacts": f"{where}{name}/output/model.tar.gz"},
    }


KEPT = {
    "model_uri": f"s3://lake/candidates/heart/{RUN}/model.tar.gz",
    "reference_uri": f"s3://lake/candidates/heart/{RUN}/reference.json",
    "evaluation_uri": f"s3://lake/candidates/heart/{RUN}/evaluation.json",
}


def judged(**changes: Any) -> dict[str, Any]:
    verdict = KEPT | {
        "verdict": "APPROVABLE",
        "unmet": [],
        "digests": DIGESTS,
        "threshold": 0.31,
        "summary": "AUC .90",
    }
    return verdict | {"subject": "Judged", "message": "By the bar."} | changes


def cast(**changes: Any) -> dict[str, Any]:
    plan = {
        "use_case": "heart",
        "run_id": RUN,
        "plan": {"uri": f"s3://lake/training/heart/{RUN}/plan/plan.json", "sha256": "d" * 64},
        "expected_rows": 303,
        "offline_prefix": "s3://lake/offline-store/123456789012/sagemaker/heart/data/",
        "package_group": "clinrisk-heart-v1",
        "hyperparameters": {"xgboost": {"max_depth": "3"}, "logistic": {"C": "1"}},
        "tuning": {"fixed": {"objective": "binary:logistic"}, "ranges": RANGES, "seed": 0},
        "feature_digest": "e" * 64,
        "champion": None,
        "holdout_uses": 2,
    }
    answers = {
        "Plan Training": plan,
        "Assemble Training Set": {"ProcessingJobStatus": "Completed"},
        "Train XGBoost": trained,
        "Train Logistic Baseline": trained,
        "Evaluate Candidate": {"ProcessingJobStatus": "Completed"},
        "Judge Candidate": judged(),
        "Announce Blocked Candidate": {"MessageId": "m"},
        "Create Model": {"ModelArn": "arn"},
        "Register Candidate": {"ModelPackageArn": PACKAGE},
        "Start Release": {"ExecutionArn": "arn"},
        "Explain Failure": explain,
        "Announce Failed Training": {"MessageId": "m"},
    }
    return answers | {name.replace("_", " "): answer for name, answer in changes.items()}


def message(scene: Scene, state: str = "Announce Failed Training") -> str:
    [mail] = scene.stage.to(state)
    return str(mail.arguments["Message"])


def test_both_models_are_trained_on_the_training_rows_alone(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("training", START, RUN)
    for state, hyperparameters in (
        ("Train XGBoost", {"max_depth": "3"}),
        ("Train Logistic Baseline", {"C": "1"}),
    ):
        [job] = stage.stage.to(state)
        channels = {channel["ChannelName"]: channel for channel in job.arguments["InputDataConfig"]}
        assert set(channels) == {"code", "training"}
        source = channels["training"]["DataSource"]["S3DataSource"]["S3Uri"]
        assert source == f"s3://lake/training/heart/{RUN}/set/training.csv"
        assert job.arguments["HyperParameters"] == hyperparameters
        assert job.arguments["EnableNetworkIsolation"] is True
        assert len(job.arguments["VpcConfig"]["Subnets"]) == 2


def test_the_evaluation_reads_what_the_two_models_left(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("training", START, RUN)
    [job] = stage.stage.to("Evaluate Candidate")
    inputs = {given["InputName"]: given["S3Input"]["S3Uri"] for given in job.arguments["ProcessingInputs"]}
    assert inputs["xgboost"] == f"s3://lake/models/heart/{RUN}/xgboost/{RUN}-xgboost-0/output/"
    assert inputs["logistic"] == f"s3://lake/models/heart/{RUN}/logistic/{RUN}-logistic-0/output/"
    assert all(uri.endswith("/") for uri in inputs.values())


def outdated(version: int) -> dict[str, Any]:
    words = (f"Version {version} is live.",)
    return judged(verdict="OUTDATED", unmet=words, digests=DIGESTS | {"champion_version": "0"})


def planned(version: int) -> dict[str, Any]:
    """What Plan Evaluation finds while that version is live."""
    models = {
        model: {"model_uri": f"{folder}model.tar.gz", "prefix": folder}
        for model in ("xgboost", "logistic")
        for folder in [f"s3://lake/models/heart/{RUN}/{model}/{RUN}-{model}-0/output/"]
    }
    champion = {"prefix": f"s3://lake/live-{version}/", "threshold": 0.3, "live_version": version}
    return {
        "use_case": "heart",
        "run_id": RUN,
        "expected_rows": 303,
        "package_group": "clinrisk-heart-v1",
        "champion": champion | {"run_id": "heart-9876543210"},
        "first_released": None,
        "holdout_uses": 2,
    } | models


def test_a_release_during_a_training_leads_to_a_fresh_evaluation_of_the_same_models(scene: Setting) -> None:
    stage = scene(cast(Judge_Candidate=[outdated(2), judged()], Plan_Evaluation=planned(2)))
    assert stage.run("training", START, RUN).status == "SUCCEEDED"
    first, second = stage.stage.to("Evaluate Candidate")
    assert first.arguments["ProcessingJobName"] == f"{RUN}-evaluate-0"
    attempt = second.arguments["ProcessingJobName"].removesuffix("-0").removeprefix(f"{RUN}-evaluate")
    assert len(attempt) == 9
    assert second.arguments["Environment"]["CHAMPION_VERSION"] == "2"
    models = [
        {
            one["InputName"]: one["S3Input"]["S3Uri"]
            for one in job.arguments["ProcessingInputs"]
            if one["InputName"] in {"xgboost", "logistic"}
        }
        for job in (first, second)
    ]
    assert models[0] == models[1]
    # What the first one found stays; what is judged, registered and asked about is of the second one.
    [early, late] = [
        {out["S3Output"]["S3Uri"] for out in job.arguments["ProcessingOutputConfig"]["Outputs"]}
        for job in (first, second)
    ]
    assert not early & late
    [start] = stage.stage.to("Start Release")
    assert start.arguments["Name"] == RUN + attempt
    assert start.arguments["Input"]["run_id"] == RUN
    judged_as = stage.stage.to("Judge Candidate")[1].payload
    assert judged_as["evaluation_uri"] == f"s3://lake/evaluation/heart/{RUN}{attempt}/evaluation.json"
    assert judged_as["report_uri"] == f"s3://results/reports/heart/{RUN}{attempt}/report.html"
    [registration] = stage.stage.to("Register Candidate")
    assert registration.arguments["ClientToken"] == RUN + attempt
    assert len(stage.stage.to("Train XGBoost")) == 1


def test_evaluations_that_are_overtaken_again_and_again_end_in_words(scene: Setting) -> None:
    stage = scene(cast(Judge_Candidate=outdated(2), Plan_Evaluation=planned(2)))
    end = stage.run("training", START, RUN)
    assert (end.error, end.cause) == ("ChampionChanged", "Version 2 is live.")
    jobs = [job.arguments["ProcessingJobName"] for job in stage.stage.to("Evaluate Candidate")]
    assert len(jobs) == len(set(jobs)) == 6
    assert message(stage).startswith("Version 2 is live.")
    assert "Register Candidate" not in stage.stage.states


def test_an_existing_run_is_evaluated_without_training_again(scene: Setting) -> None:
    stage = scene(cast(Plan_Evaluation=planned(2)))
    given = START | {"run_id": RUN}
    assert stage.run("training", given, f"{RUN}-evaluate-0a1b2c3d").status == "SUCCEEDED"
    assert not {"Plan Training", "Assemble Training Set", "Train XGBoost"} & set(stage.stage.states)
    [job] = stage.stage.to("Evaluate Candidate")
    assert job.arguments["Environment"]["RUN_ID"] == RUN
    assert job.arguments["Environment"]["CHAMPION_VERSION"] == "2"
    [start] = stage.stage.to("Start Release")
    assert start.arguments["Input"]["run_id"] == RUN
    assert start.arguments["Name"].startswith(f"{RUN}-")
    [judge] = stage.stage.to("Judge Candidate")
    assert judge.payload["model_uri"].endswith(f"{RUN}-xgboost-0/output/model.tar.gz")
    assert start.arguments["Input"]["model_uri"] == KEPT["model_uri"]
    [wait] = [turn for turn in stage.stage.turns if turn.state == "Wait To Train"]
    assert wait.payload["joins"] is False


def test_a_second_evaluation_of_a_run_takes_no_name_of_the_first(scene: Setting) -> None:
    names = []
    for execution in (f"{RUN}-evaluate-1", f"{RUN}-evaluate-2"):
        stage = scene(cast(Plan_Evaluation=planned(2)))
        assert stage.run("training", START | {"run_id": RUN}, execution).status == "SUCCEEDED"
        names.append(
            {
                stage.stage.to("Evaluate Candidate")[0].arguments["ProcessingJobName"],
                stage.stage.to("Create Model")[0].arguments["ModelName"],
                stage.stage.to("Register Candidate")[0].arguments["ClientToken"],
                stage.stage.to("Start Release")[0].arguments["Name"],
            }
        )
    assert not names[0] & names[1]
    assert max(len(name) for name in names[0] | names[1]) <= 63


def test_a_run_without_models_names_the_command_that_trains_again(scene: Setting) -> None:
    gone = ServiceError("ObjectMissing", json.dumps({"errorMessage": "Run x left no model."}))
    stage = scene(cast(Plan_Evaluation=gone))
    end = stage.run("training", START | {"run_id": RUN}, f"{RUN}-evaluate-1")
    assert (end.error, end.cause) == ("ObjectMissing", "Run x left no model.")


def test_without_a_live_model_the_evaluation_is_given_none(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("training", START, RUN)
    [job] = stage.stage.to("Evaluate Candidate")
    assert job.arguments["Environment"] == {"USE_CASE": "heart", "RUN_ID": RUN, "HOLDOUT_USES": "2"}
    assert [one["InputName"] for one in job.arguments["ProcessingInputs"]] == [
        *("code", "set", "xgboost", "logistic")
    ]


def test_the_evaluation_is_given_the_live_model_with_its_threshold(scene: Setting) -> None:
    prefix = "s3://lake/models/heart/heart-9876543210/xgboost/job/output/"
    champion = {"prefix": prefix, "threshold": 0.3, "live_version": 4, "run_id": "heart-9876543210"}
    stage = scene(cast(Plan_Training=cast()["Plan Training"] | {"champion": champion}))
    stage.run("training", START, RUN)
    [job] = stage.stage.to("Evaluate Candidate")
    assert job.arguments["Environment"] == {
        "USE_CASE": "heart",
        "RUN_ID": RUN,
        "HOLDOUT_USES": "2",
        "CHAMPION_THRESHOLD": "0.3",
        "CHAMPION_VERSION": "4",
        "CHAMPION_RUN": "heart-9876543210",
    }
    inputs = {one["InputName"]: one["S3Input"] for one in job.arguments["ProcessingInputs"]}
    assert inputs["champion"] == {
        "S3Uri": prefix,
        "LocalPath": "/opt/ml/processing/input/champion",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }


def test_too_little_data_ends_before_any_job(scene: Setting) -> None:
    stage = scene(cast(Plan_Training=ServiceError("NotEnoughData", '{"errorMessage": "12 of 200 rows."}')))
    end = stage.run("training", START, RUN)
    assert (end.error, end.cause) == ("NotEnoughData", "12 of 200 rows.")
    assert "Assemble Training Set" not in stage.stage.states
    assert message(stage).startswith("12 of 200 rows.")


@pytest.mark.parametrize(
    "state", ["Assemble Training Set", "Train XGBoost", "Train Logistic Baseline", "Evaluate Candidate"]
)
def test_a_failing_job_ends_with_its_own_reason_and_nothing_registered(scene: Setting, state: str) -> None:
    stage = scene(cast() | {state: FAILED_JOB})
    end = stage.run("training", START, RUN)
    assert (end.status, end.error) == ("FAILED", "JobFailed")
    assert end.cause == 'The set has no "positive" patient.'
    assert message(stage).startswith(end.cause)
    assert not {"Create Model", "Register Candidate"} & set(stage.stage.states)
    assert len(stage.stage.to(state)) == 1


def test_a_refused_job_is_tried_again_under_another_name(scene: Setting) -> None:
    throttled = ServiceError("SageMaker.AmazonSageMakerException", "Rate exceeded")
    stage = scene(cast(Assemble_Training_Set=[throttled, throttled, {}]))
    assert stage.run("training", START, RUN).status == "SUCCEEDED"
    names = [call.arguments["ProcessingJobName"] for call in stage.stage.to("Assemble Training Set")]
    assert names == [f"{RUN}-assemble-{n}" for n in range(3)]


def test_a_job_that_hangs_is_given_up(scene: Setting) -> None:
    stage = scene(cast(Evaluate_Candidate=NeverAnswersError()))
    assert stage.run("training", START, RUN).error == "WorkflowTimeout"


def test_a_blocked_candidate_is_announced_and_never_registered(scene: Setting) -> None:
    blocked = judged(verdict="BLOCKED", unmet=["AUC is below .80.", "Too few events."])
    stage = scene(cast(Judge_Candidate=blocked))
    end = stage.run("training", START, RUN)
    assert (end.error, end.cause) == ("CandidateBlocked", "AUC is below .80. Too few events.")
    assert message(stage, "Announce Blocked Candidate") == "By the bar."
    assert not {"Create Model", "Register Candidate", "Start Release"} & set(stage.stage.states)


def test_a_registration_carries_the_digests_and_is_not_made_twice(scene: Setting) -> None:
    throttled = ServiceError("SageMaker.SageMakerException", "Rate exceeded")
    stage = scene(cast(Register_Candidate=[throttled, {"ModelPackageArn": PACKAGE}]))
    assert stage.run("training", START, RUN).status == "SUCCEEDED"
    first, second = stage.stage.to("Register Candidate")
    assert first.arguments == second.arguments
    assert first.arguments["ClientToken"] == RUN
    assert first.arguments["ModelApprovalStatus"] == "PendingManualApproval"
    assert first.arguments["CustomerMetadataProperties"].items() >= DIGESTS.items()


def test_an_unexpected_error_is_mailed_by_name_only(scene: Setting) -> None:
    leaky = ServiceError("KeyError", json.dumps({"errorMessage": "patient 4711, age 63"}))
    stage = scene(cast(Judge_Candidate=leaky))
    end = stage.run("training", START, RUN)
    assert end.cause == "It ended with KeyError."
    assert "4711" not in message(stage)


def test_a_registered_candidate_is_handed_over_to_a_release_of_the_runs_name(scene: Setting) -> None:
    stage = scene(cast())
    assert stage.run("training", START, RUN).status == "SUCCEEDED"
    [start] = stage.stage.to("Start Release")
    assert start.arguments["StateMachineArn"] == value_of("ReleaseStateMachine")
    assert start.arguments["Name"] == RUN
    assert start.arguments["Input"] == {
        "use_case": "heart",
        "run_id": RUN,
        "package_arn": PACKAGE,
        "package_version": 7,
        "model_name": f"917d40e5-{RUN}-{hashlib.sha256(RUN.encode()).hexdigest()[:8]}-model-0",
        "digests": DIGESTS,
        "threshold": 0.31,
        "summary": "AUC .90",
        "unmet": [],
        **KEPT,
        "report_uri": f"s3://results/reports/heart/{RUN}/report.html",
        "asked_by": "",
    }
    [model] = stage.stage.to("Create Model")
    assert model.arguments["PrimaryContainer"]["ModelDataUrl"] == KEPT["model_uri"]
    assert ReleaseRequest.model_validate_json(json.dumps(start.arguments["Input"])).run_id == RUN
    assert stage.stage.states[-1] == "Start Release"


def test_a_release_that_was_started_already_is_the_one_that_was_wanted(scene: Setting) -> None:
    exists = ServiceError("StepFunctions.ExecutionAlreadyExistsException")
    stage = scene(cast(Start_Release=exists))
    assert stage.run("training", START, RUN).status == "SUCCEEDED"
    assert len(stage.stage.to("Start Release")) == 1


def test_a_release_that_cannot_be_started_is_not_silently_fine(scene: Setting) -> None:
    stage = scene(cast(Start_Release=ServiceError("StepFunctions.ExecutionLimitExceededException")))
    end = stage.run("training", START, RUN)
    assert (end.status, end.error) == ("FAILED", "StepFunctions.ExecutionLimitExceededException")
    assert message(stage).startswith(end.cause)


def test_a_failure_that_cannot_be_explained_is_still_announced_by_its_name(scene: Setting) -> None:
    leaky = ServiceError("KeyError", json.dumps({"errorMessage": "patient 4711, age 63"}))
    stage = scene(cast(Judge_Candidate=leaky, Explain_Failure=ServiceError("Lambda.Unknown")))
    end = stage.run("training", START, RUN)
    assert (end.status, end.error, end.cause) == ("FAILED", "FailureUnexplained", "It ended with KeyError.")
    assert "4711" not in message(stage)


def test_a_mail_that_cannot_be_sent_does_not_hide_how_it_ended(scene: Setting) -> None:
    silent = cast(Evaluate_Candidate=FAILED_JOB, Announce_Failed_Training=ServiceError("SNS.Down"))
    assert scene(silent).run("training", START, RUN).error == "JobFailed"


def test_who_asked_for_a_training_stands_in_the_release(scene: Setting) -> None:
    stage = scene(cast())
    stage.run("training", START | {"person": "arn:aws:iam::1:user/kim"}, RUN)
    [start] = stage.stage.to("Start Release")
    assert start.arguments["Input"]["asked_by"] == "arn:aws:iam::1:user/kim"
