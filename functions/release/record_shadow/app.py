"""Record Shadow: count how a comparison ended; where there is none, leave the approver the reason.

AWS calls: s3:PutObject on Lake (comparisons/); kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.release import RecordShadowRequest, RecordShadowResult
from clinrisk.services.release import record_shadow


@step(RecordShadowRequest)
def handler(request: RecordShadowRequest) -> RecordShadowResult:
    """Return whether somebody must know, and the mail."""
    return record_shadow.record(request)
