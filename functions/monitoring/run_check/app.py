"""Run Check: what one check of the registry finds in each recent batch of the live model.

AWS calls: s3:GetObject on Lake (profiles/, score-profiles/, joined/, monitoring/, candidates/);
kms:Decrypt (DataKey).
Environment: LAKE_BUCKET. Layers: Clinrisk, Numeric.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.monitoring import CheckRequest, CheckResult
from clinrisk.services.monitoring import run_check


@step(CheckRequest)
def handler(request: CheckRequest) -> CheckResult:
    """Return one finding per batch; checks of scores judge months and all since the release as well."""
    return run_check.run(request)
