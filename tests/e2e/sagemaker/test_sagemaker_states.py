"""State machines run jobs on the twin as on AWS: waiting, failing, stopping."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.twin

ROLE = "arn:aws:iam::000000000000:role/sagemaker"
OPTIMISED = "arn:aws:states:::sagemaker:"
SDK = "arn:aws:states:::aws-sdk:sagemaker:"


@pytest.fixture
def run(twin: Any) -> Any:
    """Run one definition and give the ended execution; `start` alone gives its ARN."""
    states, iam = twin.client("stepfunctions"), twin.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    try:
        role = iam.create_role(RoleName="sm-states", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    except ClientError:
        role = iam.get_role(RoleName="sm-states")["Role"]["Arn"]

    def start(name: str, machine_states: dict[str, Any]) -> str:
        machine = {
            "QueryLanguage": "JSONata",
            "StartAt": next(iter(machine_states)),
            "States": machine_states,
        }
        arn = states.create_state_machine(name=name, definition=json.dumps(machine), roleArn=role)
        started: str = states.start_execution(stateMachineArn=arn["stateMachineArn"])["executionArn"]
        return started

    def to_the_end(name: str, machine_states: dict[str, Any]) -> dict[str, Any]:
        execution, deadline = start(name, machine_states), time.monotonic() + 120
        while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        ended: dict[str, Any] = found
        return ended

    to_the_end.start = start  # type: ignore[attr-defined]  # a function with one companion
    return to_the_end


def task(resource: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    way = {} if "Next" in more else {"End": True}
    return {"Type": "Task", "Resource": resource, "Arguments": arguments} | way | more


def test_a_state_machine_trains_registers_and_scores(
    twin: Any, stack: dict[str, str], run: Any, training: Any
) -> None:
    s3 = twin.client("s3")
    s3.put_object(Bucket="sm-lake", Key="in/batch.csv", Body="a1,1.5,,2\nb2,-1,0,1\nc3,-9,5,5\n")
    transform = {
        "TransformJobName": "score",
        "ModelName": "candidate",
        "TransformInput": {
            "ContentType": "text/csv",
            "SplitType": "Line",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://sm-lake/in/batch.csv"}},
        },
        "TransformOutput": {
            "S3OutputPath": "s3://sm-lake/out/v1",
            "Accept": "text/csv",
            "AssembleWith": "Line",
        },
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "DataProcessing": {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
    }
    container = {"Image": "sagemaker-xgboost", "ModelDataUrl": "{% $model %}"}
    model = {"ModelName": "candidate", "ExecutionRoleArn": ROLE, "PrimaryContainer": container}
    code = {
        "S3Uri": "s3://sm-lake/code/",
        "LocalPath": "/opt/ml/processing/input/code",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    made = {
        "S3Uri": "s3://sm-lake/made",
        "LocalPath": "/opt/ml/processing/output/made",
        "S3UploadMode": "EndOfJob",
    }
    processing = {
        "ProcessingJobName": "make",
        "RoleArn": ROLE,
        "AppSpecification": {
            "ImageUri": "sagemaker-xgboost",
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/main.py", "process"],
        },
        "ProcessingInputs": [{"InputName": "code", "S3Input": code}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "made", "S3Output": made}]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
        },
        "NetworkConfig": {"EnableNetworkIsolation": True},
    }
    package = {
        "ModelPackageGroupName": stack["Models"],
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {"Containers": [container]},
        "CustomerMetadataProperties": {"model": "abc"},
    }
    remember = {"model": "{% $states.result.ModelArtifacts.S3ModelArtifacts %}"}
    train = training("train-1", "train")
    ended = run(
        "whole",
        {
            "Train": task(
                f"{OPTIMISED}createTrainingJob.sync", train, TimeoutSeconds=60, Assign=remember, Next="Make"
            ),
            "Make": task(f"{OPTIMISED}createProcessingJob.sync", processing, Next="Register"),
            "Register": task(f"{SDK}createModelPackage", package, Next="Model"),
            "Model": task(f"{OPTIMISED}createModel", model, Next="Score"),
            "Score": task(f"{OPTIMISED}createTransformJob.sync", transform),
        },
    )
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"])["TransformJobStatus"] == "Completed"
    lines = s3.get_object(Bucket="sm-lake", Key="out/v1/batch.csv.out")["Body"].read().decode().splitlines()
    risks = {line.split(",")[0]: float(line.split(",")[1]) for line in lines}
    assert list(risks) == ["a1", "b2", "c3"]
    assert risks["a1"] > 0.5 > risks["c3"]
    assert s3.get_object(Bucket="sm-lake", Key="made/a.txt")["Body"].read() == b"made"
    registry = twin.client("sagemaker")
    newest = registry.list_model_packages(ModelPackageGroupName="sm-heart", SortOrder="Descending")
    [version, *_] = newest["ModelPackageSummaryList"]
    assert version["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_failing_job_fails_the_execution_with_the_jobs_own_reason(
    stack: dict[str, str], run: Any, training: Any
) -> None:
    ended = run("failing", {"Train": task(f"{OPTIMISED}createTrainingJob.sync", training("bad", "fail"))})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(ended["cause"])["FailureReason"] == "AlgorithmError: one class only, exit code: 1"


def test_retry_and_catch_see_awss_error_names(stack: dict[str, str], run: Any) -> None:
    catch = [{"ErrorEquals": ["SageMaker.AmazonSageMakerException"], "Next": "Caught"}]
    caught = {"Caught": {"Type": "Pass", "Output": "caught", "End": True}}
    invalid = task(f"{OPTIMISED}createTrainingJob.sync", {"TrainingJobName": "under_score"}, Catch=catch)
    assert json.loads(run("caught", {"Train": invalid} | caught)["output"]) == "caught"
    missing = run("sdk", {"Describe": task(f"{SDK}describeModelPackage", {"ModelPackageName": "none"})})
    assert missing["error"] == "SageMaker.SageMakerException"


def test_a_used_up_quota_is_caught_under_awss_name(
    twin: Any, stack: dict[str, str], run: Any, training: Any
) -> None:
    catch = [{"ErrorEquals": ["SageMaker.ResourceLimitExceededException"], "Next": "Refused"}]
    refused = {"Refused": {"Type": "Pass", "Output": "refused", "End": True}}
    train = task(f"{OPTIMISED}createTrainingJob.sync", training("over", "train"), Catch=catch)
    assert twin.command("quota", "training=0").split()[:2] == ["training", "0"]
    try:
        assert json.loads(run("over", {"Train": train} | refused)["output"]) == "refused"
    finally:
        twin.command("quota", "training=4")
    assert "TrainingJobStatus" in json.loads(run("within", {"Train": train} | refused)["output"])
    assert "twin quota" in twin.refusal("quota", "trainings=4")


def status(twin: Any, job: str) -> str:
    found: str = twin.client("sagemaker").describe_training_job(TrainingJobName=job)["TrainingJobStatus"]
    return found


def until_stopped(twin: Any, job: str) -> None:
    deadline = time.monotonic() + 120
    while status(twin, job) != "Stopped":
        assert time.monotonic() < deadline, status(twin, job)
        time.sleep(0.1)


def test_a_state_that_times_out_stops_its_job(
    twin: Any, stack: dict[str, str], run: Any, training: Any
) -> None:
    limited = task(f"{OPTIMISED}createTrainingJob.sync", training("limited", "wait"), TimeoutSeconds=2)
    assert run("limited", {"Train": limited})["error"] == "States.Timeout"
    until_stopped(twin, "limited")


def test_stopping_an_execution_stops_its_job(
    twin: Any, stack: dict[str, str], run: Any, training: Any
) -> None:
    forever = task(f"{OPTIMISED}createTrainingJob.sync", training("forever", "wait"))
    execution = run.start("stopped", {"Train": forever})
    deadline = time.monotonic() + 120
    while True:
        try:
            if status(twin, "forever") == "InProgress":
                break
        except ClientError:
            assert time.monotonic() < deadline
        time.sleep(0.1)
    twin.client("stepfunctions").stop_execution(executionArn=execution)
    until_stopped(twin, "forever")
