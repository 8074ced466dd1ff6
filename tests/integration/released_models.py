"""Models that went live one after the other, each approved by a person and served by SageMaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.integration.approval_request import RequestedApproval
from tests.integration.events import read_event
from tests.integration.trained_candidate import IMAGE, WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

FIRST, SECOND = "heart-1111111111", "heart-2222222222"


def release(stack: Stack, run_id: str, champion: int = 0, **options: Any) -> RequestedApproval:
    """Release a candidate, and let SageMaker serve it."""
    asked = RequestedApproval(
        stack, WaitingExecution(stack, f"of-{run_id}").token, run_id, champion, **options
    )
    asked.answer(version=str(asked.package[1]))
    event = asked.candidate.promote_event(asked.judgement, asked.package, asked.approval_id)
    stack.sagemaker.create_model(
        ModelName=event["model_name"],
        ExecutionRoleArn="arn:aws:iam::123456789012:role/serve",
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": event["model_uri"]},
    )
    stack.call("promote_candidate", event)
    return asked


def two_releases(stack: Stack) -> None:
    release(stack, FIRST)
    release(stack, SECOND, 1)


def roll_back(stack: Stack, **changes: Any) -> Any:
    return stack.call("roll_back_model", read_event("roll_back_model.heart") | changes)
