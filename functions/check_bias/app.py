"""Check Bias: whether the live model serves any protected group worse than when it was approved.

AWS calls: s3:GetObject on Lake (score-profiles/, joined/, evaluation/); kms:Decrypt (DataKey).
Environment: none of its own. Layers: Clinrisk, Numeric.
"""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws import monitored
from clinrisk.aws.telemetry import step
from clinrisk.fairness import bias_finding
from clinrisk.findings import Check
from clinrisk.messages import BatchSelection, CheckResult


@step(BatchSelection)
def handler(selection: BatchSelection) -> CheckResult:
    """Give one verdict per batch, and one on all with outcomes together, on the gaps between groups."""
    use_case = use_cases.get(selection.use_case)
    evaluation = monitored.evaluation(selection.evaluation_uri)
    return monitored.checked(
        Check.BIAS,
        (
            (batch, bias_finding(use_case, evaluation, scores, monitored.seeded(batch)))
            for batch, scores in monitored.scored(selection.batches)
        ),
    )
