"""The local SageMaker answers stacks, SDKs, roles and rules as AWS does."""

import io
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.twin
PROJECT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_stack_makes_its_groups_and_tags_them(twin: Any, stack: dict[str, str]) -> None:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:model-package-group/sm-heart"
    assert (stack["Models"], stack["Features"]) == (arn, "sm-heart-v1")
    assert stack["Created"].startswith("20")
    assert {"Key": "owner", "Value": "me"} in twin.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]


def record(identifier: str) -> list[dict[str, str]]:
    return [
        {"FeatureName": "record_id", "ValueAsString": identifier},
        {"FeatureName": "event_time", "ValueAsString": "2026-03-04T05:06:07.890Z"},
        {"FeatureName": "age", "ValueAsString": "63"},
    ]


def test_five_thousand_records_reach_the_offline_store(twin: Any, stack: dict[str, str]) -> None:
    store, s3 = twin.client("sagemaker-featurestore-runtime"), twin.client("s3")
    for batch in range(200):
        entries = [
            {"FeatureGroupName": stack["Features"], "Record": record(f"{batch}-{n}")} for n in range(25)
        ]
        assert store.batch_write_record(Entries=entries)["Errors"] == []
    count, deadline = 0, time.monotonic() + 120
    while count < 5_000:
        assert time.monotonic() < deadline
        time.sleep(0.2)
        found = s3.list_objects_v2(Bucket="sm-lake", Prefix="offline-store/").get("Contents", [])
        bodies = [s3.get_object(Bucket="sm-lake", Key=item["Key"])["Body"].read() for item in found]
        count = sum(pq.read_metadata(io.BytesIO(body)).num_rows for body in bodies)
    assert count == 5_000


def credentials(twin: Any, name: str, statement: dict[str, Any]) -> Any:
    """A maker of clients that act as a role with one statement."""
    iam = twin.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    given = twin.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]

    def client(service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]  # the stubs want a literal
            endpoint_url=twin.endpoint_url,
            region_name=twin.region,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
        )

    return client


def denied(call: Any, **arguments: Any) -> bool:
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
    return False


def test_a_role_may_do_what_its_policy_allows_and_nothing_else(
    twin: Any, stack: dict[str, str], training: Any
) -> None:
    group = stack["Features"]
    client = credentials(
        twin,
        "sm-writer",
        {
            "Effect": "Allow",
            "Action": ["sagemaker:PutRecord", "sagemaker:BatchWriteRecord", "sagemaker:DescribeFeatureGroup"],
            "Resource": f"arn:aws:sagemaker:us-east-1:000000000000:feature-group/{group}",
        },
    )
    store, control = client("sagemaker-featurestore-runtime"), client("sagemaker")
    entry = {"FeatureGroupName": group, "Record": record("allowed")}
    other = entry | {"FeatureGroupName": "another-group"}
    assert not denied(store.put_record, FeatureGroupName=group, Record=record("allowed"))
    assert not denied(store.batch_write_record, Entries=[entry])
    assert not denied(control.describe_feature_group, FeatureGroupName=group)
    assert denied(store.put_record, FeatureGroupName="another-group", Record=record("x"))
    assert denied(store.batch_write_record, Entries=[entry, other])
    assert denied(store.batch_write_record, Entries=[other])
    assert denied(
        store.delete_record,
        FeatureGroupName=group,
        RecordIdentifierValueAsString="allowed",
        EventTime="2026-03-04T05:06:08Z",
    )
    assert denied(control.list_model_packages, ModelPackageGroupName="sm-heart")
    assert denied(control.create_training_job, **training("denied", "train"))


@pytest.fixture
def queue_of(twin: Any) -> Callable[[str], Callable[[], dict[str, Any]]]:
    """`queue_of(kind)()`: the next event of SageMaker of that kind, as a rule delivers it."""
    events, queues = twin.client("events"), twin.client("sqs")

    def listen(kind: str) -> Callable[[], dict[str, Any]]:
        name = "-".join(kind.split())
        queue = queues.create_queue(QueueName=name)["QueueUrl"]
        attributes = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        pattern = {"source": ["aws.sagemaker"], "detail-type": [f"SageMaker {kind} State Change"]}
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": attributes["QueueArn"]}])

        def following() -> dict[str, Any]:
            [message] = queues.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
            queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            event: dict[str, Any] = json.loads(message["Body"])
            return event

        return following

    return listen


def test_the_registrys_events_reach_rules(twin: Any, stack: dict[str, str], queue_of: Any) -> None:
    following = queue_of("Model Package")
    container = {"Image": "x", "ModelDataUrl": "s3://sm-lake/m.tar.gz"}
    made = twin.client("sagemaker").create_model_package(
        ModelPackageGroupName="sm-heart", InferenceSpecification={"Containers": [container]}
    )
    detail = following()["detail"]
    assert detail["ModelPackageArn"] == made["ModelPackageArn"]
    assert detail["ModelApprovalStatus"] == "PendingManualApproval"


def test_a_job_that_fails_is_announced_to_rules(
    twin: Any, stack: dict[str, str], training: Any, queue_of: Any
) -> None:
    following = queue_of("Training Job")
    made = twin.client("sagemaker").create_training_job(**training("announced", "fail"))
    begun, ended = following(), following()
    assert begun["resources"] == ended["resources"] == [made["TrainingJobArn"]]
    assert begun["detail"]["TrainingJobStatus"] == "InProgress"
    assert ended["detail"]["TrainingJobStatus"] == "Failed"
    assert ended["detail"]["TrainingJobName"] == "announced"
    assert ended["detail"]["FailureReason"] == "AlgorithmError: one class only, exit code: 1"


def test_unknown_operations_are_refused_by_name(twin: Any) -> None:
    with pytest.raises(ClientError) as caught:
        twin.client("sagemaker").create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    assert "CreateEndpoint" in caught.value.response["Error"]["Message"]


def is_running(pid: int) -> bool:
    command = ["/bin/ps", "-o", "stat=", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] not in {"", "Z"}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_job_outlives_its_twin_however_that_ends(
    tmp_path: Path, training: Any, how: signal.Signals
) -> None:
    command = [str(PROJECT / ".envs/twin/bin/twin"), "up", "--foreground", "--port", str(free_port())]
    environment = os.environ | {"TWIN_STATE_DIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "answers at" in process.stdout.readline()
        facts = json.loads((tmp_path / "endpoint.json").read_text())

        def client(service: str) -> Any:
            return boto3.client(
                service,  # type: ignore[call-overload]  # the stubs want a literal
                endpoint_url=facts["endpoint_url"],
                region_name=facts["region"],
                aws_access_key_id=facts["access_key"],
                aws_secret_access_key=facts["secret_key"],
            )

        client("s3").create_bucket(Bucket="sm-lake")
        code = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"
        client("s3").put_object(Bucket="sm-lake", Key="code/main.py", Body=code)
        client("sagemaker").create_training_job(**training("t1", "wait"))
        logs, deadline = client("logs"), time.monotonic() + 120
        found: list[Any] = []
        while not found:
            assert time.monotonic() < deadline
            time.sleep(0.1)
            try:
                found = logs.filter_log_events(logGroupName="/aws/sagemaker/TrainingJobs")["events"]
            except ClientError:
                continue
        job = int(found[0]["message"])
        assert is_running(job)
        os.kill(facts["pid"], how)
        deadline = time.monotonic() + 120
        while is_running(job):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.terminate()
