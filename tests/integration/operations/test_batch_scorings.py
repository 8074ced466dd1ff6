"""Results whose mail was never sent are mailed once; a scoring that fails alike twice is left to a person."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import clients, stepfunctions
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.operations import stuck_work
from clinrisk.messages.operations import ReconcileWorkRequest, Stuck
from clinrisk.services.operations import reconcile_work, restarts
from tests.integration.conftest import REGION
from tests.integration.scored_batches import go_live, settle
from tests.integration.trained_candidate import WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

ROLE = "arn:aws:iam::123456789012:role/machine"
ID = "a" * 20
SETTLED = "2026-03-02T00:00:00.000Z"


PUBLISHES = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "Parameters": {
        "QueueUrl": f"https://sqs.{REGION}.amazonaws.com/123456789012/publisher",
        "MessageBody": {"token.$": "$$.Task.Token"},
    },
}


def pictured(*names: str, end: dict[str, Any]) -> dict[str, Any]:
    """Return a machine that goes through states of these names and then ends, or waits."""
    following = [*names[1:], "End"]
    states: dict[str, dict[str, Any]] = {
        name: {"Type": "Pass", "Next": after} for name, after in zip(names, following, strict=True)
    }
    if "Publish Results" in states:
        states["Publish Results"] |= PUBLISHES
    return {"StartAt": names[0], "States": states | {"End": end}}


FAILS = {"Type": "Fail", "Error": "ResultsUnannounced", "Cause": "The mail could not be sent."}
WAITS = {"Type": "Wait", "Seconds": 600, "End": True}
UNANNOUNCED = pictured("Publish Results", "Announce Results", "Note Silence", end=FAILS)
STOPPED_BEFORE_THE_MAIL = pictured("Publish Results", end=WAITS)
ANNOUNCED = pictured("Publish Results", "Announce Results", end=WAITS)
NOT_PUBLISHED = pictured("Present Results", end=FAILS)


@pytest.fixture
def machines(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Our state machines by name; one ends as soon as it starts."""
    made = {}
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    for name in ("Ingest", "Training", "Release", "Scoring", "Monitoring"):
        made[name] = stack.sfn.create_state_machine(name=name, definition=definition, roleArn=ROLE)[
            "stateMachineArn"
        ]
        monkeypatch.setenv(f"{name.upper()}_STATE_MACHINE", made[name])
    settings.cache_clear()
    stack.sqs.create_queue(QueueName="publisher")
    go_live(stack)
    settle(ID, SETTLED, 9)
    return made


def publish(stack: Stack, **by: str) -> None:
    """Write what Publish Results leaves: the file, and its sidecar last."""
    sidecar: dict[str, Any] = by | {
        "title": "Heart disease risk",
        "scored_at": "2026-03-02T00:10:00.000Z",
        "cautions": [],
        "counts": dict.fromkeys(("scored", "flagged", "uncertain", "not_scored", "rows_not_used"), 0)
        | {"rows": 9},
        "upload": {"upload_id": ID, "key": "inbox/heart/inference/2026-03-02.csv"},
        "model": {"live_version": 1},
        "results": {"uri": f"s3://clinrisk-results/results/heart/2026-03-02/{ID}.csv"},
    }
    stack.put("results", object_keys.results("heart", "2026-03-02", ID), b"row,id\r\n")
    stack.put("results", object_keys.sidecar("heart", "2026-03-02", ID), json.dumps(sidecar).encode())


def define(stack: Stack, machines: dict[str, str], definition: dict[str, Any]) -> None:
    stack.sfn.update_state_machine(
        stateMachineArn=machines["Scoring"], definition=json.dumps(definition), roleArn=ROLE
    )


def score(stack: Stack, machines: dict[str, str], definition: dict[str, Any], attempt: str = "") -> str:
    """Let a scoring execution come to its end, or to its stop; it publishes while it is in that state."""
    define(stack, machines, definition)
    arn = stack.sfn.start_execution(
        stateMachineArn=machines["Scoring"], name=f"heart-{ID}{attempt}", input="{}"
    )["executionArn"]
    if "Publish Results" in definition["States"]:
        queue = stack.sqs.get_queue_url(QueueName="publisher")["QueueUrl"]
        while not (found := stack.sqs.receive_message(QueueUrl=queue).get("Messages")):
            WaitingExecution._pause()
        publish(stack)
        stack.sfn.send_task_success(taskToken=json.loads(found[0]["Body"])["token"], output="{}")
    if definition["States"]["End"] is WAITS:
        while (state := stepfunctions.last_state(arn)) is None or state.name != "End":
            WaitingExecution._pause()
        stack.sfn.stop_execution(executionArn=arn)
    while not stepfunctions.has_ended(arn):
        WaitingExecution._pause()
    return arn


def versions(stack: Stack) -> list[str]:
    """Return the versions of everything in the Results bucket."""
    return [one["VersionId"] for one in stack.s3.list_object_versions(Bucket="clinrisk-results")["Versions"]]


def look(**asked: Any) -> Any:
    request = ReconcileWorkRequest(**asked)
    return reconcile_work.reconcile(request, datetime.now(UTC) + timedelta(hours=1))


@pytest.mark.parametrize("ended", [UNANNOUNCED, STOPPED_BEFORE_THE_MAIL])
def test_results_whose_mail_was_not_sent_are_mailed_once_and_not_published_again(
    stack: Stack, machines: dict[str, str], ended: dict[str, Any]
) -> None:
    score(stack, machines, ended)
    published = versions(stack)
    [found] = look().stuck
    assert (found.kind, found.command, found.safe) == ("not_announced", f"clinrisk redrive {ID}", True)
    assert len(look(safe=True).started) == 1
    sent: list[Any] = list(stack.mails())
    [mail] = sent
    assert mail["Subject"] == "Heart disease risk: 2026-03-02.csv was scored (0 patients)"
    assert mail["MessageAttributes"]["audience"]["Value"] == "data_manager"
    assert look(subjects=(ID,)).started == ()
    assert stack.mails() == []
    assert versions(stack) == published
    assert len(stack.sfn.list_executions(stateMachineArn=machines["Scoring"])["executions"]) == 1


def test_results_of_a_function_that_went_on_when_its_execution_was_stopped_are_mailed(
    stack: Stack, machines: dict[str, str]
) -> None:
    score(stack, machines, pictured("Present Results", end=WAITS))
    publish(stack, execution=f"heart-{ID}")
    assert [one.kind for one in look().stuck] == ["not_announced"]
    assert len(look(safe=True).started) == 1
    assert len(stack.mails()) == 1
    assert look().stuck == ()


def test_results_of_another_execution_are_not_those_of_one_that_was_stopped(
    stack: Stack, machines: dict[str, str]
) -> None:
    score(stack, machines, pictured("Present Results", end=WAITS))
    publish(stack, execution=f"heart-{ID}-again1")
    assert look().stuck == ()


def test_results_that_were_announced_stand_though_their_execution_was_stopped(
    stack: Stack, machines: dict[str, str]
) -> None:
    score(stack, machines, ANNOUNCED)
    assert look().stuck == ()


def test_a_later_failure_is_no_evidence_about_the_mail_of_earlier_results(
    stack: Stack, machines: dict[str, str]
) -> None:
    publish(stack)
    score(stack, machines, NOT_PUBLISHED, "-again1")
    assert look().stuck == ()


def test_a_mail_that_fails_again_is_sent_by_the_next_look(
    stack: Stack, machines: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    score(stack, machines, UNANNOUNCED)

    def down(**_: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(clients.sns(), "publish", down)
        with pytest.raises(ConnectionError):
            look(safe=True)
    assert len(look(safe=True).started) == 1
    assert len(stack.mails()) == 1


def test_an_execution_that_is_named_after_no_batch_says_nothing_about_one(
    stack: Stack, machines: dict[str, str]
) -> None:
    define(stack, machines, failing("A column is gone."))
    stack.sfn.start_execution(stateMachineArn=machines["Scoring"], name="by-hand", input="{}")
    [found] = look().stuck
    assert (found.kind, found.subject, found.safe) == ("not_scored", ID, True)


@pytest.mark.parametrize(
    ("kind", "why"),
    [("not_trained", f"no run had read upload {ID}"), ("training_died", f"run {ID} had died")],
)
def test_a_training_that_nobody_ran_is_started_with_the_reason(
    stack: Stack, machines: dict[str, str], kind: Any, why: str
) -> None:
    given = Stuck(
        kind=kind,
        subject=ID,
        name=ID,
        use_case="heart",
        since=SETTLED,
        reason="",
        command=f"clinrisk redrive {ID}",
        startable=True,
    )
    started = restarts.start(given, {}, datetime.now(UTC))
    [execution] = stack.sfn.list_executions(stateMachineArn=machines["Training"])["executions"]
    assert started in {execution["name"], execution["executionArn"]}
    described = stack.sfn.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(described["input"]) == {"use_case": "heart", "reason": why}


def failing(cause: str) -> dict[str, Any]:
    return pictured("Present Results", end={"Type": "Fail", "Error": "JobFailed", "Cause": cause})


def test_a_scoring_that_failed_twice_alike_is_not_started_a_third_time_by_itself(
    stack: Stack, machines: dict[str, str]
) -> None:
    score(stack, machines, failing("A column is gone."))
    assert [one.execution for one in look(safe=True).started] == [f"heart-{ID}-again1"]
    score(stack, machines, failing("A column is gone."), "-again7")
    [found] = look(safe=True).stuck
    assert (found.kind, found.safe, found.reason) == (
        "not_scored", False, "A column is gone. Twice in a row.",
    )  # fmt: skip
    assert len(stack.sfn.list_executions(stateMachineArn=machines["Scoring"])["executions"]) == 3


def test_ten_thousand_batches_are_started_a_few_hundred_at_a_time(
    stack: Stack, machines: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stuck_work, "LISTED", 3)
    for n in range(1, 8):
        settle(f"{n:020x}", f"2026-03-02T00:00:0{n}.000Z", 9)
    score(stack, machines, failing("A column is gone."))
    define(stack, machines, pictured("Present Results", end=WAITS))
    asked: list[str] = []
    end_of = stepfunctions.end_of

    def counted(arn: str) -> Any:
        asked.append(arn)
        return end_of(arn)

    monkeypatch.setattr(stepfunctions, "end_of", counted)
    first = look(safe=True)
    assert (len(first.stuck), first.more, len(first.started)) == (3, 5, 3)
    assert len(look(safe=True).started) == 3
    assert len(look(safe=True).started) == 2
    assert len(asked) <= 3
    names = [
        one["name"] for one in stack.sfn.list_executions(stateMachineArn=machines["Scoring"])["executions"]
    ]
    assert len(names) == len(set(names)) == 9
