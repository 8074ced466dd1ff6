"""`twin up --state DIR`: what a twin holds outlives it, and a question is answered on the next one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.conftest import PROJECT, RunningTwin, free_port, started
from tests.e2e.hospital import Hospital, page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.twin, pytest.mark.timeout(1800)]
LARGE = [b"1" * 300_000, b"2" * 300_000]
"""Two versions of an object that is kept in files."""


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """A twin that went on from another one, which was stopped while a question waited and a job ran."""
    folder, kept = tmp_path_factory.mktemp("twin"), tmp_path_factory.mktemp("kept")
    with started(folder, "--state", str(kept), "--port", str(free_port())) as twin:
        outputs = json.loads(twin.command("deploy", str(PROJECT / "template.yaml"), "--json"))
        before = Hospital(twin, outputs)
        before.add_approver()
        before.drop("training", "first", 400, seed=1)
        _, link = before.question(1)
        seen = {"link": link, "held": hold_something(before)}
        before.drop("training", "second", 400, seed=2)
        [seen["job"], *_] = before.wait(lambda: jobs(twin, "InProgress"))
    with started(folder, "--state", str(kept)) as twin:
        enable_schedule(twin)
        yield Hospital(twin, outputs, seen, before.phones, before.used)


def jobs(twin: RunningTwin, status: str) -> list[str]:
    """Return the names of the training jobs, which last: one just seen still runs when the twin stops."""
    client = twin.client("sagemaker")
    found = client.list_training_jobs(StatusEquals=status)["TrainingJobSummaries"]
    return [one["TrainingJobName"] for one in found]


def hold_something(hospital: Hospital) -> dict[str, Any]:
    """Put something into services of every kind, and return what has to be there afterwards."""
    client, lake = hospital.twin.client, hospital.outputs["LakeBucket"]
    versions = [client("s3").put_object(Bucket=lake, Key="large", Body=body)["VersionId"] for body in LARGE]
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    client("ssm").put_parameter(Name="/kept", Value="here", Type="String")
    queue = client("sqs").create_queue(QueueName="kept")["QueueUrl"]
    client("sqs").send_message(QueueUrl=queue, MessageBody="kept")
    hospital.twin.command("quota", "training=3")
    states = client("stepfunctions")
    role = f"arn:aws:iam::000000000000:role/{hospital.role('ScoringStateMachineRole')}"
    flow = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine = states.create_state_machine(name="scheduled", definition=flow, roleArn=role)["stateMachineArn"]
    client("scheduler").create_schedule(
        Name="later",
        ScheduleExpression="at(2026-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": machine, "RoleArn": role, "Input": '{"kept": true}'},
        State="DISABLED",
    )
    encrypted = client("kms").encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
    return {"versions": versions, "encrypted": encrypted, "queue": queue, "machine": machine}


def enable_schedule(twin: RunningTwin) -> None:
    """Enable the schedule of before, with everything else as it was kept."""
    kept = twin.client("scheduler").get_schedule(Name="later")
    same = {name: kept[name] for name in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    twin.client("scheduler").update_schedule(**same, State="ENABLED")


def test_objects_with_their_versions_keys_parameters_messages_and_quotas_are_there(
    restarted: Hospital,
) -> None:
    client, held = restarted.twin.client, restarted.seen["held"]
    lake = {"Bucket": restarted.outputs["LakeBucket"], "Key": "large"}
    for version, body in zip(held["versions"], LARGE, strict=True):
        assert client("s3").get_object(**lake, VersionId=version)["Body"].read() == body
    assert client("s3").get_object(**lake)["Body"].read() == LARGE[1]
    assert client("kms").decrypt(CiphertextBlob=held["encrypted"])["Plaintext"] == b"kept"
    assert client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "here"
    [message] = client("sqs").receive_message(QueueUrl=held["queue"])["Messages"]
    assert message["Body"] == "kept"
    assert "training     3" in restarted.twin.command("quota")


def test_what_was_in_the_middle_of_something_has_ended_and_can_be_started_again(restarted: Hospital) -> None:
    [training, *_] = restarted.executions("Training")
    states, sagemaker = restarted.twin.client("stepfunctions"), restarted.twin.client("sagemaker")
    ended = states.describe_execution(executionArn=training["executionArn"])
    assert (ended["status"], ended["error"]) == ("ABORTED", "Twin.Stopped")
    job = sagemaker.describe_training_job(TrainingJobName=restarted.seen["job"])
    assert (job["TrainingJobStatus"], jobs(restarted.twin, "InProgress")) == ("Failed", [])
    assert "the twin was stopped" in job["FailureReason"]
    [stuck] = [one for one in restarted.twin.clinrisk("stuck") if one["kind"] == "training_died"]
    assert stuck["command"] == f"clinrisk redrive {training['name']}"
    assert stuck["reason"].startswith("The twin was stopped")


def test_the_question_still_waits_and_its_answer_lets_the_release_go_on(restarted: Hospital) -> None:
    [release] = restarted.executions("Release")
    assert release["status"] == "RUNNING"
    assert "Release Heart disease risk, version 1?" in page(restarted.seen["link"])
    assert restarted.answered(restarted.seen["link"], "approve")[0] == 200
    assert restarted.ended("Release", 1)[0]["status"] == "SUCCEEDED"
    states = restarted.twin.client("stepfunctions")
    history = states.get_execution_history(executionArn=release["executionArn"], maxResults=1000)["events"]
    entered = [one["stateEnteredEventDetails"]["name"] for one in history if "StateEntered" in one["type"]]
    assert entered.count("Await Approval") == 1
    assert sum("waitForTaskToken" in str(one.get("taskScheduledEventDetails")) for one in history) == 1
    assert [one["id"] for one in history] == list(range(1, len(history) + 1))


def test_a_new_file_is_scored_by_the_model_of_before_and_its_results_are_published(
    restarted: Hospital,
) -> None:
    restarted.drop("inference", "monday", 60, seed=3)
    assert len(restarted.results("monday").splitlines()) == 61


def test_a_schedule_of_before_starts_its_state_machine(restarted: Hospital) -> None:
    states, machine = restarted.twin.client("stepfunctions"), restarted.seen["held"]["machine"]
    [by_schedule] = restarted.wait(lambda: states.list_executions(stateMachineArn=machine)["executions"])
    assert states.describe_execution(executionArn=by_schedule["executionArn"])["input"] == '{"kept": true}'


def test_a_task_waits_through_two_restarts_and_its_token_is_spent_after_the_third(tmp_path: Path) -> None:
    kept, port = ("--state", str(tmp_path / "kept")), ("--port", str(free_port()))
    with started(tmp_path / "twin", *kept, *port) as twin:
        queue = twin.client("sqs").create_queue(QueueName="questions")["QueueUrl"]
        trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}}
        trust["Action"] = "sts:AssumeRole"
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = twin.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]
        ask = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
            "End": True,
        }
        flow = json.dumps({"StartAt": "Ask", "States": {"Ask": ask}})
        states = twin.client("stepfunctions")
        machine = states.create_state_machine(name="ask", definition=flow, roleArn=role["Arn"])
        name = states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
        [message] = twin.until(lambda: twin.client("sqs").receive_message(QueueUrl=queue).get("Messages"))
    with started(tmp_path / "twin", *kept):
        pass
    token = json.loads(message["Body"])["token"]
    with started(tmp_path / "twin", *kept) as twin:
        states = twin.client("stepfunctions")
        states.send_task_success(taskToken=token, output='"yes"')
        twin.until(lambda: states.describe_execution(executionArn=name)["status"] == "SUCCEEDED")
        assert states.describe_execution(executionArn=name)["output"] == '"yes"'
    with started(tmp_path / "twin", *kept) as twin:
        states = twin.client("stepfunctions")
        with pytest.raises(states.exceptions.TaskTimedOut):
            states.send_task_success(taskToken=token, output='"again"')
        history = states.get_execution_history(executionArn=name)["events"]
        assert [one["type"] for one in history] == [
            "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskSucceeded", "TaskStateExited",
            "ExecutionSucceeded",
        ]  # fmt: skip
