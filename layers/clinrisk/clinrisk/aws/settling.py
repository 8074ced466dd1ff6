"""How every upload ends: one receipt in the Results bucket, one settlement in the table, its metrics.

The receipt is written before the settlement makes the upload visible, so whoever sees an upload finds its
receipt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk import receipts, use_cases
from clinrisk.aws import objects, telemetry, uploads
from clinrisk.aws.settings import settings
from clinrisk.aws.telemetry import Metric
from clinrisk.aws.uploads import Settlement, stamp
from clinrisk.keys import receipt_key
from clinrisk.messages import Disposition, Reference

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from clinrisk.ingest import Verdict

# The purpose and use case of a key that names none.
UNKNOWN = telemetry.UNKNOWN


@dataclass(frozen=True)
class Arrival:
    """One version of one object in the inbox, and what its key says it is."""

    upload_id: str
    key: str
    version_id: str
    received_at: str
    use_case: str = UNKNOWN
    purpose: str = UNKNOWN
    sha256: str = ""
    sequencer: str = ""


@dataclass(frozen=True)
class Ending:
    """What is to be said about an upload: its disposition, and the verdict or the sentences behind it."""

    disposition: Disposition
    verdict: Verdict | None = None
    explanation: Sequence[str] = ()
    labelled_rows: int = 0
    reason: str = ""
    """The rule behind a disposition that has no verdict."""


DUPLICATE = Ending(Disposition.DUPLICATE, explanation=(receipts.DUPLICATE,), reason="same_bytes")


def settle(arrival: Arrival, ending: Ending, now: datetime) -> Settlement:
    """Settle an upload and give what is on record; an upload that is settled already stays as it is."""
    before = uploads.settlement_of(arrival.upload_id)
    if before is not None:
        return before
    if ending.disposition in uploads.USED and _used_elsewhere(arrival):
        return settle(arrival, DUPLICATE, now)
    settlement = Settlement(
        upload_id=arrival.upload_id,
        key=arrival.key,
        version_id=arrival.version_id,
        use_case=arrival.use_case,
        purpose=arrival.purpose,
        sha256=arrival.sha256,
        disposition=ending.disposition,
        rows_accepted=ending.verdict.rows_accepted if ending.verdict else 0,
        rows_quarantined=ending.verdict.rows_quarantined if ending.verdict else 0,
        labelled_rows=ending.labelled_rows,
        receipt=_write_receipt(arrival, ending, stamp(now)),
        settled_at=stamp(now),
        received_at=arrival.received_at,
        sequencer=arrival.sequencer,
    )
    recorded = uploads.settle(settlement)
    if recorded is None:
        # The same bytes were used from another upload while this one was read.
        return settle(arrival, DUPLICATE, now)
    _emit(recorded)
    return recorded


def refused(arrival: Arrival, verdict: Verdict, now: datetime) -> Settlement:
    """Settle an upload as REJECTED, with the verdict's reasons."""
    return settle(arrival, Ending(Disposition.REJECTED, verdict), now)


def _used_elsewhere(arrival: Arrival) -> bool:
    """Whether another upload has the same bytes in use: asked before a receipt would say that this one has.

    The settlement's own condition decides; between the two, a receipt may say ACCEPTED for a moment.
    """
    owner = uploads.owner_of(arrival.use_case, arrival.purpose, arrival.sha256)
    return owner not in {None, arrival.upload_id}


def _write_receipt(arrival: Arrival, ending: Ending, settled_at: str) -> Reference:
    known = arrival.use_case in use_cases.names()
    document = receipts.receipt(
        key=arrival.key,
        version_id=arrival.version_id,
        disposition=ending.disposition,
        received_at=arrival.received_at,
        settled_at=settled_at,
        use_case=use_cases.get(arrival.use_case) if known else None,
        purpose=arrival.purpose if known else None,
        sha256=arrival.sha256 or None,
        verdict=ending.verdict,
        explanation=ending.explanation,
        reason=ending.reason,
        upload_id=arrival.upload_id,
    )
    key = receipt_key(arrival.key, arrival.version_id)
    return objects.store_json(settings().results_bucket, key, document)


def _emit(settlement: Settlement) -> None:
    name = settlement.use_case
    telemetry.emit(Metric.UPLOADS_SETTLED, 1, use_case=name, disposition=settlement.disposition)
    telemetry.emit(Metric.UPLOADS_FAILED, settlement.disposition == Disposition.FAILED, use_case=name)
    telemetry.emit(Metric.ROWS_ACCEPTED, settlement.rows_accepted, use_case=name)
    telemetry.emit(Metric.ROWS_QUARANTINED, settlement.rows_quarantined, use_case=name)
