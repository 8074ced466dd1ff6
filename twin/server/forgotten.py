"""What a twin forgets or keeps when it stops, in words.

How it is kept is in `snapshot`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from twin.state import Endpoint, KeptState

_PATIENCE_SECONDS = 5
_JOBS = ("TrainingJob", "ProcessingJob", "TransformJob")


def in_words(endpoint: Endpoint, kept: KeptState | None) -> str:
    """Return what becomes of what is in a running twin, or an empty text where there is nothing."""
    make: Callable[..., Any] = boto3.client

    def client(service: str) -> Any:
        return make(
            service,
            endpoint_url=endpoint.endpoint_url,
            region_name=endpoint.region,
            aws_access_key_id=endpoint.access_key,
            aws_secret_access_key=endpoint.secret_key,
            config=Config(
                connect_timeout=_PATIENCE_SECONDS,
                read_timeout=_PATIENCE_SECONDS,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
            ),
        )

    try:
        counts = {
            "stack": _stacks(client("cloudformation")),
            "bucket": len(client("s3").list_buckets()["Buckets"]),
            "running execution": _executions(client("stepfunctions")),
            "unfinished job": _jobs(client("sagemaker")),
        }
    except (BotoCoreError, ClientError):
        return ""  # a twin that does not answer has to stop all the same
    found = [f"{number} {noun}{'' if number == 1 else 's'}" for noun, number in counts.items() if number]
    if not kept:
        return f"It has forgotten {_listed(found)}." if found else ""
    what = (
        f"It has kept {_listed(found or ['nothing'])} in {kept.root}. Go on with: twin up --state {kept.root}"
    )
    interrupted = "\nExecutions that wait for an answer will wait on; whatever else ran will have ended."
    return what + (interrupted if counts["running execution"] or counts["unfinished job"] else "")


def _stacks(cloudformation: Any) -> int:
    stacks = _pages(cloudformation, "describe_stacks", "Stacks")
    return sum(stack["StackStatus"] != "DELETE_COMPLETE" for stack in stacks)


def _executions(states: Any) -> int:
    machines = [each["stateMachineArn"] for each in _pages(states, "list_state_machines", "stateMachines")]
    running = {"statusFilter": "RUNNING"}
    return sum(
        sum(1 for _ in _pages(states, "list_executions", "executions", stateMachineArn=machine, **running))
        for machine in machines
    )


def _jobs(sagemaker: Any) -> int:
    return sum(
        sum(1 for _ in _pages(sagemaker, operation, f"{noun}Summaries", StatusEquals="InProgress"))
        for noun, operation in zip(
            _JOBS, ("list_training_jobs", "list_processing_jobs", "list_transform_jobs"), strict=True
        )
    )


def _pages(client: Any, operation: str, member: str, **query: Any) -> Iterable[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**query):
        yield from page[member]


def _listed(parts: list[str]) -> str:
    """Return parts as a list in words.

    >>> _listed(["1 stack", "5 buckets", "2 unfinished jobs"])
    '1 stack, 5 buckets and 2 unfinished jobs'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
