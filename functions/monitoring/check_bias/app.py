"""Check Bias: whether the live model serves any protected group worse than when it was approved.

AWS calls: s3:GetObject on Lake (score-profiles/, joined/, evaluation/); kms:Decrypt (DataKey).
Environment: none of its own. Layers: Clinrisk, Numeric.
"""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws.telemetry import step
from clinrisk.core.monitoring.bias import bias_finding
from clinrisk.core.monitoring.findings import Check, ScoreMaterial
from clinrisk.messages import BatchSelection, CheckResult
from clinrisk.services.monitoring import stored_profiles


@step(BatchSelection)
def handler(selection: BatchSelection) -> CheckResult:
    """Return one verdict per batch, and one on all with outcomes together, on the gaps between groups."""
    use_case = use_cases.get(selection.use_case)
    evaluation = stored_profiles.evaluation(selection.evaluation_uri)
    return stored_profiles.checked(
        Check.BIAS,
        (
            (
                batch,
                bias_finding(use_case, ScoreMaterial(evaluation, scores, stored_profiles.seeded(batch))),
            )
            for batch, scores in stored_profiles.scored(selection.batches)
        ),
    )
