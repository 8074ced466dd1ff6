"""A second interpreter of our definitions: moto's, with people and services played by the test.

moto's parser came from LocalStack. It keeps error names, retry counts, scopes of variables and the order
of catchers; it lacks a JSONata evaluator and the SageMaker integrations, so both are put in here. Every
call that a Task makes is answered by the test, and its concrete Arguments are held against botocore's
shapes.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import threading
from dataclasses import dataclass, field
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import jsonata
from moto.stepfunctions.parser.api import (
    ExecutionFailedEventDetails,
    HistoryEventType,
    StateMachineType,
    TaskFailedEventDetails,
)
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import (
    distributed_iteration_component as distributed,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
    StateTaskService,
)
from moto.stepfunctions.parser.asl.eval import variable_store
from moto.stepfunctions.parser.asl.eval.evaluation_details import (
    AWSExecutionDetails,
    EvaluationDetails,
    ExecutionDetails,
    StateMachineDetails,
)
from moto.stepfunctions.parser.asl.eval.program_state import ProgramError
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend.execution_worker import SyncExecutionWorker
from moto.stepfunctions.parser.backend.execution_worker_comm import ExecutionWorkerCommunication

from tests.statemachines.arguments import problems_of
from tests.statemachines.calls import Call, ServiceError
from tests.statemachines.definitions import definition
from tests.statemachines.turns_given import is_about_turns, take_turn

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName

ACCOUNT, REGION = "123456789012", "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machine"
TOKEN = "a-task-token"  # noqa: S105 # the token of a workflow that only this test runs


class NeverAnswersError(TimeoutError):
    """A played service that never answers."""


@dataclass
class Stage:
    """Who answers, state by state; and what was asked.

    An answer is a value, an exception, or a function of the call. A list answers one call after the other,
    and its last item all further ones.
    """

    answers: dict[str, Any]
    calls: list[Call] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    timeouts: dict[str, int] = field(default_factory=dict)
    turns: list[Call] = field(default_factory=list)
    """What was asked about turns, where the test lays nothing else down: everybody has one at once."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, call: Call) -> Any:
        """Return or raise what the test has laid down for this call."""
        free = is_about_turns(call.state) and call.state not in self.answers
        with self._lock:
            (self.turns if free else self.calls).append(call)
            given = take_turn if free else self.answers[call.state]
            if isinstance(given, list):
                given = given.pop(0) if len(given) > 1 else given[0]
        if isinstance(given, Exception):
            raise given
        given = given(call) if callable(given) else copy.deepcopy(given)
        return {"Payload": given, "StatusCode": 200} if ":lambda:invoke" in call.resource else given

    def to(self, state: str) -> list[Call]:
        """List the calls that one state made."""
        return [call for call in self.calls if call.state == state]

    @property
    def states(self) -> list[str]:
        """The states that called something, in order, repetitions included."""
        return [call.state for call in self.calls]


@dataclass(frozen=True)
class Ending:
    """How an execution ended."""

    status: str
    error: str = ""
    cause: str = ""


@dataclass(frozen=True)
class Scene:
    """Runs definitions on a stage."""

    stage: Stage

    def run(self, machine: str, given: dict[str, Any], name: str = "execution-1") -> Ending:
        """Run a definition to its end; a broken Argument fails the test and not the execution."""
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{machine}"
        worker: Any = SyncExecutionWorker(
            EvaluationDetails(
                AWSExecutionDetails(account=ACCOUNT, region=REGION, role_arn=ROLE),
                ExecutionDetails(
                    arn=f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}:{name}",
                    name=name,
                    role_arn=ROLE,
                    inpt=given,
                    start_time="2026-11-22T08:00:00.000Z",
                ),
                StateMachineDetails(
                    arn=arn,
                    name=machine,
                    typ=StateMachineType.STANDARD,
                    definition=json.dumps(definition(machine)),
                ),
            ),
            _Unheard(),
            None,
            {},
        )
        worker.start()
        for call in [*self.stage.calls, *self.stage.turns]:
            assert problems_of({"Resource": call.resource, "Arguments": call.arguments}) == [], call.state
        end = worker.env.program_state() if worker.env else None
        if not isinstance(end, ProgramError):
            return Ending("SUCCEEDED")
        details: ExecutionFailedEventDetails = end.error or {}
        return Ending("FAILED", str(details.get("error", "")), str(details.get("cause", "")))


def played(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> Scene:
    """Return a scene in which every Task is answered by `answers` (state name -> answer)."""
    stage = Stage(answers)
    # moto logs every error that a definition catches, with the whole program around it.
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
    monkeypatch.setattr(moto_jsonata, "_eval_jsonata", _evaluate)
    monkeypatch.setattr(variable_store, "encode_jsonata_variable_declarations", _declared)
    # moto puts a function in front of an expression that gives "Function $hash is currently not supported".
    monkeypatch.setattr(string_expression, "get_intrinsic_functions_declarations", lambda **_: "")
    # The error of a branch keeps its name; moto takes every one for a custom one and then refuses it.
    monkeypatch.setattr(branches_decl, "CustomErrorName", _named)
    monkeypatch.setattr(distributed.DistributedIterationComponent, "_map_run", _tolerating_no_failure)
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=stage.pauses.append))
    monkeypatch.setattr(state_task_factory, "state_task_service_for", _play)
    # To parse a definition takes longer than to run it; what is parsed holds nothing of a run.
    monkeypatch.setattr(AmazonStateLanguageParser, "parse", staticmethod(_parsed))
    monkeypatch.setattr(_Played, "stage", stage, raising=False)
    return Scene(stage)


class _Unheard(ExecutionWorkerCommunication):
    def terminated(self) -> None:
        """The scene asks the worker itself."""


class _Played(StateTaskService):
    """A Task of any service, answered by the stage."""

    stage: Stage

    def _get_supported_parameters(self) -> set[str]:
        return set()

    def _eval_body(self, env: Any) -> None:
        if self.resource.condition == ResourceCondition.WaitForTaskToken:
            env.states.context_object.context_object_data["Task"] = {"Token": TOKEN}
        super()._eval_body(env=env)

    def _eval_service_task(
        self,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> None:
        del resource_runtime_part, state_credentials
        self.timeout.eval(env=env)
        self.stage.timeouts[self.name] = env.stack.pop()
        call = Call(self.name, self.resource.resource_arn, normalised_parameters)
        answer = self.stage.answer(call)
        # The answer to a task token comes from outside, and is the result itself.
        waits = call.resource.endswith(".waitForTaskToken")
        env.stack.append(answer["Payload"] if waits and "Payload" in answer else answer)

    def _from_error(self, env: Any, ex: Exception) -> FailureEvent:
        if not isinstance(ex, ServiceError):
            return super()._from_error(env=env, ex=ex)
        details: Any = {
            "taskFailedEventDetails": TaskFailedEventDetails(
                error=ex.error, cause=ex.cause, resource=self._get_sfn_resource(), resourceType="played"
            )
        }
        return FailureEvent(
            env=env,
            error_name=_named(ex.error),
            event_type=HistoryEventType.TaskFailed,
            event_details=details,
        )


_run_items = distributed.DistributedIterationComponent._map_run


def _tolerating_no_failure(component: Any, env: Any, eval_input: Any) -> None:
    """Run the items of a Distributed Map; moto counts those that fail, and goes on as if nothing were."""
    _run_items(component, env, eval_input)
    if eval_input.map_run_record.item_counter.failed.get():
        name = "States.ExceedToleratedFailureThreshold"
        cause = "The specified tolerated failure threshold was exceeded"
        details: Any = {"mapRunFailedEventDetails": {"error": name, "cause": cause}}
        raise FailureEventException(
            FailureEvent(
                env=env,
                error_name=_named(name),
                event_type=HistoryEventType.MapRunFailed,
                event_details=details,
            )
        )


def _named(error_name: str) -> ErrorName:
    """Name an error: those of Step Functions itself are a closed list, which a service may not extend."""
    if error_name.startswith("States."):
        return StatesErrorName(typ=StatesErrorNameType.from_name(error_name))
    return CustomErrorName(error_name)


def _play(service_name: str) -> StateTaskService:
    del service_name
    new: Callable[[], _Played] = _Played
    return new()


_parsed = cache(AmazonStateLanguageParser.parse)


def _declared(bindings: dict[str, Any]) -> str:
    """Spell variables as JSONata; moto's own forgets to escape a text that has quotes in it."""
    return "".join(f"{name}:={json.dumps(value)};" for name, value in bindings.items())


def _evaluate(expression: str) -> Any:
    """Return an expression's value: the variables are spelled in it, so that only the clock can change it."""
    return _value(expression) if "$millis(" in expression else copy.deepcopy(_kept_value(expression))


def _value(expression: str) -> Any:
    parsed = jsonata.Jsonata.jsonata(expression)
    # The one function that our definitions use of those that Step Functions adds to JSONata.
    parsed.register_lambda("hash", lambda text, _kind: hashlib.sha256(text.encode()).hexdigest())
    return parsed.evaluate(None)


# Tests run the same states on the same variables over and over; to parse an expression is most of a run.
_kept_value = lru_cache(2000)(_value)
