"""A stop is announced once, by the workflow itself or by Announce Stop, and its question is closed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import clients, stepfunctions
from clinrisk.aws.tables import approvals
from tests.integration.approval_request import RequestedApproval
from tests.integration.events import events_of, read_event
from tests.integration.trained_candidate import WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

RUN = "heart-0123456789"
WAITS = {"Work": {"Type": "Wait", "Seconds": 60, "End": True}}
FAILS = {"Work": {"Type": "Fail", "Error": "JobFailed", "Cause": "The set has no positive patient."}}


def execution(stack: Stack, procedure: str, states: dict[str, Any], given: dict[str, Any]) -> str:
    """Start an execution of a machine that is named like one of ours; one that does not wait has ended."""
    machine = stack.sfn.create_state_machine(
        name=f"clinrisk-{procedure}StateMachine-1",
        definition=json.dumps({"StartAt": next(iter(states)), "States": states}),
        roleArn="arn:aws:iam::123456789012:role/states",
    )["stateMachineArn"]
    arn = stack.sfn.start_execution(stateMachineArn=machine, name=RUN, input=json.dumps(given))[
        "executionArn"
    ]
    while stepfunctions.last_state(arn) is None:
        WaitingExecution._pause()
    while states is not WAITS and stack.sfn.describe_execution(executionArn=arn)["status"] == "RUNNING":
        WaitingExecution._pause()
    return arn


def stop(stack: Stack, arn: str) -> None:
    stack.sfn.stop_execution(executionArn=arn)
    while stack.sfn.describe_execution(executionArn=arn)["status"] == "RUNNING":
        WaitingExecution._pause()


def announce(stack: Stack, arn: str) -> Any:
    return stack.call("announce_stop", {"source": "aws.states", "detail": {"executionArn": arn}})


def told(stack: Stack) -> list[dict[str, Any]]:
    return [mail for mail in stack.mails() if "Start it again" in mail["Message"]]


def test_a_stopped_training_is_announced_once_with_its_command(stack: Stack) -> None:
    arn = execution(stack, "Training", WAITS, {"use_case": "heart", "reason": "upload 1"})
    stop(stack, arn)
    assert announce(stack, arn) == {"announced": True, "closed": False}
    assert announce(stack, arn) == {"announced": False, "closed": False}
    [mail] = told(stack)
    assert mail["Subject"] == f"heart: training run {RUN} was stopped"
    assert "clinrisk train heart --reason TEXT" in mail["Message"]
    assert mail["MessageAttributes"]["audience"]["Value"] == "operator"


def test_what_runs_again_or_is_forgotten_is_not_announced(stack: Stack) -> None:
    arn = execution(stack, "Training", WAITS, {"use_case": "heart"})
    assert announce(stack, arn) == {"announced": False, "closed": False}
    stop(stack, arn)
    assert announce(stack, arn + "0") == {"announced": False, "closed": False}
    assert told(stack) == []


def test_a_workflow_that_has_mailed_itself_is_not_announced_again(stack: Stack) -> None:
    states = {
        "Announce Failed Training": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {"TopicArn": stack.environment["ALERTS_TOPIC"], "Message": "It failed."},
            "Next": "Work",
        }
    } | FAILS
    assert announce(stack, execution(stack, "Training", states, {"use_case": "heart"}))["announced"] is False
    assert [mail["Message"] for mail in stack.mails()] == ["It failed."]


def test_a_workflow_whose_own_mail_failed_is_announced(stack: Stack) -> None:
    states = {
        "Announce Failed Training": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {"TopicArn": stack.environment["ALERTS_TOPIC"] + "-gone", "Message": "It failed."},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Work"}],
            "Next": "Work",
        }
    } | FAILS
    arn = execution(stack, "Training", states, {"use_case": "heart"})
    assert announce(stack, arn)["announced"] is True
    [mail] = told(stack)
    assert "Why: The set has no positive patient." in mail["Message"]


def test_a_mail_that_could_not_be_sent_is_sent_by_the_next_try(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = execution(stack, "Monitoring", FAILS, {"use_case": "heart"})

    def down(**_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(clients.sns(), "publish", down)
        with pytest.raises(Exception, match=r"ConnectionError"):
            announce(stack, arn)
    assert announce(stack, arn)["announced"] is True
    assert len(told(stack)) == 1


def ask(stack: Stack, arn: str) -> RequestedApproval:
    """Let a release ask about its candidate."""
    asked = RequestedApproval(stack)
    event = asked.candidate.approval_event(asked.judgement, asked.package, "its-token") | {"execution": arn}
    stack.call("request_approval", event)
    stack.mails()
    return asked


@pytest.mark.parametrize("name", events_of("announce_stop"))
def test_a_stopped_release_closes_its_question_and_its_page_states_why(stack: Stack, name: str) -> None:
    arn = execution(stack, "Release", WAITS, {"use_case": "heart", "run_id": RUN})
    asked = ask(stack, arn)
    form = {"decision": "approve", "version": "1", "reason": "Well calibrated."} | asked.carry()
    stack.tables.Table("clinrisk-deployments").put_item(
        Item={"pk": "SHADOW#heart", "sk": "WAITING", "run_id": RUN}
    )
    stop(stack, arn)
    event = read_event(name)
    event["detail"]["executionArn"] = arn
    assert stack.call("announce_stop", event) == {"announced": True, "closed": True}
    assert approvals.find(asked.approval_id).status == "STOPPED"
    answer = asked.open("POST", form=form)
    assert answer["statusCode"] == 410
    assert f"clinrisk evaluate {RUN} --reason TEXT" in answer["body"]
    assert approvals.find(asked.approval_id).decision == ""
    shadow = stack.tables.Table("clinrisk-deployments").get_item(Key={"pk": "SHADOW#heart", "sk": "WAITING"})
    assert shadow["Item"]["expires_at"] == 0
    [mail] = told(stack)
    assert "Its question to the approver is closed" in mail["Message"]


def test_a_question_that_another_release_asks_by_now_stays_open(stack: Stack) -> None:
    arn = execution(stack, "Release", WAITS, {"use_case": "heart", "run_id": RUN})
    asked = ask(stack, f"{arn}-2")
    stop(stack, arn)
    assert announce(stack, arn) == {"announced": True, "closed": False}
    assert approvals.find(asked.approval_id).status == "PENDING"


def test_a_release_that_was_stopped_is_asked_about_again(stack: Stack) -> None:
    arn = execution(stack, "Release", WAITS, {"use_case": "heart", "run_id": RUN})
    asked = ask(stack, arn)
    stop(stack, arn)
    announce(stack, arn)
    event = asked.candidate.approval_event(asked.judgement, asked.package, "another-token")
    assert stack.call("request_approval", event)["approval_id"] != asked.approval_id
