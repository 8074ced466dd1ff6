"""Turns on a real table: who is answered when, what a stop between two calls costs, who gives way to whom."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from clinrisk.aws import clients
from clinrisk.aws.tables import slots
from clinrisk.aws.telemetry import Metric
from clinrisk.core.operations import slot_pool
from clinrisk.core.timestamps import stamp
from clinrisk.errors import JobFailed, NoSlotFree, TransientError
from clinrisk.messages.operations import FreeSlotsRequest, SlotRequest
from clinrisk.services.operations import free_slots, request_slot, slot_turns
from tests.integration.emitted_metrics import emitted, metrics_in
from tests.integration.events import events_of, read_event

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOBS = ("transform", "processing", "training")


def refusal(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "said"}}, operation)


class Workflows:
    """Executions that wait for their turn, and the jobs that they run; a token is "token of NAME"."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[str, Any]] = {}
        self.failures: dict[str, str] = {}
        self.ended: set[str] = set()
        self.jobs: dict[str, str] = {}
        self.calls = 0
        self.stops_at: int | None = None

    def _count(self) -> None:
        self.calls += 1
        if self.calls == self.stops_at:
            raise KeyboardInterrupt

    def send_task_success(self, taskToken: str, output: str) -> None:  # noqa: N803 - AWS's names
        self._count()
        if taskToken.removeprefix("token of ") in self.ended or taskToken in self.answers:
            raise refusal("SendTaskSuccess", "TaskTimedOut")
        self.answers[taskToken] = json.loads(output)

    def send_task_failure(self, taskToken: str, error: str, cause: str) -> None:  # noqa: N803 - AWS's names
        self.failures[taskToken] = f"{error}: {cause}"

    def describe_execution(self, executionArn: str) -> dict[str, str]:  # noqa: N803 - AWS's names
        self._count()
        return {"status": "ABORTED" if executionArn in self.ended else "RUNNING"}

    def describe(self, name: str) -> Any:
        if name not in self.jobs:
            raise refusal("DescribeTransformJob", "ValidationException")
        return self.jobs[name]

    @property
    def answered(self) -> list[str]:
        """The executions that have been answered with a turn, in that order."""
        return [token.removeprefix("token of ") for token in self.answers]


@pytest.fixture
def workflows(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Workflows:
    del stack
    found = Workflows()
    monkeypatch.setattr(clients, "stepfunctions", lambda: found)
    sagemaker = SimpleNamespace(
        describe_transform_job=lambda **by: {"TransformJobStatus": found.describe(by["TransformJobName"])},
        describe_processing_job=lambda **by: {"ProcessingJobStatus": found.describe(by["ProcessingJobName"])},
        describe_training_job=lambda **by: {"TrainingJobStatus": found.describe(by["TrainingJobName"])},
        describe_hyper_parameter_tuning_job=lambda **by: {
            "HyperParameterTuningJobStatus": found.describe(by["HyperParameterTuningJobName"])
        },
    )
    monkeypatch.setattr(clients, "sagemaker", lambda: sagemaker)
    return found


def ask(name: str, *, now: datetime = NOW, **changes: object) -> None:
    facts = {
        "execution": name, "task_token": f"token of {name}", "pool": "transform", "job": f"job-{name}",
        "use_case": "heart", "urgency": "results", "rows": 300, "started": stamp(now),
    }  # fmt: skip
    request_slot.request(SlotRequest.model_validate(facts | changes), now)


def look(now: datetime = NOW, **event: object) -> Any:
    return free_slots.free(FreeSlotsRequest.model_validate(event), now)


def test_a_request_that_finds_a_free_slot_is_answered_at_once_and_the_others_wait(
    workflows: Workflows,
) -> None:
    for name in ("a", "b", "c"):
        ask(name)
    assert workflows.answered == ["a", "b"]
    assert workflows.answers["token of a"] == {
        "job_name": "917d40e5-job-a-0", "attempts": 0, "asked_at": stamp(NOW), "joined": False,
    }  # fmt: skip
    assert [one.execution for one in slots.waiting("transform", 10)] == ["c"]


def test_the_end_of_a_job_gives_the_next_one_its_turn(workflows: Workflows) -> None:
    for name in ("a", "b", "c"):
        ask(name)
    workflows.jobs |= {"917d40e5-job-a-0": "InProgress", "917d40e5-job-b-0": "Completed"}
    ended = {
        "source": "aws.sagemaker",
        "detail": {"TransformJobName": "917d40e5-job-b-0", "TransformJobStatus": "Completed"},
    }
    assert look(NOW, **ended).model_dump() == {"freed": 1, "granted": 1}
    assert workflows.answered == ["a", "b", "c"]
    assert look(NOW, **ended).model_dump() == {"freed": 0, "granted": 0}


def test_an_event_that_is_wrong_frees_nothing(workflows: Workflows) -> None:
    ask("a")
    workflows.jobs["917d40e5-job-a-0"] = "InProgress"
    assert look(detail={"TransformJobName": "917d40e5-job-a-0"}).freed == 0


@pytest.mark.parametrize(("pool", "job"), [(pool, f"job-a-{n}") for n, pool in enumerate(JOBS)], ids=JOBS)
def test_a_look_without_an_event_finds_every_turn_that_is_over(
    workflows: Workflows, pool: str, job: str
) -> None:
    del job
    ask("a", pool=pool)
    workflows.jobs["917d40e5-job-a-0"] = "Failed"
    assert look().freed == 1


def test_a_turn_without_a_job_is_over_after_a_while_or_when_its_execution_has_ended(
    workflows: Workflows,
) -> None:
    ask("a")
    ask("b")
    just_before = NOW + slot_pool.NO_JOB_AFTER
    assert look(just_before).freed == 0
    workflows.ended.add("a")
    assert look(just_before).freed == 1
    assert look(just_before + timedelta(milliseconds=1)).freed == 1


def test_a_search_by_tuning_job_keeps_its_turn(workflows: Workflows) -> None:
    ask("a", pool="training")
    workflows.jobs["917d40e5-job-a-0"] = "InProgress"
    assert look(NOW + timedelta(hours=2)).freed == 0


def test_the_turn_of_an_ingest_lasts_until_it_is_given_back_or_the_execution_ends(
    workflows: Workflows,
) -> None:
    ask("a", pool="ingest", job="ingest")
    ask("b", pool="ingest", job="ingest")
    assert look(NOW + timedelta(hours=1)).freed == 0
    assert look(given_back="a").freed == 1
    workflows.ended.add("b")
    assert look(detail={"executionArn": "b", "status": "FAILED"}).freed == 1


def test_a_workflow_that_was_stopped_while_it_waited_keeps_nobody_waiting(workflows: Workflows) -> None:
    for name in ("a", "b", "c", "d"):
        ask(name)
    workflows.ended.add("c")
    workflows.jobs |= {"917d40e5-job-a-0": "Completed", "917d40e5-job-b-0": "InProgress"}
    look()
    assert workflows.answered == ["a", "b", "d"]


def test_a_request_that_comes_twice_holds_one_slot_and_is_answered_again(workflows: Workflows) -> None:
    ask("a")
    ask("a", task_token="token of a, once more")  # noqa: S106 - a name
    assert workflows.answered == ["a", "a, once more"]
    assert len(slots.pool("transform").holders) == 1


QUOTA = {"Error": "SageMaker.ResourceLimitExceededException", "Cause": "The account-level service limit is 1"}


def test_a_job_that_the_quota_refuses_waits_again_and_no_more_are_tried_than_run(
    workflows: Workflows,
) -> None:
    ask("a")
    ask("b")
    workflows.jobs["917d40e5-job-a-0"] = "InProgress"
    ask("b", task_token="token of b again", slot=workflows.answers["token of b"], failure=QUOTA)  # noqa: S106
    assert [one.execution for one in slots.pool("transform").holders] == ["a"]
    ask("c")
    assert workflows.answered == ["a", "b"]
    workflows.jobs["917d40e5-job-a-0"] = "Completed"
    look(NOW + timedelta(seconds=15))
    assert workflows.answered == ["a", "b", "b again", "c"]
    assert workflows.answers["token of b again"]["job_name"] == "917d40e5-job-b-1"


def test_a_quota_of_nothing_fails_nobody_before_the_longest_wait(workflows: Workflows, capsys: Any) -> None:
    ask("a")
    slot, tries = workflows.answers["token of a"], 0
    clock = NOW
    while clock < NOW + slot_pool.LONGEST_WAIT - timedelta(minutes=10):
        ask("a", now=clock, started=stamp(NOW), task_token=f"token of {tries}", slot=slot, failure=QUOTA)
        clock += timedelta(minutes=10)
        look(clock)
        slot = workflows.answers[f"token of {tries}"]
        tries += 1
    assert workflows.failures == {}
    assert slot["attempts"] == tries
    ask("a", now=clock, started=stamp(NOW), task_token="token of the last", slot=slot, failure=QUOTA)  # noqa: S106
    look(NOW + slot_pool.LONGEST_WAIT)
    assert NoSlotFree.__name__ in workflows.failures["token of the last"]
    assert slots.waiting("transform", 10) == []
    waits = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "LongestWait" in line]
    assert max(wait["LongestWait"][0] for wait in waits) == slot_pool.LONGEST_WAIT.total_seconds()


def test_the_end_of_a_job_states_how_long_its_turn_lasted(workflows: Workflows, capsys: Any) -> None:
    ask("a")
    ask("reading", pool="ingest")
    workflows.jobs["917d40e5-job-a-0"] = "Completed"
    workflows.ended.add("reading")
    capsys.readouterr()
    look(NOW + timedelta(seconds=90))
    look(NOW + timedelta(seconds=120))
    assert metrics_in(capsys.readouterr().out) == [emitted(Metric.JOB_MINUTES, 1.5, "transform")]


def test_a_job_that_failed_by_itself_ends_the_wait_and_frees_its_slot(workflows: Workflows) -> None:
    ask("a")
    broken = {"Error": "States.TaskFailed", "Cause": '{"FailureReason": "AlgorithmError: 63,typical"}'}
    with pytest.raises(JobFailed, match="ended with AlgorithmError"):
        ask("a", slot=workflows.answers["token of a"], failure=broken)
    assert slots.pool("transform").holders == ()
    assert slots.waiting("transform", 10) == []


def test_of_twenty_trainings_one_runs_one_waits_and_the_others_leave_it_to_that_one(
    workflows: Workflows,
) -> None:
    for n in range(20):
        ask(
            f"{n:02}",
            now=NOW + timedelta(seconds=n),
            pool="runs-heart",
            job="run",
            urgency="models",
            joins=True,
        )
    joined = [token for token, answer in workflows.answers.items() if answer["joined"]]
    assert len(joined) == 18
    assert [one.execution for one in slots.pool("runs-heart").holders] == ["00"]
    assert [one.execution for one in slots.waiting("runs-heart", 10)] == ["01"]


def test_nobody_leaves_the_work_to_an_execution_that_was_stopped(workflows: Workflows) -> None:
    for n in range(2):
        ask(
            f"{n}", now=NOW + timedelta(seconds=n), pool="runs-heart", job="run", urgency="models", joins=True
        )
    workflows.ended.add("1")
    ask("2", now=NOW + timedelta(seconds=2), pool="runs-heart", job="run", urgency="models", joins=True)
    assert "token of 2" not in workflows.answers
    assert len(slots.waiting("runs-heart", 10)) == 2


@pytest.mark.usefixtures("one_call_at_a_time")
def test_forty_at_the_same_moment_get_two_turns(workflows: Workflows) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, [f"{n:02}" for n in range(40)]))
    assert len(workflows.answered) == 2
    assert len(slots.pool("transform").holders) == 2
    assert len(slots.waiting("transform", 100)) == 38


@pytest.mark.parametrize("stopped", ["change", "leave", "queue_up", "send_task_success"])
@pytest.mark.parametrize("time", [1, 2, 3])
def test_a_stop_between_any_two_calls_costs_nobody_a_turn(
    workflows: Workflows, monkeypatch: pytest.MonkeyPatch, stopped: str, time: int
) -> None:
    """The n-th call of a kind does not return: its call is lost, or was made and nobody hears of it."""
    home: Any = workflows if stopped == "send_task_success" else slots
    made = getattr(home, stopped)
    count = 0

    def stopping(*args: Any, **names: Any) -> Any:
        nonlocal count
        count += 1
        if count == time:
            raise KeyboardInterrupt
        answer = made(*args, **names)
        if count == time + 1:
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(home, stopped, stopping)
    names = [f"{n}" for n in range(5)]
    for name in names:
        try:
            ask(name)
        except KeyboardInterrupt:
            # Step Functions tries the state again.
            ask(name) if count != time else None
            try:
                ask(name)
            except KeyboardInterrupt:
                ask(name)
    monkeypatch.setattr(home, stopped, made)
    for _ in range(10):
        look()
        assert len(slots.pool("transform").holders) <= 2
        workflows.jobs |= {one.job_name: "Completed" for one in slots.pool("transform").holders}
    assert sorted(workflows.answered) == names
    assert slots.waiting("transform", 10) == []
    assert slots.pool("transform").holders == ()


def test_a_workflow_that_ended_before_its_turn_leaves_it_to_the_next(
    workflows: Workflows,
) -> None:
    workflows.ended |= {"a", "b"}
    for name in ("a", "b", "c"):
        ask(name)
    assert workflows.answered == ["c"]
    assert [one.execution for one in slots.pool("transform").holders] == ["c"]


def test_the_slot_of_a_workflow_that_never_heard_of_its_turn_goes_to_the_next_at_once(
    workflows: Workflows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as stopped:
        stopped.setattr(slot_turns, "_answer", lambda *_: False)
        for name in ("a", "b", "c"):
            ask(name)
    workflows.ended.add("a")
    ask("d", now=NOW + timedelta(minutes=1))
    assert workflows.answered == ["b", "c"]


@pytest.mark.parametrize("lost", [1, 2])
def test_whoever_loses_a_race_for_the_pool_tries_again(
    workflows: Workflows, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    made, left = slots.change, [False] * lost
    monkeypatch.setattr(slots, "change", lambda *states: left.pop() if left else made(*states))
    ask("a")
    assert workflows.answered == ["a"]


def test_a_pool_that_never_stands_still_is_tried_again_later(
    workflows: Workflows, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("a")
    with monkeypatch.context() as racing:
        racing.setattr(slots, "change", lambda *_: False)
        with pytest.raises(TransientError, match="faster than it can be looked at"):
            ask("b")
        with pytest.raises(TransientError, match="faster than it can be changed"):
            look(given_back="a")
    look()
    assert workflows.answered == ["a", "b"]


@pytest.mark.parametrize("name", events_of("request_slot", "free_slots"))
def test_the_example_events_are_answered(stack: Stack, workflows: Workflows, name: str) -> None:
    answer = stack.call(name.partition(".")[0], read_event(name))
    if name.startswith("request_slot"):
        assert [one["job_name"] for one in workflows.answers.values()] == [
            "917d40e5-heart-0f1e2d3c4b5a69788796-v1-0"
        ]
    else:
        assert answer == {"freed": 0, "granted": 0}
