"""What waits for the word of an approver: rollbacks that are in effect, and pauses that are to end."""

from __future__ import annotations

from typing import Any

from cli.screen import console, moment
from clinrisk import use_cases


def waiting(now: float) -> list[dict[str, Any]]:
    """Return what waits for a countersignature, oldest first, without what answers for a workflow.

    `now` is in seconds since 1970; `overdue` says whether an answer is late.
    """
    from clinrisk.aws.tables import change_questions

    return [
        one.model_dump(exclude={"task_token"}) | {"overdue": bool(one.due_at and one.due_at <= now)}
        for name in use_cases.names()
        for one in change_questions.waiting(name, now)
    ]


def show(found: list[dict[str, Any]]) -> None:
    """Print a line for each, with the command that mails it again."""
    for one in found:
        what = f"the rollback to version {one['restores']}" if one["due_at"] else "the end of the pause"
        until = f", until {moment(one['due_at'])}" if one["due_at"] else ""
        text = (
            f"{one['use_case']}: {what}, by {one['person']}, waits for an approver{until}. "
            f"To mail it again: clinrisk approvers resend {one['use_case']}"
        )
        console().print(text, style="red" if one["overdue"] else None, markup=False)
