"""Check Drift: whether recent batches hold the kind of patients that the live model learned from.

AWS calls: s3:GetObject on Lake (profiles/, training/); kms:Decrypt (DataKey).
Environment: none of its own. Layers: Clinrisk, Numeric.
"""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws.telemetry import step
from clinrisk.core.monitoring.drift import drift_finding
from clinrisk.core.monitoring.findings import Check, ProfileMaterial
from clinrisk.messages import BatchSelection, CheckResult
from clinrisk.services.monitoring import stored_profiles


@step(BatchSelection)
def handler(selection: BatchSelection) -> CheckResult:
    """Return one verdict per batch on how far its columns moved from the training patients."""
    use_case = use_cases.get(selection.use_case)
    reference = stored_profiles.profile(selection.reference_uri)
    return stored_profiles.checked(
        Check.DRIFT,
        (
            (
                batch.key,
                drift_finding(
                    use_case,
                    ProfileMaterial(
                        reference,
                        stored_profiles.profile(batch.profile),
                        batch.rows_quarantined,
                        stored_profiles.seeded(batch.upload_id),
                    ),
                ),
            )
            for batch in selection.batches
        ),
    )
