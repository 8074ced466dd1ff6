import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from cli import waiting_events
from cli.stack import open_stack
from clinrisk.core import object_keys
from tests.unit.cli.conftest import REGION

KEY = "inbox/heart/training/march.csv"


def event(key: str = KEY, version: str = "v1") -> dict[str, Any]:
    item = {"key": key, "version-id": version, "size": 9}
    return {"source": "aws.s3", "detail": {"bucket": {"name": "inbox"}, "object": item}}


@pytest.fixture
def queue(deployment: Any) -> Any:
    """The dead-letter queue, with `put` and `bodies`."""
    client = boto3.client("sqs", REGION)
    url = deployment.outputs["DeadLetterQueue"]

    class Queue:
        def put(self, body: object) -> None:
            client.send_message(QueueUrl=url, MessageBody=json.dumps(body))

        def bodies(self) -> list[Any]:
            found = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
            return [json.loads(message["Body"]) for message in found.get("Messages", [])]

    return Queue()


def inputs(deployment: Any) -> list[Any]:
    states = boto3.client("stepfunctions", REGION)
    machine = deployment.outputs["IngestStateMachine"]
    listed = states.list_executions(stateMachineArn=machine)["executions"]
    return [
        json.loads(states.describe_execution(executionArn=one["executionArn"])["input"]) for one in listed
    ]


def test_without_arguments_it_lists_what_waits_and_starts_nothing(
    deployment: Any, queue: Any, clinrisk: Callable[..., Any]
) -> None:
    queue.put(event())
    assert "heart/training/march.csv" in clinrisk("redrive").out
    assert inputs(deployment) == []
    assert queue.bodies() == [event()]


def test_one_file_is_started_again_and_the_others_stay(
    deployment: Any, queue: Any, clinrisk: Callable[..., Any]
) -> None:
    other = event("inbox/heart/training/april.csv")
    queue.put(event())
    queue.put(other)
    [started] = clinrisk("redrive", "heart/training/march.csv", "--json").json()
    assert (started["key"], started["version_id"]) == (KEY, "v1")
    assert started["execution"].startswith("redrive-")
    assert inputs(deployment) == [event()]
    assert queue.bodies() == [other]


def test_all_are_started_again_but_not_what_is_no_event_of_the_inbox(
    deployment: Any, queue: Any, clinrisk: Callable[..., Any]
) -> None:
    for number in range(12):
        queue.put(event(f"inbox/heart/training/{number}.csv"))
    queue.put({"source": "aws.states"})
    assert len(clinrisk("redrive", "--all", "--json").json()) == 12
    assert len(inputs(deployment)) == 12
    assert queue.bodies() == [{"source": "aws.states"}]


def test_nothing_to_start_is_an_answer_and_a_file_that_does_not_wait_an_error(
    deployment: Any, queue: Any, clinrisk: Callable[..., Any]
) -> None:
    assert "No file waits" in clinrisk("redrive", "--all").out
    answer = clinrisk("redrive", "heart/training/march.csv")
    assert answer.code == 1
    assert "clinrisk receipts" in answer.err


def test_a_file_whose_workflow_was_stopped_is_started_again_without_a_message(
    deployment: Any, queue: Any, clinrisk: Callable[..., Any]
) -> None:
    bucket = deployment.outputs["InboxBucket"]
    version = deployment.s3.put_object(Bucket=bucket, Key=KEY, Body=b"x")["VersionId"]
    states = boto3.client("stepfunctions", REGION)
    execution = states.start_execution(
        stateMachineArn=deployment.outputs["IngestStateMachine"], input=json.dumps(event(version=version))
    )["executionArn"]
    upload_id = object_keys.upload_id(bucket, KEY, version)
    deployment.item(
        "UploadsTable", pk=f"UPLOAD#{upload_id}", sk="STATE", status="CLAIMED", execution=execution
    )
    assert clinrisk("redrive", KEY).code == 1
    states.stop_execution(executionArn=execution)
    [started] = clinrisk("redrive", KEY, "--json").json()
    assert started["version_id"] == version
    assert inputs(deployment) == [event(version=version)] * 2


def test_one_file_and_all_files_exclude_each_other(clinrisk: Callable[..., Any]) -> None:
    assert clinrisk("redrive", "heart/training/march.csv", "--all").code == 2


def test_a_message_that_is_redriven_twice_starts_once(
    deployment: Any, queue: Any, clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.put(event())
    stack = open_stack(None, on_twin=False)
    [one] = waiting_events.waiting(stack)
    assert waiting_events.redrive(stack, one) == waiting_events.redrive(stack, one)
    assert inputs(deployment) == [event()]
    assert queue.bodies() == []
