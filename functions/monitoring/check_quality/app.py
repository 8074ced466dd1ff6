"""Check Quality: whether recent batches arrived as whole as the training data.

AWS calls: s3:GetObject on Lake (profiles/, training/); kms:Decrypt (DataKey).
Environment: none of its own. Layers: Clinrisk, Numeric.
"""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws.telemetry import step
from clinrisk.core.monitoring.findings import Check, ProfileMaterial
from clinrisk.core.monitoring.quality import quality_finding
from clinrisk.messages import BatchSelection, CheckResult
from clinrisk.services.monitoring import stored_profiles


@step(BatchSelection)
def handler(selection: BatchSelection) -> CheckResult:
    """Return one verdict per batch on missing values, unusable rows and codes that training never saw."""
    use_case = use_cases.get(selection.use_case)
    reference = stored_profiles.profile(selection.reference_uri)
    return stored_profiles.checked(
        Check.QUALITY,
        (
            (
                batch.key,
                quality_finding(
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
