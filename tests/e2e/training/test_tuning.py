"""With HyperparameterSearch=tuning a tuning job chooses the settings, and all the evidence says so."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from cli.local_files import synthetic_cohort
from tests.e2e.conftest import PROJECT, RunningTwin

pytestmark = [
    pytest.mark.twin,
    pytest.mark.timeout(1800),
    pytest.mark.skipif("LONG_TESTS" not in os.environ, reason="takes minutes: LONG_TESTS=1"),
]
STACK, TRIALS = "tuned", 3


@pytest.fixture(scope="module")
def outputs(twin: RunningTwin) -> dict[str, str]:
    """A stack of its own beside whatever else this twin holds, with training data in its inbox."""
    switch = ["-p", "HyperparameterSearch=tuning", "-p", f"TuningJobs={TRIALS}"]
    command = ["deploy", str(PROJECT / "template.yaml"), "--stack", STACK, *switch, "--json"]
    deployed: dict[str, str] = json.loads(twin.command(*command))
    # With fewer patients the best of three trials can fall short of the bar.
    body = synthetic_cohort.draw("heart", rows=800, seed=1)
    key = "inbox/heart/training/tuned.csv"
    twin.client("s3").put_object(Bucket=deployed["InboxBucket"], Key=key, Body=body)
    return deployed


@pytest.fixture(scope="module")
def package(twin: RunningTwin, outputs: dict[str, str]) -> dict[str, Any]:
    """The candidate as it is registered, pending, when the approver has been asked."""
    registry, states = twin.client("sagemaker"), twin.client("stepfunctions")
    machines = (outputs["TrainingStateMachine"], outputs["ReleaseStateMachine"])

    def asked() -> Any:
        executions = [
            one
            for machine in machines
            for one in states.list_executions(stateMachineArn=machine)["executions"]
        ]
        for one in executions:
            assert one["status"] in {"RUNNING", "SUCCEEDED"}, states.describe_execution(
                executionArn=one["executionArn"]
            )
        waiting = [one for one in executions if _waits(states, one["executionArn"])]
        return waiting and registry.list_model_packages(ModelPackageGroupName=f"{STACK}-heart-v1")

    [found] = twin.until(asked)["ModelPackageSummaryList"]
    described: dict[str, Any] = registry.describe_model_package(ModelPackageName=found["ModelPackageArn"])
    return described


def _waits(states: Any, execution: str) -> bool:
    history = states.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=10)["events"]
    entered = [event.get("stateEnteredEventDetails", {}).get("name") for event in history]
    return "Await Approval" in entered


@pytest.fixture(scope="module")
def tuning(twin: RunningTwin, package: dict[str, Any]) -> dict[str, Any]:
    """The tuning job that the registration names."""
    name = package["CustomerMetadataProperties"]["tuning_job"]
    described: dict[str, Any] = twin.client("sagemaker").describe_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name
    )
    return described


@pytest.fixture(scope="module")
def fetch(twin: RunningTwin) -> Callable[[str, str], str]:
    def read(bucket: str, key: str) -> str:
        return str(twin.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode())

    return read


def test_a_candidate_waits_for_its_approval_and_names_the_tuning_job(
    twin: RunningTwin, package: dict[str, Any], tuning: dict[str, Any]
) -> None:
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert tuning["HyperParameterTuningJobStatus"] == "Completed"
    assert tuning["ObjectiveStatusCounters"]["Succeeded"] == TRIALS
    tags = twin.client("sagemaker").list_tags(ResourceArn=tuning["HyperParameterTuningJobArn"])["Tags"]
    assert {"Key": "run_id", "Value": package["CustomerMetadataProperties"]["run_id"]} in tags


def test_the_best_trials_settings_are_trained_and_reported(
    twin: RunningTwin,
    outputs: dict[str, str],
    package: dict[str, Any],
    tuning: dict[str, Any],
    fetch: Callable[[str, str], str],
) -> None:
    run, best = package["CustomerMetadataProperties"]["run_id"], tuning["BestTrainingJob"]
    prefix = tuning["HyperParameterTuningJobName"].partition("-")[0]
    trained = twin.client("sagemaker").describe_training_job(TrainingJobName=f"{prefix}-{run}-xgboost-0")
    assert trained["HyperParameters"].items() >= best["TunedHyperParameters"].items()

    document = json.loads(fetch(outputs["LakeBucket"], f"evaluation/heart/{run}/evaluation.json"))
    searched = document["search"]["tuning"]
    assert (searched["job"], searched["trials"]) == (tuning["HyperParameterTuningJobName"], TRIALS)
    assert searched["best_training_job"] == best["TrainingJobName"]
    value = best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert searched["log_loss"] == pytest.approx(value)
    assert searched["settings"]["max_depth"] == int(best["TunedHyperParameters"]["max_depth"])
    report = fetch(outputs["ResultsBucket"], f"reports/heart/{run}/report.html")
    assert f"The SageMaker tuning job {searched['job']} chose" in report
    assert "trust the hold-out" in report


def test_no_trial_could_see_who_is_held_out(
    twin: RunningTwin,
    outputs: dict[str, str],
    package: dict[str, Any],
    tuning: dict[str, Any],
    fetch: Callable[[str, str], str],
) -> None:
    run, sagemaker = package["CustomerMetadataProperties"]["run_id"], twin.client("sagemaker")
    folder = f"training/heart/{run}/set/"
    manifest = json.loads(fetch(outputs["LakeBucket"], f"{folder}manifest.json"))
    rows = {name: part["rows"] for name, part in manifest["tuning"].items()}
    assert rows["train"] + rows["validation"] == manifest["parts"]["training"]["rows"]
    trials = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=tuning["HyperParameterTuningJobName"]
    )["TrainingJobSummaries"]
    for trial in trials:
        job = sagemaker.describe_training_job(TrainingJobName=trial["TrainingJobName"])
        sources = {one["DataSource"]["S3DataSource"]["S3Uri"] for one in job["InputDataConfig"]}
        here = f"s3://{outputs['LakeBucket']}/{folder}tuning"
        assert sources == {f"{here}/train/", f"{here}/validation/"}
    assert len(trials) == TRIALS
