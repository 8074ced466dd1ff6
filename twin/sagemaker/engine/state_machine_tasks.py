"""SageMaker's tasks in Step Functions: jobs that a state waits for, errors under AWS's names.

An optimised integration (`sagemaker:createTrainingJob.sync`) speaks with the first Java SDK: modelled errors
keep their name, any other one is `SageMaker.AmazonSageMakerException`. A job that did not complete fails
its state with States.TaskFailed and the Describe output as Cause. When the state's time is over or its
execution has ended, the job is stopped, as Step Functions does.
"""

from __future__ import annotations

import json
import time
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any

from twin.sagemaker.api_errors import SageMakerError
from twin.sagemaker.jobs.job_board import MANAGED_BY
from twin.sagemaker.protocol import service_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.model import Shape

    from twin.sagemaker.local_service import LocalSageMaker
    from twin.sagemaker.platform import Body

PREFIX = "arn:aws:states:::sagemaker:"
JOBS = ("TrainingJob", "ProcessingJob", "TransformJob", "HyperParameterTuningJob")
_POLL_SECONDS = 0.1
_MODELLED = frozenset({"ResourceInUse", "ResourceNotFound", "ResourceLimitExceeded", "ConflictException"})

# Set for the length of a task by the engine's wiring: what the job must not outlive.
execution: ContextVar[dict[str, Any] | None] = ContextVar("sagemaker_execution", default=None)
deadline: ContextVar[float | None] = ContextVar("sagemaker_deadline", default=None)


class TaskError(Exception):
    """A task's failure under the name that Retry and Catch match."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause


def error_name(code: str, *, optimised: bool) -> str:
    """Return the Step Functions name of a SageMaker error code.

    >>> error_name("ResourceInUse", optimised=True), error_name("ValidationException", optimised=True)
    ('SageMaker.ResourceInUseException', 'SageMaker.AmazonSageMakerException')
    >>> error_name("ValidationException", optimised=False)
    'SageMaker.SageMakerException'
    """
    if code in _MODELLED:
        return f"SageMaker.{code.removesuffix('Exception')}Exception"
    return "SageMaker.AmazonSageMakerException" if optimised else "SageMaker.SageMakerException"


def tasks(sagemaker: LocalSageMaker) -> dict[str, Callable[[str, Body], Body]]:
    """Return the optimised integrations by resource, without `.sync`; each raises TaskError."""

    def start(noun: str) -> Callable[[str, Body], Body]:
        return lambda resource, data: _job(sagemaker, noun, data, wait=resource.endswith(".sync"))

    integrations = {f"{PREFIX}create{noun}": start(noun) for noun in JOBS}
    integrations[f"{PREFIX}createModel"] = lambda _, data: _call(sagemaker, "CreateModel", data)
    return integrations


def _job(sagemaker: LocalSageMaker, noun: str, data: Body, *, wait: bool) -> Body:
    name = {f"{noun}Name": str(data.get(f"{noun}Name"))}
    if not wait:
        return _call(sagemaker, f"Create{noun}", data)
    tags = [*data.get("Tags", []), {"Key": MANAGED_BY, "Value": "STARTED_BY_STEP_FUNCTIONS"}]
    _call(sagemaker, f"Create{noun}", data | {"Tags": tags})
    running, limit = execution.get(), deadline.get()
    board = sagemaker.board(noun)
    while not board.wait(name[f"{noun}Name"], _POLL_SECONDS):
        ended = running is not None and running.get("status") != "RUNNING"
        if ended or (limit is not None and time.monotonic() > limit):
            _stop(sagemaker, noun, name)
            cause = f"The execution or the time of the state ended; the {noun} is being stopped."
            raise TaskError("States.Timeout", cause)
    found = _call(sagemaker, f"Describe{noun}", name)
    if found[f"{noun}Status"] != "Completed":
        raise TaskError("States.TaskFailed", json.dumps(found))
    return found


def _stop(sagemaker: LocalSageMaker, noun: str, name: Body) -> None:
    try:
        sagemaker.handle(f"Stop{noun}", name)
    except SageMakerError as error:
        if error.code != "ValidationException":  # the job ended by itself between two looks
            raise


def _call(sagemaker: LocalSageMaker, operation: str, data: Body) -> Body:
    """Do an operation and get its output with times in the epoch milliseconds that this SDK writes."""
    try:
        answer = sagemaker.handle(operation, data)
    except SageMakerError as error:
        # As the SDK of Step Functions ends the message of every error of a service.
        cause = f"{error.message} (Service: AmazonSageMaker; Status Code: 400; Error Code: {error.code})"
        raise TaskError(error_name(error.code, optimised=True), cause) from error
    known = service_model.operation(service_model.CONTROL_PLANE, operation)
    shape = known.output_shape if known else None
    return answer if shape is None else dict(_in_milliseconds(shape, answer))


def _in_milliseconds(shape: Shape, value: Any) -> Any:
    if shape.type_name == "structure":
        members = shape.members  # type: ignore[attr-defined]  # narrowed by type_name, not by class
        return {key: _in_milliseconds(members[key], item) for key, item in value.items()}
    if shape.type_name == "list":
        return [_in_milliseconds(shape.member, item) for item in value]  # type: ignore[attr-defined]  # a ListShape
    if shape.type_name == "timestamp":
        seconds = value.timestamp() if isinstance(value, datetime) else value
        return int(seconds * 1000)
    return value
