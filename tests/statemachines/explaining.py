"""The function that explains failures, played with the core that it calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clinrisk.core import failure_text
from clinrisk.messages.release import ExplainRequest, ExplainResult
from tests.statemachines.calls import ServiceError

if TYPE_CHECKING:
    from tests.statemachines.calls import Call

PROGRAM = "/opt/ml/processing/input/code/clinrisk.pyz"


def explain(call: Call) -> dict[str, Any]:
    """Answer Explain Failure as the function does."""
    error = ExplainRequest.model_validate(call.payload).error
    reason = failure_text.explained(error.name, error.cause)
    return ExplainResult(reason=reason, ending=failure_text.ending(error.name)).model_dump()


def failed_job(sentence: str) -> ServiceError:
    """Return the error of a processing job whose program wrote this sentence about its end."""
    described = {
        "ProcessingJobStatus": "Failed",
        "AppSpecification": {"ContainerEntrypoint": ["python3", PROGRAM]},
        "ExitMessage": sentence,
        "FailureReason": "AlgorithmError: See job logs for more information",
    }
    return ServiceError("States.TaskFailed", json.dumps(described))
