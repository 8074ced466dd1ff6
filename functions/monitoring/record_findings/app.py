"""Record Findings: keep what all checks said, publish a metric for each, and choose what to do about it.

AWS calls: s3:PutObject on Lake (findings/); kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.monitoring import RecordRequest, RecordResult
from clinrisk.services.monitoring import record_findings


@step(RecordRequest)
def handler(request: RecordRequest) -> RecordResult:
    """Return the response, the mail about it, and where the findings are kept."""
    return record_findings.record(request)
