"""Park Upload: settle an upload that could not be processed as FAILED: no file stays without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.aws import stepfunctions
from clinrisk.aws.tables import uploads
from clinrisk.core import failure_text, mails, object_keys
from clinrisk.core.ingest import receipts
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.ingest.receipts import Arrival, Ending
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ObjectMissing, UploadError
from clinrisk.messages.ingest import Disposition, ParkRequest, ParkResult
from clinrisk.messages.message import Failure
from clinrisk.services.ingest import settle_upload

if TYPE_CHECKING:
    from datetime import datetime

_MAP_RUN = "States.ExceedToleratedFailureThreshold"


def park(request: ParkRequest, now: datetime) -> ParkResult:
    """Settle the upload as FAILED and give the mail to the operators.

    An upload on which another execution is at work is left to that one. The cause of an error stays in the
    workflow's history, unless it is one of our own: any other may quote what an engine saw.
    """
    arrival = _arrival(request, now)
    error = _first_error(request.error, arrival.upload_id)
    reason = failure_text.explained(error.name, error.cause)
    holder = uploads.holder_of(arrival.upload_id)
    if holder not in {None, request.execution or ""} and not stepfunctions.has_ended(str(holder)):
        mail = mails.delivery_failed(request.key, reason)
        return ParkResult(subject=mail.subject, message=mail.text, reason=reason, receipt=None)
    gone = error.name == ObjectMissing.__name__
    ending = Ending(
        Disposition.FAILED,
        explanation=(receipts.GONE,) if gone else (receipts.FAILED, receipts.WHAT_FAILED + reason),
        reason="version_gone" if gone else "not_processed",
    )
    settlement = settle_upload.settle(arrival, ending, now, holder=holder)
    address = settlement.receipt.uri
    if settlement.disposition == Disposition.FAILED:
        mail = mails.upload_failed(request.key, reason, address)
    else:
        mail = mails.upload_stalled(request.key, reason, settlement.disposition, address)
    return ParkResult(subject=mail.subject, message=mail.text, reason=reason, receipt=settlement.receipt)


def _first_error(error: Failure, upload_id: str) -> Failure:
    """Return the error of the chunk that broke a Map Run, which names none."""
    kept = uploads.failed_chunk_of(upload_id) if error.name == _MAP_RUN else None
    return error if kept is None else Failure.model_validate(kept)


def _arrival(request: ParkRequest, now: datetime) -> Arrival:
    """Return what is known without asking S3, which may be what failed."""
    upload_id = object_keys.upload_id(request.bucket, request.key, request.version_id)
    facts: dict[str, Any] = {
        "upload_id": upload_id,
        "key": request.key,
        "version_id": request.version_id,
        "received_at": stamp(now),
    }
    if request.upload is not None:
        upload = request.upload
        return Arrival(**facts, use_case=upload.use_case, purpose=upload.purpose, sha256=upload.sha256)
    try:
        named = parse_key(request.key)
    except UploadError:
        return Arrival(**facts)
    return Arrival(**facts, use_case=named.use_case, purpose=named.purpose)
