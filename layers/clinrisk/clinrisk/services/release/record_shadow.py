"""Record Shadow: count how a comparison ended; where there is none, leave the approver the reason."""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import failure_text, mails, object_keys
from clinrisk.core.release import shadow
from clinrisk.messages.release import RecordShadowRequest, RecordShadowResult


def record(request: RecordShadowRequest) -> RecordShadowResult:
    """Return whether somebody must know, and the mail; a comparison that was made is counted and no more."""
    use_case, failed = use_cases.get(request.use_case), bool(request.error.name)
    reason = failure_text.explained(request.error.name, request.error.cause) if failed else request.reason
    emit(Metric.SHADOWS_COMPARED, not reason, use_case=use_case.name)
    emit(Metric.SHADOWS_FAILED, failed, use_case=use_case.name)
    if reason and request.run_id:
        outcome = shadow.FAILED if failed else shadow.NOTHING
        document = shadow.not_compared(use_case.name, request.run_id, request.batch, outcome, reason)
        key = object_keys.comparison(use_case.name, request.run_id, request.batch)
        s3.store_json(settings().lake_bucket, key, document)
    mail = mails.shadow_failed(use_case.title, request.run_id, request.batch, reason)
    return RecordShadowResult(announce=failed, subject=mail.subject, message=mail.text)
