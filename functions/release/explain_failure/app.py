"""Explain Failure: which words of an error training, release and scoring may mail, and how the workflow ends.

AWS calls: none.
Environment: none.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.core import failure_text
from clinrisk.messages.release import ExplainRequest, ExplainResult


@step(ExplainRequest)
def handler(request: ExplainRequest) -> ExplainResult:
    """Return the reason in one line, and the name for the Fail state."""
    error = request.error
    return ExplainResult(
        reason=failure_text.explained(error.name, error.cause), ending=failure_text.ending(error.name)
    )
