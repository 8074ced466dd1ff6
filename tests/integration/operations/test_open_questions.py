"""Questions whose release has ended are closed; where a question is lost, its run is asked about anew."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from clinrisk.aws import clients, stepfunctions
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvals
from clinrisk.core.operations import stuck_questions
from clinrisk.messages.operations import ReconcileWorkRequest
from clinrisk.services.operations import reconcile_work
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import RUN, WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

ROLE = "arn:aws:iam::123456789012:role/machine"
WAITS = {"Type": "Wait", "Seconds": 600, "End": True}
TWENTY_MINUTES = timedelta(minutes=20)


@pytest.fixture
def machines(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Our state machines by name: a release waits for its approver, everything else ends at once."""
    made = {}
    for name in ("Ingest", "Training", "Release", "Scoring", "Monitoring"):
        states = {stuck_questions.AWAITS: WAITS} if name == "Release" else {"End": {"Type": "Succeed"}}
        definition = json.dumps({"StartAt": next(iter(states)), "States": states})
        made[name] = stack.sfn.create_state_machine(
            name=f"clinrisk-{name}StateMachine-1", definition=definition, roleArn=ROLE
        )["stateMachineArn"]
        monkeypatch.setenv(f"{name.upper()}_STATE_MACHINE", made[name])
    settings.cache_clear()
    return made


def release(stack: Stack, machines: dict[str, str], name: str = RUN) -> str:
    given = {"use_case": "heart", "run_id": RUN}
    arn = stack.sfn.start_execution(stateMachineArn=machines["Release"], name=name, input=json.dumps(given))[
        "executionArn"
    ]
    while stepfunctions.last_state(arn) is None:
        WaitingExecution._pause()
    return arn


def ask(stack: Stack, arn: str) -> RequestedApproval:
    """Let a release ask about its candidate."""
    asked = RequestedApproval(stack)
    event = asked.candidate.approval_event(asked.judgement, asked.package, "its-token") | {"execution": arn}
    stack.call("request_approval", event)
    stack.mails()
    return asked


def stop(stack: Stack, arn: str) -> None:
    stack.sfn.stop_execution(executionArn=arn)
    await_end(arn)


def await_end(arn: str) -> None:
    """Wait until an execution has ended; whoever waits in vain is ended by pytest."""
    while not stepfunctions.has_ended(arn):
        WaitingExecution._pause()


def look(*, after: timedelta = timedelta(), patience: int = 15, **asked: Any) -> Any:
    request = ReconcileWorkRequest(patience_minutes=patience, **asked)
    return reconcile_work.reconcile(request, datetime.now(UTC) + after)


def lose(stack: Stack, approval_id: str) -> None:
    table = stack.tables.Table("clinrisk-approvals")
    table.delete_item(Key={"pk": f"APPROVAL#{approval_id}", "sk": "STATE"})


def runs(stack: Stack, machines: dict[str, str]) -> list[tuple[str, Any]]:
    found = stack.sfn.list_executions(stateMachineArn=machines["Training"])["executions"]
    return [(one["name"], stepfunctions.given_to(one["executionArn"])) for one in found]


def test_a_question_whose_event_was_lost_is_closed_by_the_schedule_with_one_mail(
    stack: Stack, machines: dict[str, str]
) -> None:
    arn = release(stack, machines)
    asked = ask(stack, arn)
    assert look().stuck == ()
    stop(stack, arn)
    [found] = look().stuck
    assert (found.kind, found.subject, found.command) == (
        "question_without_workflow", RUN, f"clinrisk redrive {RUN}",
    )  # fmt: skip
    assert look(safe=True).started[0].execution == RUN
    assert approvals.find(asked.approval_id).status == "STOPPED"
    [mail] = stack.mails()
    assert "Its question to the approver is closed" in mail["Message"]
    # The event comes after all.
    event = {"source": "aws.states", "detail": {"executionArn": arn}}
    assert stack.call("announce_stop", event) == {"announced": False, "closed": False}
    assert look(safe=True).stuck == ()
    assert stack.mails() == []


def test_a_question_is_closed_whose_release_nobody_remembers(stack: Stack, machines: dict[str, str]) -> None:
    asked = ask(stack, stepfunctions.address_of(machines["Release"], "forgotten"))
    [found] = look().stuck
    assert found.reason == "The release that asked has ended."
    look(subjects=(RUN,))
    assert approvals.find(asked.approval_id).status == "STOPPED"
    assert stack.mails() == []


def test_a_release_whose_question_is_lost_waits_for_a_person_and_is_then_asked_about_anew(
    stack: Stack, machines: dict[str, str]
) -> None:
    arn = release(stack, machines)
    asked = ask(stack, arn)
    lose(stack, asked.approval_id)
    assert look(patience=0).stuck == ()
    [found] = look(after=TWENTY_MINUTES, safe=True).stuck
    assert (found.kind, found.name, found.reason) == (
        "workflow_without_question", RUN, "Its question is lost: nobody can answer it.",
    )  # fmt: skip
    assert not stepfunctions.has_ended(arn)
    [started] = look(after=TWENTY_MINUTES, subjects=(RUN,)).started
    await_end(arn)
    reason = "its question could not be answered"
    assert runs(stack, machines) == [
        (started.execution, {"use_case": "heart", "run_id": RUN, "reason": reason})
    ]
    assert started.execution == f"{RUN}-evaluate-again1"
    # Who started it again needs no mail about the stop.
    event = {"source": "aws.states", "detail": {"executionArn": arn}}
    assert stack.call("announce_stop", event)["announced"] is False
    again = asked.candidate.approval_event(asked.judgement, asked.package, "another-token")
    assert stack.call("request_approval", again)["approval_id"] != asked.approval_id
    assert look(after=TWENTY_MINUTES).stuck == ()


@pytest.mark.parametrize(
    ("status", "startable"),
    [("OVERTAKEN", True), ("EXPIRED", True), ("APPROVED", False), ("REJECTED", False)],
)
def test_a_release_that_has_not_heard_of_an_answer(
    stack: Stack, machines: dict[str, str], status: str, *, startable: bool
) -> None:
    arn = release(stack, machines)
    asked = ask(stack, arn)
    stack.tables.Table("clinrisk-approvals").update_item(
        Key={"pk": f"APPROVAL#{asked.approval_id}", "sk": "STATE"},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": status},
    )
    [found] = look(after=TWENTY_MINUTES).stuck
    assert (found.kind, found.startable, found.safe) == ("workflow_without_question", startable, False)
    assert bool(look(after=TWENTY_MINUTES, subjects=(RUN,)).started) is startable
    if startable:
        await_end(arn)
    else:
        assert not stepfunctions.has_ended(arn)


def test_a_release_that_works_or_whose_run_is_asked_about_by_another_one_is_left_alone(
    stack: Stack, machines: dict[str, str]
) -> None:
    first, second = release(stack, machines), release(stack, machines, f"{RUN}-0a1b2c3d")
    ask(stack, second)
    assert look(after=TWENTY_MINUTES).stuck == ()
    assert not stepfunctions.has_ended(first)
    assert stepfunctions.last_state(first) is not None


@pytest.mark.parametrize(("code", "raised"), [("ValidationException", 0), ("AccessDeniedException", 1)])
def test_a_release_that_ends_while_it_is_stopped_stays_as_it_is(
    stack: Stack, machines: dict[str, str], monkeypatch: pytest.MonkeyPatch, code: str, raised: int
) -> None:
    arn = release(stack, machines)

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "It has ended."}}, "StopExecution")

    monkeypatch.setattr(clients.stepfunctions(), "stop_execution", refuse)
    with pytest.raises(ClientError) if raised else nullcontext():
        stepfunctions.stop(arn, "QuestionLost", "It is lost.")


def test_a_release_that_does_something_else_is_left_alone(stack: Stack, machines: dict[str, str]) -> None:
    definition = json.dumps({"StartAt": "Plan Shadow", "States": {"Plan Shadow": WAITS}})
    stack.sfn.update_state_machine(stateMachineArn=machines["Release"], definition=definition)
    release(stack, machines)
    assert look(after=TWENTY_MINUTES).stuck == ()
