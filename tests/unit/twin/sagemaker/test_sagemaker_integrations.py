"""CloudFormation, Step Functions and IAM see SageMaker as AWS shows it."""

from __future__ import annotations

import contextvars
import json
import time
from typing import Any

import pytest

from twin.sagemaker.api_errors import SageMakerError
from twin.sagemaker.engine import state_machine_tasks
from twin.sagemaker.engine.request_arns import resource_arns
from twin.sagemaker.engine.stack_resources import resource_types

FEATURES = [
    {"FeatureName": "record_id", "FeatureType": "String"},
    {"FeatureName": "event_time", "FeatureType": "String"},
]
GROUP = {
    "FeatureGroupName": "clinrisk-heart-v1",
    "RecordIdentifierFeatureName": "record_id",
    "EventTimeFeatureName": "event_time",
    "FeatureDefinitions": FEATURES,
    "OnlineStoreConfig": {"EnableOnlineStore": "true"},
    "Tags": [{"Key": "a", "Value": "1"}],
}


def physical_name(stack: str, logical_id: str, *, max_len: int) -> str:
    return f"{stack}-{logical_id}-X"[:max_len]


@pytest.fixture
def types(sagemaker: Any) -> Any:
    return resource_types(sagemaker, physical_name)


def test_a_feature_group_is_referred_to_by_its_name(types: Any, sagemaker: Any) -> None:
    handlers = types["AWS::SageMaker::FeatureGroup"]
    reference, attributes = handlers["create"]("HeartFeatures", GROUP, "stack")
    assert reference == "clinrisk-heart-v1"
    assert set(attributes) == {"CreationTime", "FeatureGroupStatus"}
    described = sagemaker.handle("DescribeFeatureGroup", {"FeatureGroupName": reference})
    assert described["OnlineStoreConfig"] == {"EnableOnlineStore": True}
    handlers["delete"](reference, GROUP)
    handlers["delete"](reference, GROUP)  # a rollback may delete what is gone already
    with pytest.raises(SageMakerError):
        sagemaker.handle("DescribeFeatureGroup", {"FeatureGroupName": reference})


def test_a_feature_group_grows_and_is_not_replaced_under_its_name(types: Any, sagemaker: Any) -> None:
    handlers = types["AWS::SageMaker::FeatureGroup"]
    reference, _ = handlers["create"]("HeartFeatures", GROUP, "stack")
    grown = GROUP | {"FeatureDefinitions": [*FEATURES, {"FeatureName": "age", "FeatureType": "Fractional"}]}
    grown |= {"Tags": [{"Key": "b", "Value": "2"}]}
    assert handlers["update"](reference, GROUP, grown, "stack", "HeartFeatures")[0] == reference
    described = sagemaker.handle("DescribeFeatureGroup", {"FeatureGroupName": reference})
    assert len(described["FeatureDefinitions"]) == 3
    tags = sagemaker.handle("ListTags", {"ResourceArn": described["FeatureGroupArn"]})["Tags"]
    assert tags == [{"Key": "b", "Value": "2"}]
    for change in ({"Description": "other"}, {"FeatureDefinitions": FEATURES}):
        with pytest.raises(ValueError, match="custom-named resource requires replacing"):
            handlers["update"](reference, grown, grown | change, "stack", "HeartFeatures")
    renamed = handlers["update"](reference, grown, grown | {"FeatureGroupName": "v2"}, "stack", "F")
    assert renamed[0] == "v2"
    with pytest.raises(SageMakerError):
        sagemaker.handle("DescribeFeatureGroup", {"FeatureGroupName": reference})


def test_a_package_group_is_referred_to_by_its_arn(types: Any, sagemaker: Any) -> None:
    handlers = types["AWS::SageMaker::ModelPackageGroup"]
    reference, attributes = handlers["create"]("HeartModels", {}, "stack")
    assert reference == "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/stack-HeartModels-X"
    assert attributes["ModelPackageGroupArn"] == reference
    sagemaker.handle("CreateModelPackage", {"ModelPackageGroupName": reference})
    with pytest.raises(SageMakerError, match="still contains"):
        handlers["delete"](reference, {})


CODE = """
import pathlib, os, sys, time
if sys.argv[1] == "fail":
    (pathlib.Path(os.environ["CLINRISK_ML_ROOT"]) / "output/failure").write_text("x")
    sys.exit(1)
if sys.argv[1] == "wait": time.sleep(600)
"""
TRAIN = "arn:aws:states:::sagemaker:createTrainingJob"


@pytest.fixture
def task(sagemaker: Any, lake: Any) -> Any:
    lake.put("code/main.py", CODE)
    tasks = state_machine_tasks.tasks(sagemaker)

    def run(resource: str, data: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = tasks[resource.removesuffix(".sync")](resource, data)
        return answer

    return run


def test_a_synchronous_task_gives_the_describe_output_of_a_finished_job(
    task: Any, training_request: Any, sagemaker: Any
) -> None:
    result = task(f"{TRAIN}.sync", training_request("t1"))
    assert result["TrainingJobStatus"] == "Completed"
    assert result["ModelArtifacts"]["S3ModelArtifacts"].endswith("/t1/output/model.tar.gz")
    assert result["ResourceConfig"]["VolumeSizeInGB"] == 10
    assert isinstance(result["TrainingEndTime"], int)
    assert result["TrainingEndTime"] > 1e12
    tags = sagemaker.handle("ListTags", {"ResourceArn": result["TrainingJobArn"]})["Tags"]
    assert {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"} in tags


def test_a_request_response_task_does_not_wait(task: Any, training_request: Any, sagemaker: Any) -> None:
    assert task(TRAIN, training_request("t1", "wait")).keys() == {"TrainingJobArn"}
    status = sagemaker.handle("DescribeTrainingJob", {"TrainingJobName": "t1"})["TrainingJobStatus"]
    assert status == "InProgress"


def test_a_failed_job_fails_the_task_with_its_description_as_cause(task: Any, training_request: Any) -> None:
    with pytest.raises(state_machine_tasks.TaskError) as caught:
        task(f"{TRAIN}.sync", training_request("t1", "fail"))
    assert caught.value.error == "States.TaskFailed"
    assert json.loads(caught.value.cause)["FailureReason"] == "AlgorithmError: x, exit code: 1"


def test_errors_have_awss_names(task: Any, training_request: Any) -> None:
    task(f"{TRAIN}.sync", training_request("t1"))
    with pytest.raises(state_machine_tasks.TaskError) as caught:
        task(f"{TRAIN}.sync", training_request("t1"))
    assert caught.value.error == "SageMaker.ResourceInUseException"
    with pytest.raises(state_machine_tasks.TaskError) as caught:
        task(f"{TRAIN}.sync", {})
    assert caught.value.error == "SageMaker.AmazonSageMakerException"
    with pytest.raises(state_machine_tasks.TaskError) as caught:
        task("arn:aws:states:::sagemaker:createModel", {"ModelName": "m"})
    assert caught.value.error == "SageMaker.AmazonSageMakerException"


@pytest.mark.parametrize("end", ["deadline", "execution"])
def test_a_job_is_stopped_when_its_state_or_execution_ends(
    task: Any, training_request: Any, sagemaker: Any, end: str
) -> None:
    def run() -> None:
        if end == "deadline":
            state_machine_tasks.deadline.set(time.monotonic() + 0.5)
        else:
            state_machine_tasks.execution.set({"status": "ABORTED"})
        task(f"{TRAIN}.sync", training_request("t1", "wait"))

    with pytest.raises(state_machine_tasks.TaskError) as caught:
        contextvars.copy_context().run(run)
    assert caught.value.error == "States.Timeout"
    assert sagemaker.training.wait("t1", 120)
    status = sagemaker.handle("DescribeTrainingJob", {"TrainingJobName": "t1"})["TrainingJobStatus"]
    assert status == "Stopped"


ARN = "arn:aws:sagemaker:us-east-1:123456789012:"


@pytest.mark.parametrize(
    ("operation", "path", "body", "expected"),
    [
        ("", "/FeatureGroup/Heart-v1", {"Record": []}, [f"{ARN}feature-group/heart-v1"]),
        (
            "",
            "/BatchWriteRecord",
            {"Entries": [{"FeatureGroupName": "a"}, {"FeatureGroupName": "b"}]},
            [f"{ARN}feature-group/a", f"{ARN}feature-group/b"],
        ),
        ("CreateTrainingJob", "/", {"TrainingJobName": "t"}, [f"{ARN}training-job/t"]),
        (
            "CreateHyperParameterTuningJob",
            "/",
            {"HyperParameterTuningJobName": "t"},
            [f"{ARN}hyper-parameter-tuning-job/t"],
        ),
        ("DescribeModel", "/", {"ModelName": "m"}, [f"{ARN}model/m"]),
        ("CreateModelPackage", "/", {"ModelPackageGroupName": "g"}, [f"{ARN}model-package/g/1"]),
        (
            "UpdateModelPackage",
            "/",
            {"ModelPackageArn": f"{ARN}model-package/g/2"},
            [f"{ARN}model-package/g/2"],
        ),
        ("ListModelPackages", "/", {"ModelPackageGroupName": "g"}, ["*"]),
        ("ListTags", "/", {"ResourceArn": f"{ARN}model/m"}, [f"{ARN}model/m"]),
    ],
)
def test_policies_are_evaluated_on_the_documented_resource(
    platform: Any, operation: str, path: str, body: dict[str, Any], expected: list[str]
) -> None:
    assert resource_arns(platform, operation, path, json.dumps(body).encode()) == expected
