"""Verify Answer: finds whether the answer that a release got was given on the approval page.

AWS calls: dynamodb:GetItem on Approvals; kms:Verify (DecisionKey); kms:Decrypt (DataKey).
Environment: APPROVALS_TABLE, DECISION_KEY.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.release import VerifyAnswerRequest, VerifyAnswerResult
from clinrisk.services.release import verify_answer


@step(VerifyAnswerRequest)
def handler(request: VerifyAnswerRequest) -> VerifyAnswerResult:
    """Return whether a person has decided what the workflow was answered."""
    return verify_answer.verify(request, datetime.now(UTC))
