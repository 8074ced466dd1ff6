"""Settle an upload, however it ends: one settlement in the table, one receipt in the Results bucket.

The settlement decides, and keeps the text of the receipt; the receipt in the bucket is a copy of it, written
right after. So a receipt never says what did not happen, and never changes but when an upload that FAILED is
read again. Whoever meets a settled upload without its receipt writes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from clinrisk import use_cases
from clinrisk.aws import s3, telemetry
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.aws.telemetry import Metric
from clinrisk.core.ingest import receipts
from clinrisk.core.ingest.inbox_keys import receipt_key
from clinrisk.core.ingest.receipts import Ending
from clinrisk.core.timestamps import stamp
from clinrisk.core.training import run_settings
from clinrisk.errors import ClaimLost, EvidenceChanged, ObjectMissing
from clinrisk.messages.ingest import Disposition, Settlement

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.core.ingest.receipts import Arrival


def duplicate(of: Settlement | None) -> Ending:
    """Say that an upload's bytes were used before, and when; a settlement that is gone is not named."""
    known = () if of is None else (f"It was upload {of.upload_id}, settled at {of.settled_at}.",)
    return Ending(Disposition.DUPLICATE, explanation=(receipts.DUPLICATE, *known), reason="same_bytes")


def settle(arrival: Arrival, ending: Ending, now: datetime, *, holder: str | None = None) -> Settlement:
    """Settle an upload and give what is on record; an upload that is settled already stays as it is.

    `holder` names the execution whose claim is to be settled, where it may be another's. Raises ClaimLost
    when the upload or its bytes were claimed by somebody else in the meantime.
    """
    before = uploads.settlement_of(arrival.upload_id)
    if before is not None:
        ensure_receipt(before)
        return before
    use_case = use_cases.get(arrival.use_case) if arrival.use_case in use_cases.names() else None
    text = s3.json_text(receipts.receipt(arrival, ending, stamp(now), use_case))
    settlement = Settlement(
        **vars(arrival),
        disposition=ending.disposition,
        rows_accepted=ending.verdict.rows_accepted if ending.verdict else 0,
        rows_quarantined=ending.verdict.rows_quarantined if ending.verdict else 0,
        labelled_rows=ending.labelled_rows,
        receipt=s3.reference_to(
            settings().results_bucket, receipt_key(arrival.key, arrival.version_id), text.encode()
        ),
        settled_at=stamp(now),
    )
    try:
        uploads.settle(settlement, text, holder=holder)
    except ClaimLost:
        # Another delivery of the same commit may have been a moment faster.
        if (before := uploads.settlement_of(arrival.upload_id)) is None:
            raise
        ensure_receipt(before)
        return before
    _emit(settlement)
    _write_receipt(settlement, text)
    return settlement


def may_train(settlement: Settlement) -> bool:
    """Return whether a used training upload leaves its use case with enough labelled rows to train on."""
    if settlement.purpose != "training" or settlement.disposition not in uploads.USED:
        return False
    return run_settings.enough(
        use_cases.get(settlement.use_case), uploads.used(settlement.use_case, "training")
    )


def ensure_receipt(settlement: Settlement) -> None:
    """Write the receipt of a settled upload unless it lies there as it should: its writer may have died.

    When a redrive has claimed the upload since, the receipt is no longer ours to write.
    """
    try:
        s3.fetch(settlement.receipt)
    # Without the right to list, S3 forbids to read what is not there.
    except (ObjectMissing, EvidenceChanged, ClientError):
        text = uploads.receipt_of(settlement)
        if text is not None:
            _write_receipt(settlement, text)


def _write_receipt(settlement: Settlement, text: str) -> None:
    bucket, key = s3.split(settlement.receipt.uri)
    s3.store(bucket, key, text.encode(), "application/json")


def _emit(settlement: Settlement) -> None:
    name = settlement.use_case
    telemetry.emit(Metric.UPLOADS_SETTLED, 1, use_case=name, disposition=settlement.disposition)
    telemetry.emit(Metric.UPLOADS_FAILED, settlement.disposition == Disposition.FAILED, use_case=name)
    telemetry.emit(Metric.ROWS_ACCEPTED, settlement.rows_accepted, use_case=name)
    telemetry.emit(Metric.ROWS_QUARANTINED, settlement.rows_quarantined, use_case=name)
