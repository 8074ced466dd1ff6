"""A decision that its workflow no longer waits for: the ledger keeps it, and that nothing came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import ledger
from clinrisk.aws.tables import approvals

if TYPE_CHECKING:
    from clinrisk.aws.tables.approvals import Approval

REFUSAL = "The decision came too late."


def close(approval: Approval, now: str) -> None:
    """Record an unfinished decision as too late, unless its promotion has begun; may be repeated."""
    ledger.write_decision(approval)
    # The mark comes first: only who sets it may write that nothing was released.
    if approval.status != approvals.TOO_LATE and not approvals.mark_too_late(
        approval.approval_id, approval.status
    ):
        return
    if approval.decision == approvals.APPROVED:
        ledger.write_refusal(approval, REFUSAL, now)
        approvals.mark_refused(approval.approval_id, REFUSAL, approvals.TOO_LATE)
