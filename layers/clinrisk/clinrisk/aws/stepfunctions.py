"""Executions of workflows, as far as one has to know of another, and the answers that they wait for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from clinrisk.aws import clients

if TYPE_CHECKING:
    from collections.abc import Callable

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
