"""Decide Upload: what a person decided about an upload is carried out and kept in the ledger.

A repeated call of the same execution finds its own decision and finishes what is left of it; so does the same
decision of a later one, where the earlier one broke before the ledger had it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.aws import ledger
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import decided_uploads, uploads
from clinrisk.core.ingest.upload_decisions import outcome
from clinrisk.core.scoring import batch_mails
from clinrisk.core.timestamps import stamp
from clinrisk.messages.ingest import DecideRequest, DecideResult, Disposition, UploadDecision
from clinrisk.services.ingest import settle_upload
from clinrisk.services.scoring import recalled_results

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.messages.ingest import Settlement


def decide(request: DecideRequest, now: datetime) -> DecideResult:
    """Let a held upload through, or withdraw one; where that cannot be, return in words why."""
    before = uploads.settlement_of(request.upload_id)
    if before is None:
        return DecideResult(refused=f"There is no settled upload {request.upload_id}.")
    kept = next((one for one in before.decisions if one.execution == request.execution), None)
    kept = kept or _unfinished(before, request)
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
    withdrawn = kept.after == Disposition.WITHDRAWN
    recalled = recalled_results.recall(before, kept.reason, kept.decided_at) if withdrawn else ""
    # Last: a decision that the ledger has is carried out.
    ledger.write_upload_decision(before, kept)
    return _result(before, kept, recalled)


def _unfinished(upload: Settlement, request: DecideRequest) -> UploadDecision | None:
    """Return the last decision, where it is the one that is asked for and the ledger does not have it yet."""
    last = upload.decisions[-1] if upload.decisions else None
    if last is None or last.decision != request.decision or ledger.has_upload_decision(upload, last):
        return None
    return last


def _result(upload: Settlement, kept: UploadDecision, recalled: str) -> DecideResult:
    mail = batch_mails.upload_decided(upload.key, upload.purpose, kept, recalled)
    return DecideResult(
        upload=uploads.as_upload(upload, settings().inbox_bucket),
        disposition=kept.after,
        rows_accepted=upload.rows_accepted,
        train=settle_upload.may_train(upload.model_copy(update={"disposition": kept.after})),
        let_through=kept.after in uploads.USED,
        subject=mail.subject,
        message=mail.text,
    )
