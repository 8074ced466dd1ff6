"""Run Check: what one check of the registry finds in each recent batch of the live model.

AWS calls: s3:GetObject on Lake (profiles/, score-profiles/, joined/, candidates/); kms:Decrypt
(DataKey).
Environment: none of its own. Layers: Clinrisk, Numeric.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.monitoring import CheckRequest, CheckResult
from clinrisk.services.monitoring import run_check


@step(CheckRequest)
def handler(request: CheckRequest) -> CheckResult:
    """Return one finding per batch; checks of scores judge all batches with outcomes together as well."""
    return run_check.run(request)
