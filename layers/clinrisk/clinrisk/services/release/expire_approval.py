"""Expire Approval: close a question that nobody answered in time, and a decision that nobody waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import ledger
from clinrisk.aws.tables import approvals
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core.timestamps import stamp
from clinrisk.messages.release import ExpireRequest, ExpireResult

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.aws.tables.approvals import Approval

EXPIRED_REASON = "Nobody decided in time."
LAPSED_REFUSAL = "The decision came too late."


def expire(request: ExpireRequest, now: datetime) -> ExpireResult:
    """Close the question of a run and return the reason why nothing was released."""
    approval_id = approvals.of_run(request.run_id).approval_id
    expired = approvals.expire(approval_id)
    emit(Metric.APPROVALS_EXPIRED, expired, use_case=request.use_case)
    approval = approvals.find(approval_id)
    if approval.status == approvals.EXPIRED:
        ledger.write_closed_question(approval, approvals.EXPIRED, EXPIRED_REASON, stamp(now))
        return ExpireResult(reason=EXPIRED_REASON)
    if approval.unfinished:
        close_undelivered(approval, stamp(now))
    return ExpireResult(reason="A decision was recorded, but it did not reach the workflow in time.")


def close_undelivered(approval: Approval, now: str) -> None:
    """Record a decision that its workflow no longer waits for as too late, unless its promotion has begun.

    The ledger keeps the decision, and that nothing came of it. May be repeated.
    """
    ledger.write_decision(approval)
    # The mark comes first: only who sets it may write that nothing was released.
    if approval.status != approvals.LAPSED and not approvals.mark_lapsed(
        approval.approval_id, approval.status
    ):
        return
    if approval.decision == approvals.APPROVED:
        ledger.write_refusal(approval, LAPSED_REFUSAL, now)
        approvals.mark_refused(approval.approval_id, LAPSED_REFUSAL, approvals.LAPSED)
