"""Verify Answer: finds whether the answer that a release got was given on the approval page.

Whoever may answer tasks can make a workflow go on. What counts is the signed decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import ledger
from clinrisk.aws.tables import approvals
from clinrisk.errors import ApprovalRejected, DecisionForged
from clinrisk.messages.release import VerifyAnswerRequest, VerifyAnswerResult
from clinrisk.services.release.proofs import signatures

if TYPE_CHECKING:
    from datetime import datetime

_DECIDED = {"": approvals.APPROVED, ApprovalRejected.__name__: approvals.REJECTED}
"""What must have been decided for a workflow to go on, or to end with this error."""


def verify(request: VerifyAnswerRequest, now: datetime) -> VerifyAnswerResult:
    """Return whether a yes or a no was decided by a person; any other error stands for itself."""
    decided = _DECIDED.get(request.error.name)
    if decided is None:
        return VerifyAnswerResult(genuine=True)
    asked = approvals.of_run(request.run_id)
    if asked.decision == decided and _is_signed(asked):
        return VerifyAnswerResult(genuine=True)
    word = "yes" if decided == approvals.APPROVED else "no"
    return VerifyAnswerResult(
        genuine=False,
        seconds_left=max(60, asked.expires_at - int(now.timestamp())),
        message=f"The release of run {request.run_id} was answered with {word}, and nobody has decided so "
        "on the approval page. Nothing is released and nothing is withdrawn; the approver is asked again. "
        "Find who answered: CloudTrail, states:SendTaskSuccess and states:SendTaskFailure.",
    )


def _is_signed(asked: approvals.Approval) -> bool:
    try:
        signatures.check(ledger.decision_of(asked))
    except DecisionForged:
        return False
    return True
