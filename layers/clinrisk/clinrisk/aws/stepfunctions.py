"""Executions of workflows, as far as one has to know of another."""

from __future__ import annotations

from botocore.exceptions import ClientError

from clinrisk.aws import clients

# What is no execution's address cannot be asked about: whoever holds such a claim keeps it.
_UNKNOWN = {"InvalidArn", "ValidationException"}
_FORGOTTEN = {"ExecutionDoesNotExist"}


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
