"""Executions of workflows, as far as one has to know of another, and the answers that they wait for."""

from __future__ import annotations

import json
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
    return found["status"] not in {"RUNNING", "PENDING_REDRIVE"}


def listed(machine: str, status: ExecutionStatusType, most: int) -> list[Any]:
    """Return the newest executions of a state machine in one status, as Step Functions lists them."""
    pages = clients.stepfunctions().get_paginator("list_executions")
    found = pages.paginate(
        stateMachineArn=machine,
        statusFilter=status,
        PaginationConfig={"MaxItems": most},
    )
    return [one for page in found for one in page["executions"]]


def end_of(execution: str) -> Ended:
    """Return how an execution that did not succeed has ended."""
    found = clients.stepfunctions().describe_execution(executionArn=execution)
    at = found.get("stopDate", found["startDate"])
    return Ended(found["name"], at, found.get("error", ""), found.get("cause", ""))


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
