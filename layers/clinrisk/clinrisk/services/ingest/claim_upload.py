"""The claim: whether a file is ours to read, whether it is data, and whether its bytes are new."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import s3, stepfunctions
from clinrisk.aws.tables import content_claims, uploads
from clinrisk.core import mails, object_keys
from clinrisk.core.ingest import HEAD_BYTES, FileRule, Problem, check_file_head, receipts, refuse
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.ingest.rules import LARGEST_FILE
from clinrisk.core.timestamps import stamp
from clinrisk.errors import KeyRefused, NotData
from clinrisk.messages import ClaimRequest, ClaimResult, Disposition, Upload
from clinrisk.services.ingest import settle_upload
from clinrisk.services.ingest.settle_upload import Arrival, Ending

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.aws.dynamodb import Item
    from clinrisk.aws.s3 import Facts
    from clinrisk.aws.tables.uploads import Settlement
    from clinrisk.core.ingest import Verdict
    from clinrisk.core.ingest.inbox_keys import InboxKey


def claim(request: ClaimRequest, now: datetime) -> ClaimResult:
    """Claim one version of one object, and settle it here when it will not be read.

    A repeated event of a claimed or settled upload is REPEATED and changes nothing; the execution that
    holds the claim may ask again, and goes on. Raises SameBytesInProgress while another upload of the same
    bytes is being read: whether this one is a duplicate is known when that one is settled.
    """
    arrival = Arrival(
        upload_id=object_keys.upload_id(request.bucket, request.key, request.version_id),
        key=request.key,
        version_id=request.version_id,
        received_at=stamp(now),
        sequencer=request.sequencer,
    )
    try:
        named = parse_key(request.key)
    except NotData as error:
        ending = Ending(Disposition.IGNORED, explanation=(receipts.NOT_DATA, str(error)), reason="not_data")
        return _settled(request, arrival, ending, now)
    except KeyRefused as error:
        verdict = refuse([Problem(FileRule(rule)) for rule in error.rules])
        return _settled(request, arrival, Ending(Disposition.REJECTED, verdict), now)
    return _read(request, _named(arrival, named), now)


def _read(request: ClaimRequest, arrival: Arrival, now: datetime) -> ClaimResult:
    """Claim a file whose key is in order, look at its bytes, and claim them too."""
    claimed = _claimed(request, arrival, now)
    if claimed is None:
        return _repeated(arrival)
    facts = s3.facts(request.bucket, request.key, request.version_id)
    sha256 = _digest(request, facts, claimed)
    arrival = replace(arrival, received_at=stamp(facts.arrived_at), sha256=sha256)
    verdict = _refusal(request, arrival, facts)
    if verdict is not None:
        return _result(settle_upload.refused(arrival, verdict, now))
    owner = content_claims.claim(
        arrival.use_case,
        arrival.purpose,
        sha256,
        upload_id=arrival.upload_id,
        execution=request.execution or "",
        abandoned=stepfunctions.has_ended,
    )
    if owner is not None:
        return _result(
            settle_upload.settle(arrival, settle_upload.duplicate(uploads.settlement_of(owner)), now)
        )
    facts_of_upload = request.model_dump(exclude={"execution"}) | {
        "size": facts.size,
        "use_case": arrival.use_case,
        "purpose": arrival.purpose,
        "upload_id": arrival.upload_id,
        "sha256": sha256,
    }
    upload = Upload.model_validate(facts_of_upload)
    return ClaimResult(disposition="CLAIMED", upload=upload)


def _refusal(request: ClaimRequest, arrival: Arrival, facts: Facts) -> Verdict | None:
    """Return the verdict on a file that cannot be read, from its first bytes and its declared digest."""
    declared = facts.metadata.get("sha256")
    if declared is not None and arrival.sha256 and declared.strip().lower() != arrival.sha256:
        return refuse([Problem(FileRule.CHECKSUM)])
    end = min(facts.size, HEAD_BYTES)
    head = s3.read_range(request.bucket, request.key, request.version_id, 0, end)
    problems = check_file_head(head, facts.size, use_cases.get(arrival.use_case), arrival.purpose)
    return refuse(problems) if problems else None


def _digest(request: ClaimRequest, facts: Facts, claimed: Item) -> str:
    """Return the file's digest; it is computed once, however often this upload asks for its bytes."""
    # What cannot be read to its end in time is not begun: its receipt has no digest.
    if facts.size > LARGEST_FILE:
        return ""
    if claimed.get("sha256"):
        return str(claimed["sha256"])
    sha256 = s3.digest_version(request.bucket, request.key, request.version_id, facts.size)
    uploads.keep_digest(claimed, sha256)
    return sha256


def _claimed(request: ClaimRequest, arrival: Arrival, now: datetime) -> Item | None:
    return uploads.claim(
        arrival.upload_id,
        key=arrival.key,
        version_id=arrival.version_id,
        use_case=arrival.use_case,
        purpose=arrival.purpose,
        execution=request.execution,
        now=now,
        abandoned=stepfunctions.has_ended,
    )


def _settled(request: ClaimRequest, arrival: Arrival, ending: Ending, now: datetime) -> ClaimResult:
    """Settle a file by its key alone."""
    if _claimed(request, arrival, now) is None:
        return _repeated(arrival)
    return _result(settle_upload.settle(arrival, ending, now))


def _repeated(arrival: Arrival) -> ClaimResult:
    """Leave everything as it is, but for the receipt of an upload whose settlement died before writing it."""
    settlement = uploads.settlement_of(arrival.upload_id)
    if settlement is not None:
        settle_upload.ensure_receipt(settlement)
    return ClaimResult(disposition="REPEATED")


def _result(settlement: Settlement) -> ClaimResult:
    if settlement.disposition == Disposition.IGNORED:
        return ClaimResult(disposition="IGNORED", receipt=settlement.receipt)
    if settlement.disposition != Disposition.REJECTED:
        return ClaimResult(disposition="DUPLICATE", receipt=settlement.receipt)
    mail = mails.upload_settled(settlement.key, s3.fetch_json(settlement.receipt), settlement.receipt.uri)
    return ClaimResult(
        disposition="REJECTED", receipt=settlement.receipt, subject=mail.subject, message=mail.text
    )


def _named(arrival: Arrival, named: InboxKey) -> Arrival:
    return replace(arrival, use_case=named.use_case, purpose=named.purpose)
