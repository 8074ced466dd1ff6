"""Executions of workflows, as far as one has to know of another, and the answers that they wait for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from clinrisk.aws import clients
from clinrisk.core.operations.stuck_work import Ended

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_stepfunctions.literals import ExecutionStatusType

# What is no execution's address cannot be asked about: whoever holds such a claim keeps it.
_UNKNOWN = {"InvalidArn", "ValidationException"}
_FORGOTTEN = {"ExecutionDoesNotExist"}
_STILL_RUNS = {"RUNNING", "PENDING_REDRIVE"}
BAD_ENDS: tuple[ExecutionStatusType, ...] = ("FAILED", "TIMED_OUT", "ABORTED")
_PAGE = 1000
"""So much of a list or a history one call gives at most."""
_MOST_EVENTS = 5000
_LAST_EVENTS = 30
"""So many events hold the announcement of a workflow and all that comes after it."""
_NOBODY_WAITS = {"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"}


def has_ended(execution: str) -> bool:
    """Return whether an execution, named by its ARN, does not run any more, however it ended."""
    try:
        found = clients.stepfunctions().describe_execution(executionArn=execution)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _UNKNOWN | _FORGOTTEN:
            return code in _FORGOTTEN
        raise
    return found["status"] not in _STILL_RUNS


@dataclass(frozen=True)
class ExecutionEnd:
    """How an execution ended, and what it was given."""

    execution: str
    machine: str
    """The name of its state machine."""
    status: str
    error: str
    cause: str
    given: dict[str, Any]
    ended_at: str

    def as_ended(self) -> Ended:
        """Return the same as a fact about what stands still."""
        name = self.execution.rpartition(":")[2]
        return Ended(name, datetime.fromisoformat(self.ended_at), self.error, self.cause)


@dataclass(frozen=True)
class EnteredState:
    """A state that an execution has entered, and when."""

    name: str
    since: datetime


def ending_of(execution: str) -> ExecutionEnd | None:
    """Return how an execution ended; None where it runs, again or still, or nobody knows it any more."""
    try:
        found = clients.stepfunctions().describe_execution(executionArn=execution)
    except ClientError as error:
        if error.response["Error"]["Code"] in _UNKNOWN | _FORGOTTEN:
            return None
        raise
    if found["status"] in _STILL_RUNS:
        return None
    return ExecutionEnd(
        execution=execution,
        machine=found["stateMachineArn"].rpartition(":")[2],
        status=found["status"],
        error=found.get("error", ""),
        cause=found.get("cause", ""),
        given=json.loads(found.get("input", "{}")),
        ended_at=found["stopDate"].isoformat(),
    )


def has_announced(execution: str) -> bool:
    """Return whether the last announcement that an execution came to was sent.

    A state that announces is called so (a test of the definitions holds them to it).
    """
    history = clients.stepfunctions().get_execution_history(
        executionArn=execution, reverseOrder=True, maxResults=_LAST_EVENTS, includeExecutionData=False
    )
    newest_first = sorted(history["events"], key=lambda event: event["id"], reverse=True)
    for at, event in enumerate(newest_first):
        name = event.get("stateExitedEventDetails", {}).get("name", "")
        if name.startswith("Announce "):
            return any(one["type"] == "TaskSucceeded" for one in newest_first[at + 1 : at + 2])
    return False


def last_state(execution: str) -> EnteredState | None:
    """Return the state that an execution entered last, unless more than a page of events came after it."""
    history = clients.stepfunctions().get_execution_history(
        executionArn=execution, reverseOrder=True, maxResults=_PAGE, includeExecutionData=False
    )
    entered = [event for event in history["events"] if "stateEnteredEventDetails" in event]
    newest = max(entered, key=lambda event: event["id"], default=None)
    return newest and EnteredState(newest["stateEnteredEventDetails"]["name"], newest["timestamp"])


def left_states(execution: str) -> set[str]:
    """Return the names of the states that an execution has been through."""
    pages = clients.stepfunctions().get_paginator("get_execution_history")
    found = pages.paginate(
        executionArn=execution,
        includeExecutionData=False,
        PaginationConfig={"MaxItems": _MOST_EVENTS, "PageSize": _PAGE},
    )
    return {
        event["stateExitedEventDetails"]["name"]
        for page in found
        for event in page["events"]
        if "stateExitedEventDetails" in event
    }


def listed(machine: str, status: ExecutionStatusType, most: int) -> list[Any]:
    """Return the newest executions of a state machine in one status, as Step Functions lists them."""
    pages = clients.stepfunctions().get_paginator("list_executions")
    found = pages.paginate(
        stateMachineArn=machine,
        statusFilter=status,
        PaginationConfig={"MaxItems": most, "PageSize": min(most, _PAGE)},
    )
    return [one for page in found for one in page["executions"]]


def end_of(execution: str) -> Ended:
    """Return how an execution that did not succeed has ended."""
    found = clients.stepfunctions().describe_execution(executionArn=execution)
    at = found.get("stopDate", found["startDate"])
    return Ended(found["name"], at, found.get("error", ""), found.get("cause", ""))


def given_to(execution: str) -> dict[str, Any]:
    """Return what an execution was started with."""
    found: dict[str, Any] = json.loads(
        clients.stepfunctions().describe_execution(executionArn=execution).get("input", "{}")
    )
    return found


def output_of(execution: str) -> dict[str, Any]:
    """Return what an execution that succeeded has left."""
    found = json.loads(clients.stepfunctions().describe_execution(executionArn=execution).get("output", "{}"))
    return found if isinstance(found, dict) else {}


def address_of(machine: str, name: str) -> str:
    """Return the ARN of an execution of a state machine.

    >>> address_of("arn:aws:states:eu-central-1:1:stateMachine:release", "heart-1")
    'arn:aws:states:eu-central-1:1:execution:release:heart-1'
    """
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


def stop(execution: str, error: str, cause: str) -> None:
    """Stop an execution; one that has ended already stays as it is."""
    try:
        clients.stepfunctions().stop_execution(executionArn=execution, error=error, cause=cause)
    except ClientError as refused:
        if refused.response["Error"]["Code"] != "ValidationException":
            raise


def start(machine: str, name: str, given: object) -> str:
    """Start an execution and return its name; one of that name is the same start."""
    try:
        clients.stepfunctions().start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise
    return name


def succeed(task_token: str, output: str) -> bool:
    """Let the state that waits for a token go on with `output`; return False when nobody waits any more."""
    return _answered(lambda: clients.stepfunctions().send_task_success(taskToken=task_token, output=output))


def fail(task_token: str, error: str, cause: str) -> bool:
    """Let the state that waits for a token fail; return False when nobody waits any more."""
    return _answered(
        lambda: clients.stepfunctions().send_task_failure(taskToken=task_token, error=error, cause=cause)
    )


def _answered(send: Callable[[], object]) -> bool:
    try:
        send()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOBODY_WAITS:
            raise
        return False
    return True
