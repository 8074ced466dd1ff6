"""The training workflow with HyperparameterSearch=tuning, played: first the trials, then the run as ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.statemachines import definitions
from tests.statemachines.calls import Call, ServiceError
from tests.statemachines.interpreter import NeverAnswersError
from tests.statemachines.training.test_play_training import FAILED_JOB, RANGES, RUN, START, cast, message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.statemachines.interpreter import Scene

    Setting = Callable[[dict[str, Any]], Scene]


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The definition as a stack with the switch on has it."""
    monkeypatch.setitem(definitions._VALUES, "HyperparameterSearch", "tuning")
    definitions._definition.cache_clear()
    yield
    definitions._definition.cache_clear()


def searched(call: Call) -> dict[str, Any]:
    name = call.arguments["HyperParameterTuningJobName"]
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobStatus": "Completed",
        "ObjectiveStatusCounters": {"Succeeded": 19, "Pending": 0, "Failed": 1},
        "BestTrainingJob": {
            "TrainingJobName": f"{name}-007-1a2b3c4d",
            "TunedHyperParameters": {"max_depth": "4", "eta": "0.0512"},
            "FinalHyperParameterTuningJobObjectiveMetric": {
                "MetricName": "validation:logloss",
                "Value": 0.31,
            },
        },
    }


def tuned_cast(**changes: Any) -> dict[str, Any]:
    return cast() | {"Tune XGBoost": searched} | {name.replace("_", " "): a for name, a in changes.items()}


def test_the_tuning_job_sees_the_training_part_alone_under_the_training_jobs_own_terms(
    scene: Setting,
) -> None:
    stage = scene(tuned_cast())
    assert stage.run("training", START, RUN).status == "SUCCEEDED"
    [job], [train] = stage.stage.to("Tune XGBoost"), stage.stage.to("Train XGBoost")
    config, definition = (
        job.arguments[name] for name in ("HyperParameterTuningJobConfig", "TrainingJobDefinition")
    )
    assert config["Strategy"] == "Random"
    assert config["RandomSeed"] == 0
    assert config["ParameterRanges"] == RANGES
    limits = config["ResourceLimits"]
    assert (limits["MaxNumberOfTrainingJobs"], limits["MaxParallelTrainingJobs"]) == (20, 2)
    assert stage.stage.timeouts["Tune XGBoost"] > limits["MaxRuntimeInSeconds"]
    located_states = {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in definition["InputDataConfig"]
    }
    here = f"s3://lake/training/heart/{RUN}/set/tuning"
    assert located_states == {"train": f"{here}/train/", "validation": f"{here}/validation/"}
    for same in ("RoleArn", "ResourceConfig", "StoppingCondition", "EnableNetworkIsolation", "VpcConfig"):
        assert definition[same] == train.arguments[same]
    assert definition["OutputDataConfig"]["KmsKeyId"] == train.arguments["OutputDataConfig"]["KmsKeyId"]
    image = definition["AlgorithmSpecification"]["TrainingImage"]
    assert image == train.arguments["AlgorithmSpecification"]["TrainingImage"]
    assert {"Key": "run_id", "Value": RUN} in job.arguments["Tags"]


def test_the_best_trials_settings_are_those_that_are_trained(scene: Setting) -> None:
    stage = scene(tuned_cast())
    stage.run("training", START, RUN)
    [tune], [train] = stage.stage.to("Tune XGBoost"), stage.stage.to("Train XGBoost")
    name = tune.arguments["HyperParameterTuningJobName"]
    assert train.arguments["HyperParameters"] == {
        "max_depth": "4",
        "eta": "0.0512",
        "tuning_job": name,
        "best_training_job": f"{name}-007-1a2b3c4d",
        "tuning_trials": "19",
        "tuning_log_loss": "0.31",
    }
    [logistic] = stage.stage.to("Train Logistic Baseline")
    assert logistic.arguments["HyperParameters"] == {"C": "1"}


def test_the_registration_names_the_tuning_job(scene: Setting) -> None:
    stage = scene(tuned_cast())
    stage.run("training", START, RUN)
    [tune], [register] = stage.stage.to("Tune XGBoost"), stage.stage.to("Register Candidate")
    name = tune.arguments["HyperParameterTuningJobName"]
    assert register.arguments["CustomerMetadataProperties"]["tuning_job"] == name


def test_no_more_trials_run_at_once_than_there_are(scene: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(definitions._VALUES, "TuningJobs", "3")
    monkeypatch.setitem(definitions._VALUES, "TuningParallelJobs", "10")
    definitions._definition.cache_clear()
    stage = scene(tuned_cast())
    stage.run("training", START, RUN)
    [job] = stage.stage.to("Tune XGBoost")
    limits = job.arguments["HyperParameterTuningJobConfig"]["ResourceLimits"]
    assert (limits["MaxNumberOfTrainingJobs"], limits["MaxParallelTrainingJobs"]) == (3, 3)


@pytest.mark.parametrize("run", ["heart-0123456789", "a-use-case-with-a-name-9876543210"])
def test_a_refused_tuning_job_is_tried_again_under_another_name_that_aws_takes(
    scene: Setting, run: str
) -> None:
    throttled = ServiceError("SageMaker.AmazonSageMakerException", "Rate exceeded")
    stage = scene(tuned_cast(Tune_XGBoost=[throttled, searched]))
    plan = cast()["Plan Training"] | {"run_id": run}
    stage.stage.answers["Plan Training"] = plan
    assert stage.run("training", START, run).status == "SUCCEEDED"
    first, second = (call.arguments["HyperParameterTuningJobName"] for call in stage.stage.to("Tune XGBoost"))
    assert first != second
    # With the stack's prefix in front, which the turn adds, and an attempt of two digits.
    assert len(f"917d40e5-{first}0") <= 32


@pytest.mark.parametrize("fault", [FAILED_JOB, NeverAnswersError()])
def test_a_tuning_job_that_fails_ends_the_run_before_anything_is_trained(
    scene: Setting, fault: Exception
) -> None:
    stage = scene(tuned_cast(Tune_XGBoost=fault))
    end = stage.run("training", START, RUN)
    assert end.status == "FAILED"
    assert message(stage).startswith(end.cause)
    assert not {"Train XGBoost", "Evaluate Candidate", "Create Model"} & set(stage.stage.states)


def test_assembly_knows_that_trials_will_follow(scene: Setting) -> None:
    stage = scene(tuned_cast())
    stage.run("training", START, RUN)
    [job] = stage.stage.to("Assemble Training Set")
    assert job.arguments["Environment"]["HYPERPARAMETER_SEARCH"] == "tuning"
