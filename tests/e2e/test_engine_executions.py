"""State machines on the twin behave as on AWS: each test fails without the repair it names."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import RunningTwin

pytestmark = pytest.mark.twin


def output_of(twin: "RunningTwin", stack: dict[str, str], case: str) -> Any:
    execution = twin.run(stack["Flow"], {"case": case})
    assert execution["status"] == "SUCCEEDED", execution
    return json.loads(execution["output"])


def test_an_exception_is_caught_by_its_class(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    caught = output_of(twin, probe_stack, "catch")
    assert caught == {"caught": "OutOfPatience", "message": "as asked", "seen": "OutOfPatience"}


def test_an_exception_is_retried_by_its_class_with_short_pauses(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    # Without MaxDelaySeconds the pauses, although shortened, would last longer than the machine may run.
    assert output_of(twin, probe_stack, "retry") == {"count": 3}


def test_a_failing_lambda_fails_the_task_that_waits_for_its_token(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    execution = twin.run(probe_stack["Flow"], {"case": "token"})
    assert (execution["status"], execution["error"]) == ("FAILED", "OutOfPatience")


def test_an_answered_token_gives_the_task_its_result(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    assert output_of(twin, probe_stack, "answer") == {"decision": "APPROVED"}


def test_a_missing_heartbeat_ends_the_task(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    assert output_of(twin, probe_stack, "heartbeat") == {"caught": "States.HeartbeatTimeout"}


def test_an_execution_ends_after_its_machines_own_limit(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    execution = twin.run(probe_stack["Limited"], {})
    assert (execution["status"], execution["error"]) == ("TIMED_OUT", "States.Timeout")
    history = twin.client("stepfunctions").get_execution_history(executionArn=execution["executionArn"])
    assert [event["type"] for event in history["events"]].count("ExecutionTimedOut") == 1
    assert "ExecutionFailed" not in {event["type"] for event in history["events"]}


def test_a_limit_may_be_an_expression_and_an_answer_after_it_is_refused(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    assert output_of(twin, probe_stack, "expired") == {"caught": "States.Timeout"}
    states = twin.client("stepfunctions")
    token = (
        twin.client("s3").get_object(Bucket=probe_stack["Inbox"], Key="open/token")["Body"].read().decode()
    )
    with pytest.raises(states.exceptions.TaskTimedOut):
        states.send_task_success(taskToken=token, output="{}")
    with pytest.raises(states.exceptions.TaskDoesNotExist):
        states.send_task_success(taskToken="never seen", output="{}")


def test_a_state_publishes_with_attributes_that_filters_match(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    output_of(twin, probe_stack, "publish")
    mails = [mail for mail in twin.mail("reader@example.org") if mail["subject"] == "From a state"]
    assert [mail["body"] for mail in mails] == ["Case publish"]


def test_starting_a_child_twice_is_an_error_with_its_name_on_aws(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    first = twin.run(probe_stack["Flow"], {"case": "nested", "name": "only-one"})
    assert "ExecutionArn" in json.loads(first["output"])
    second = twin.run(probe_stack["Flow"], {"case": "nested", "name": "only-one"})
    assert json.loads(second["output"]) == {"caught": "again"}


def test_a_failed_branch_ends_the_parallel_at_once(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    assert output_of(twin, probe_stack, "one fails") == {"caught": "Broken"}


def test_a_schedule_starts_its_state_machine(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    states, at = twin.client("stepfunctions"), datetime.now(UTC) - timedelta(seconds=5)
    twin.client("scheduler").create_schedule(
        Name="soon",
        ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": probe_stack["Flow"],
            "RoleArn": probe_stack["ScheduleRole"],
            "Input": '{"case": "by schedule"}',
        },
    )

    def started() -> bool:
        executions = states.list_executions(stateMachineArn=probe_stack["Flow"])["executions"]
        inputs = [states.describe_execution(executionArn=one["executionArn"])["input"] for one in executions]
        return '{"case": "by schedule"}' in inputs

    assert twin.until(started, 40)


def test_parallel_branches_have_their_own_variables_and_output(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    assert output_of(twin, probe_stack, "parallel") == {"sides": [1, 2], "total": 3, "leaked": False}


def test_states_inside_branches_are_in_the_history(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    execution = twin.run(probe_stack["Flow"], {"case": "parallel"})
    history = twin.client("stepfunctions").get_execution_history(executionArn=execution["executionArn"])
    entered = {event.get("stateEnteredEventDetails", {}).get("name") for event in history["events"]}
    assert {"Left", "Right"} <= entered


def test_states_inside_a_map_are_in_the_history(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    execution = twin.run(probe_stack["Flow"], {"case": "map"})
    assert json.loads(execution["output"]) == [2, 4]
    history = twin.client("stepfunctions").get_execution_history(executionArn=execution["executionArn"])
    entered = [event.get("stateEnteredEventDetails", {}).get("name") for event in history["events"]]
    assert entered.count("Double") == 2


def test_the_context_object_is_complete(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    context = output_of(twin, probe_stack, "context")
    assert context["role"].startswith("arn:aws:iam::")
    assert context["machine"] in probe_stack["Flow"]
    assert (context["state"], context["input"]) == ("Show Context", "context")


def test_a_repeated_start_with_the_same_input_is_the_same_execution(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    states = twin.client("stepfunctions")
    start = {"stateMachineArn": probe_stack["Flow"], "name": "once", "input": '{"case": "slow"}'}
    first = states.start_execution(**start)
    assert states.start_execution(**start)["executionArn"] == first["executionArn"]
    with pytest.raises(states.exceptions.ExecutionAlreadyExists):
        states.start_execution(**start | {"input": "{}"})


def test_a_stopped_execution_stays_stopped(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    states = twin.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=probe_stack["Flow"], input='{"case": "slow"}')[
        "executionArn"
    ]

    def events() -> set[str]:
        history = states.get_execution_history(executionArn=arn)["events"]
        return {event["type"] for event in history}

    assert twin.until(lambda: "TaskStateEntered" in events())
    states.stop_execution(executionArn=arn)
    token_is_dropped = 1.0  # the task polls twenty times a second whether its execution still runs
    time.sleep(token_is_dropped)
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert "ExecutionFailed" not in events()


def test_executions_publish_their_metrics(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    twin.run(probe_stack["Flow"], {"case": "token"})
    names = {
        metric["MetricName"]
        for metric in twin.client("cloudwatch").list_metrics(Namespace="AWS/States")["Metrics"]
        if {"Name": "StateMachineArn", "Value": probe_stack["Flow"]} in metric["Dimensions"]
    }
    assert {"ExecutionsStarted", "ExecutionsFailed", "ExecutionTime"} <= names


def test_an_expression_may_take_its_time(twin: "RunningTwin", probe_stack: dict[str, str]) -> None:
    slow = "{% $sum($map([1..80000], function($v) { $v * 2 })) %}"
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Count",
        "States": {"Count": {"Type": "Pass", "Output": slow, "End": True}},
    }
    states = twin.client("stepfunctions")
    flow = states.describe_state_machine(stateMachineArn=probe_stack["Flow"])
    made = states.create_state_machine(
        name="counting", definition=json.dumps(definition), roleArn=flow["roleArn"]
    )
    assert json.loads(twin.run(made["stateMachineArn"], {})["output"]) == 6400080000


def test_a_redriven_execution_goes_on_at_the_state_that_failed(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    states, s3 = twin.client("stepfunctions"), twin.client("s3")
    role = states.describe_state_machine(stateMachineArn=probe_stack["Flow"])["roleArn"]
    read = {"do": "read", "bucket": probe_stack["Inbox"], "key": "{% $states.input.key %}"}
    again = "{% $states.context.Execution.RedriveCount %}"
    flow = {
        "Prepare": {"Type": "Pass", "Assign": {"kept": 7}, "Output": {"key": "open/after"}, "Next": "Read"},
        "Read": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": probe_stack["Probe"], "Payload": read},
            "Output": {"text": "{% $states.result.Payload %}", "kept": "{% $kept %}", "redrives": again},
            "End": True,
        },
    }
    definition = {"QueryLanguage": "JSONata", "StartAt": "Prepare", "States": flow}
    made = states.create_state_machine(name="redriven", definition=json.dumps(definition), roleArn=role)
    machine = made["stateMachineArn"]
    failed = twin.run(machine, {})
    assert (failed["status"], failed["redriveStatus"], failed["redriveCount"]) == ("FAILED", "REDRIVABLE", 0)

    # It keeps the definition that it was started with.
    empty = {"StartAt": "Nothing", "States": {"Nothing": {"Type": "Succeed"}}}
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(empty))
    s3.put_object(Bucket=probe_stack["Inbox"], Key="open/after", Body=b"there")
    name = {"executionArn": failed["executionArn"]}
    date = states.redrive_execution(**name, clientToken="once")["redriveDate"]
    assert states.redrive_execution(**name, clientToken="once")["redriveDate"] == date
    twin.until(lambda: states.describe_execution(**name)["status"] != "RUNNING")

    ended = states.describe_execution(**name)
    assert json.loads(ended["output"]) == {"text": "there", "kept": 7, "redrives": 1}
    assert (ended["redriveCount"], ended["redriveDate"], "error" in ended) == (1, date, False)
    history = states.get_execution_history(**name)["events"]
    assert [(event["id"], event["type"]) for event in history] == [
        (1, "ExecutionStarted"), (2, "PassStateEntered"), (3, "PassStateExited"), (4, "TaskStateEntered"),
        (5, "TaskScheduled"), (6, "TaskFailed"), (7, "ExecutionFailed"), (8, "ExecutionRedriven"),
        (9, "TaskScheduled"), (10, "TaskSucceeded"), (11, "TaskStateExited"), (12, "ExecutionSucceeded"),
    ]  # fmt: skip
    assert history[7]["executionRedrivenEventDetails"] == {"redriveCount": 1}
    [listed] = states.list_executions(stateMachineArn=machine)["executions"]
    assert listed["redriveCount"] == 1

    assert ended["redriveStatus"] == "NOT_REDRIVABLE"
    assert ended["redriveStatusReason"] == "Execution is SUCCEEDED and cannot be redriven"
    with pytest.raises(states.exceptions.ExecutionNotRedrivable, match="Execution is SUCCEEDED"):
        states.redrive_execution(**name)
    with pytest.raises(states.exceptions.ExecutionDoesNotExist):
        states.redrive_execution(executionArn=failed["executionArn"] + "x")


def test_what_a_stopped_attempt_still_does_is_no_part_of_the_redriven_one(
    twin: "RunningTwin", probe_stack: dict[str, str]
) -> None:
    states = twin.client("stepfunctions")
    role = states.describe_state_machine(stateMachineArn=probe_stack["Flow"])["roleArn"]
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"FunctionName": probe_stack["Probe"], "Payload": {
            "do": "keep", "bucket": probe_stack["Inbox"], "token": "{% $states.context.Task.Token %}"}},
        "TimeoutSeconds": 600,
        "End": True,
    }  # fmt: skip
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {"Ask": ask}})
    made = states.create_state_machine(name="stopped-and-redriven", definition=definition, roleArn=role)

    s3, kept = twin.client("s3"), {"Bucket": probe_stack["Inbox"], "Key": "open/token"}
    s3.put_object(**kept, Body=b"none yet")

    def token(after: str) -> str:
        """Return the token that the state hands out next."""

        def newest() -> str | None:
            body: str = s3.get_object(**kept)["Body"].read().decode()
            return None if body == after else body

        found: str = twin.until(newest)
        return found

    name = {"executionArn": states.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"]}
    before = token("none yet")
    with pytest.raises(states.exceptions.ExecutionNotRedrivable, match="RUNNING"):
        states.redrive_execution(**name)
    states.stop_execution(**name)
    states.redrive_execution(**name)
    states.send_task_success(taskToken=token(before), output='"new"')
    twin.until(lambda: states.describe_execution(**name)["status"] == "SUCCEEDED")
    with pytest.raises(states.exceptions.TaskTimedOut):
        states.send_task_success(taskToken=before, output='"old"')
    assert states.describe_execution(**name)["output"] == '"new"'
