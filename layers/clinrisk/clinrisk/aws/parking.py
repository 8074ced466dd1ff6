"""Parking: an upload that could not be processed is settled as FAILED: no file is ever without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import mails, places, receipts
from clinrisk.aws import settling
from clinrisk.aws.settling import Arrival, Ending
from clinrisk.aws.uploads import stamp
from clinrisk.errors import ObjectMissing, UploadError
from clinrisk.keys import parse_key
from clinrisk.messages import Disposition, ParkRequest, ParkResult

if TYPE_CHECKING:
    from datetime import datetime


def park(request: ParkRequest, now: datetime) -> ParkResult:
    """Settle the upload as FAILED and give the mail to the operators.

    The cause of the error stays in the workflow's history: it may quote what an engine saw.
    """
    arrival = _arrival(request, now)
    gone = request.error.name == ObjectMissing.__name__
    ending = Ending(
        Disposition.FAILED,
        explanation=(receipts.GONE if gone else receipts.FAILED,),
        reason="version_gone" if gone else "not_processed",
    )
    settlement = settling.settle(arrival, ending, now)
    address, error = settlement.receipt.uri, request.error.name
    if settlement.disposition == Disposition.FAILED:
        mail = mails.upload_failed(request.key, error, address)
    else:
        mail = mails.upload_stalled(request.key, error, settlement.disposition, address)
    return ParkResult(subject=mail.subject, message=mail.text, receipt=settlement.receipt)


def _arrival(request: ParkRequest, now: datetime) -> Arrival:
    """Give what is known without asking S3, which may be what failed."""
    upload_id = places.upload_id(request.bucket, request.key, request.version_id)
    facts = {
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
