"""Decide Upload: what a person decided about an upload is carried out and kept in the ledger.

A repeated call of the same execution finds its own decision and finishes what is left of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import ledger, s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import decided_uploads, uploads
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.ingest.upload_decisions import UploadDecisionEntry, outcome
from clinrisk.core.scoring import batch_mails
from clinrisk.core.timestamps import stamp
from clinrisk.core.training import run_settings
from clinrisk.messages.ingest import DecideRequest, DecideResult, Disposition, LetThrough, UploadDecision

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.messages.ingest import Settlement


def decide(request: DecideRequest, now: datetime) -> DecideResult:
    """Let a held upload through, or withdraw one; where that cannot be, return in words why."""
    before = uploads.settlement_of(request.upload_id)
    if before is None:
        return DecideResult(refused=f"There is no settled upload {request.upload_id}.")
    kept = next((one for one in before.decisions if one.execution == request.execution), None)
    if kept is None:
        found = outcome(request.decision, before.disposition, rows_quarantined=before.rows_quarantined)
        if not isinstance(found, Disposition):
            return DecideResult(refused=found)
        kept = UploadDecision(
            **request.model_dump(include={"decision", "person", "reason"}),
            decided_at=stamp(now),
            execution=request.execution or "",
            before=before.disposition,
            after=found,
        )
        if not decided_uploads.decide(before, kept):
            return DecideResult(
                refused="The upload was decided about by somebody else in the meantime, or another upload of "
                "the same bytes is used."
            )
    ledger.write_upload_decision(_entry(before, kept))
    recalled = _recall(before, kept) if kept.after == Disposition.WITHDRAWN else ""
    return _result(before, kept, recalled)


def _entry(upload: Settlement, kept: UploadDecision) -> UploadDecisionEntry:
    return UploadDecisionEntry(
        **upload.model_dump(include={"use_case", "purpose", "upload_id", "version_id", "sha256"}),
        **kept.model_dump(mode="json", exclude={"execution"}),
        object_key=upload.key,
    )


def _recall(upload: Settlement, kept: UploadDecision) -> str:
    """Mark results that were published as recalled; return where they lie, "" where there are none."""
    if upload.purpose != "inference":
        return ""
    bucket = settings().results_bucket
    address = upload.use_case, parse_key(upload.key).stem, upload.upload_id
    key = object_keys.results(*address)
    if key not in s3.keys_under(bucket, key):
        return ""
    notice = batch_mails.recall_notice(s3.uri_of(bucket, key), kept.reason, kept.decided_at)
    s3.store(bucket, object_keys.recalled(*address), notice.encode(), "text/plain; charset=utf-8")
    return s3.uri_of(bucket, key)


def _result(upload: Settlement, kept: UploadDecision, recalled: str) -> DecideResult:
    use_case, used = use_cases.get(upload.use_case), kept.after in uploads.USED
    mail = batch_mails.upload_decided(upload.key, upload.purpose, kept, recalled)
    return DecideResult(
        upload=uploads.as_upload(upload, settings().inbox_bucket),
        disposition=kept.after,
        rows_accepted=upload.rows_accepted,
        train=used
        and upload.purpose == "training"
        and run_settings.enough(use_case, uploads.used(use_case.name, "training")),
        let_through=LetThrough(**kept.model_dump(include=set(LetThrough.model_fields))) if used else None,
        subject=mail.subject,
        message=mail.text,
    )
