"""Many at once on the twin, as on AWS: who is refused, who waits, and what nobody may see half done."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import PROJECT, RunningTwin

pytestmark = pytest.mark.twin


@pytest.fixture
def quota(twin: RunningTwin) -> Callable[[int], Any]:
    """`with quota(n):` lets the account have so many invocations at once."""

    @contextmanager
    def limited(number: int) -> Iterator[None]:
        twin.command("quota", f"lambda={number}")
        try:
            yield
        finally:
            twin.command("quota", "lambda=1000")

    return limited


@pytest.fixture
def text(twin: RunningTwin, probe_stack: dict[str, str]) -> Callable[[str], bytes | None]:
    """`text(key)`: what the probe has written there, or None."""

    def read(key: str) -> bytes | None:
        s3 = twin.client("s3")
        if not s3.list_objects_v2(Bucket=probe_stack["Inbox"], Prefix=key).get("Contents"):
            return None
        body: bytes = s3.get_object(Bucket=probe_stack["Inbox"], Key=key)["Body"].read()
        return body

    return read


def written(probe_stack: dict[str, str], key: str) -> str:
    return json.dumps({"do": "keep_text", "bucket": probe_stack["Inbox"], "key": key, "text": "done"})


def test_a_caller_beyond_the_limit_is_refused(
    twin: RunningTwin, probe_stack: dict[str, str], quota: Any
) -> None:
    with quota(0), pytest.raises(ClientError) as caught:
        twin.invoke(probe_stack["Probe"], {"do": "echo"})
    assert caught.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert twin.invoke(probe_stack["Probe"], {"do": "echo"}) == {"do": "echo"}


def test_what_runs_counts_against_the_limit(
    twin: RunningTwin, probe_stack: dict[str, str], quota: Any
) -> None:
    # A function that invokes itself has two invocations at once.
    with quota(1):
        limits = twin.client("lambda").get_account_settings()["AccountLimit"]
        refused: Any = twin.invoke(probe_stack["Probe"], {"do": "call_itself"})
    assert refused == "TooManyRequestsException"
    assert limits["ConcurrentExecutions"] == limits["UnreservedConcurrentExecutions"] == 1
    assert twin.invoke(probe_stack["Probe"], {"do": "call_itself"}) == {"do": "echo", "n": 1}


def test_a_state_beyond_the_limit_is_caught_under_awss_name(
    twin: RunningTwin, probe_stack: dict[str, str], quota: Any
) -> None:
    states = twin.client("stepfunctions")
    role = states.describe_state_machine(stateMachineArn=probe_stack["Flow"])["roleArn"]
    invoke = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": probe_stack["Probe"], "Payload": {"do": "echo"}},
        "Catch": [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "Next": "Refused"}],
        "End": True,
    }
    refused = {"Type": "Pass", "Output": "refused", "End": True}
    flow = {"Invoke": invoke, "Refused": refused}
    machine = {"QueryLanguage": "JSONata", "StartAt": "Invoke", "States": flow}
    made = states.create_state_machine(name="invoke-one", definition=json.dumps(machine), roleArn=role)
    with quota(0):
        assert json.loads(twin.run(made["stateMachineArn"], {})["output"]) == "refused"


def test_a_task_that_is_tried_again_has_a_token_of_its_own(
    twin: RunningTwin, probe_stack: dict[str, str]
) -> None:
    states = twin.client("stepfunctions")
    role = states.describe_state_machine(stateMachineArn=probe_stack["Flow"])["roleArn"]
    first_fails = {
        "do": "{% $states.context.State.RetryCount = 0 ? 'fail' : 'complete' %}",
        "token": "{% $states.context.Task.Token %}",
    }
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"FunctionName": probe_stack["Probe"], "Payload": first_fails},
        "TimeoutSeconds": 120,
        "Retry": [{"ErrorEquals": ["OutOfPatience"], "IntervalSeconds": 1, "MaxAttempts": 1}],
        "End": True,
    }
    machine = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {"Ask": ask}})
    made = states.create_state_machine(name="ask-again", definition=machine, roleArn=role)
    ended = twin.run(made["stateMachineArn"], {})
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", '{"decision": "APPROVED"}')


def test_an_event_beyond_the_limit_waits(
    twin: RunningTwin, probe_stack: dict[str, str], quota: Any, text: Any
) -> None:
    function = {"FunctionName": probe_stack["Probe"]}
    client, event = twin.client("lambda"), written(probe_stack, "open/by-event")
    # That it is not tried again when it fails says nothing about how long it waits.
    client.put_function_event_invoke_config(**function, MaximumRetryAttempts=0)
    with quota(0):
        answer = client.invoke(**function, InvocationType="Event", Payload=event)
        assert answer["StatusCode"] == 202
        assert text("open/by-event") is None
    assert twin.until(lambda: text("open/by-event")) == b"done"
    client.delete_function_event_invoke_config(**function)


def test_a_rules_event_beyond_the_limit_waits(
    twin: RunningTwin, probe_stack: dict[str, str], quota: Any, text: Any
) -> None:
    events = twin.client("events")
    function = twin.client("lambda").get_function(FunctionName=probe_stack["Probe"])["Configuration"]
    events.put_rule(Name="limited", EventPattern=json.dumps({"source": ["test.load"]}))
    target = {"Id": "1", "Arn": function["FunctionArn"], "Input": written(probe_stack, "open/by-rule")}
    events.put_targets(Rule="limited", Targets=[target])
    with quota(0):
        events.put_events(Entries=[{"Source": "test.load", "DetailType": "x", "Detail": "{}"}])
        assert text("open/by-rule") is None
    assert twin.until(lambda: text("open/by-rule")) == b"done"


TWO_OPERATIONS = """
import asyncio, json, sys, threading
from pathlib import Path
from twin import repairs
registry = repairs.load()
if sys.argv[2] == "repaired":
    registry.apply(repairs.Site("http://127.0.0.1:1", Path(sys.argv[1])))
from ministack.services import dynamodb, stepfunctions

def request(operation, **body):
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}"}
    return asyncio.run(dynamodb.handle_request("POST", "/", headers, json.dumps(body).encode(), {}))

def put(key):
    stepfunctions._invoke_dynamodb("putItem", {"TableName": "claims", "Item": {"pk": {"S": key}}})

key = [{"AttributeName": "pk", "KeyType": "HASH"}]
request("CreateTable", TableName="claims", KeySchema=key, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
put("one"); put("two")
state = threading.Thread(target=put, args=["three"], daemon=True)

class Walked(dict):
    def keys(self):  # a state's task comes while a request walks over the items
        for name in super().keys():
            if state.ident is None:
                state.start()
                state.join(1)
            yield name

dynamodb._tables["claims"]["items"] = Walked(dynamodb._tables["claims"]["items"])
counts = [json.loads(request("Scan", TableName="claims")[2])["Count"]]
state.join()
print(*counts, json.loads(request("Scan", TableName="claims")[2])["Count"])
"""


def two_operations(folder: Path, how: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROJECT / ".envs/twin/bin/python"), "-c", TWO_OPERATIONS, str(folder), how]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_states_operation_on_a_table_waits_for_a_request_that_is_answered(tmp_path: Path) -> None:
    broken = two_operations(tmp_path, "as it is")
    assert "dictionary changed size during iteration" in broken.stderr
    repaired = two_operations(tmp_path, "repaired")
    assert repaired.stdout.split() == ["2", "3"], repaired.stderr


A_LINE = """
import sys, threading, time
from pathlib import Path
from twin import repairs
from twin.repairs.lambda_functions.turns import Turns
registry = repairs.load()
if sys.argv[2] == "repaired":
    registry.apply(repairs.Site("http://127.0.0.1:1", Path(sys.argv[1])))
from ministack.services import stepfunctions

turns, taken = Turns(1, 600), threading.Event()

def first():
    with turns.turn():
        taken.set()
        time.sleep(1)

def in_turn(resource, seconds):
    with turns.turn():
        time.sleep(seconds)
    return "done"

stepfunctions._invoke_resource = in_turn
threading.Thread(target=first).start()
taken.wait()
for seconds in (0, 2):
    try:
        print(stepfunctions._invoke_resource_with_timeout("x", seconds, 0.5))
    except stepfunctions._ExecutionError as error:
        print(error.error)
"""


def test_the_time_in_the_line_is_no_time_of_the_task(tmp_path: Path) -> None:
    python = str(PROJECT / ".envs/twin/bin/python")

    def seen(how: str) -> list[str]:
        command = [python, "-c", A_LINE, str(tmp_path), how]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert seen("as it is") == ["States.Timeout", "States.Timeout"]
    assert seen("repaired") == ["done", "States.Timeout"]
