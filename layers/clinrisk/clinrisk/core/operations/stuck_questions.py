"""Questions that nobody waits for or has answered in time, and releases whose answer cannot come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from clinrisk.core.operations import stuck_work
from clinrisk.messages.operations import Stuck

if TYPE_CHECKING:
    from clinrisk.core.operations.stuck_work import Ended
    from clinrisk.messages.live_changes import ChangeQuestion

AWAITS = "Await Approval"
"""The state of a release that asks and waits (a test of the definitions holds them to it)."""
ASKED_WITHIN = timedelta(minutes=15)
"""A release may be about to ask: its first tries may have been throttled."""
_DECIDED = frozenset({"APPROVED", "REJECTED", "LAPSED"})


def without_workflow(use_case: str, run_id: str, asked: datetime, end: Ended | None) -> Stuck:
    """Return an open question whose release has ended; None: nobody remembers how."""
    why = f" {end.reason}" if end else ""
    return Stuck(
        kind="question_without_workflow",
        subject=run_id,
        name=run_id,
        use_case=use_case,
        since=stuck_work.text_of(end.at if end else asked),
        reason=f"The release that asked has ended.{why}",
        command=f"clinrisk redrive {run_id}",
        startable=True,
        # To close it decides nothing: nobody could have been answered.
        safe=True,
    )


def without_question(
    use_case: str, run_id: str, execution: str, since: datetime, status: str | None
) -> Stuck:
    """Return a release that waits though its run's question is not open (`status`), or there is none (None).

    What a person has decided is not thrown away: it is passed on from the page.
    """
    decided = status in _DECIDED
    if status is None:
        reason = "Its question is lost: nobody can answer it."
    elif decided:
        reason = "A decision has not reached it yet: the page behind the mailed link passes it on."
    else:
        reason = f"Its question is closed ({status}), and it has not heard of it."
    return Stuck(
        kind="workflow_without_question",
        subject=run_id,
        name=execution,
        use_case=use_case,
        since=stuck_work.text_of(since),
        reason=reason,
        command=f"clinrisk redrive {run_id}",
        startable=not decided,
    )


def not_countersigned(rollback: ChangeQuestion) -> Stuck:
    """Return a rollback that is in effect and that no approver has countersigned in time."""
    return Stuck(
        kind="not_countersigned",
        subject=rollback.change_id,
        name=rollback.change_id,
        use_case=rollback.use_case,
        since=stuck_work.text_of(datetime.fromtimestamp(rollback.due_at, UTC)),
        reason=f"No approver has countersigned the rollback to version {rollback.restores} in time.",
        command=f"clinrisk approvers resend {rollback.use_case}",
        startable=False,
    )
