"""Claim Upload: whether a file is ours to read, whether it is data, and whether its bytes are new."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import s3, stepfunctions
from clinrisk.aws.tables import content_claims, uploads
from clinrisk.core import mails, object_keys
from clinrisk.core.ingest import receipts
from clinrisk.core.ingest.csv_file.head import HEAD_BYTES, check_file_head
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.ingest.receipts import Arrival, Ending
from clinrisk.core.ingest.rules import LARGEST_FILE, FileRule, Problem
from clinrisk.core.ingest.verdict import refuse
from clinrisk.core.timestamps import stamp
from clinrisk.errors import KeyRefused, NotData
from clinrisk.messages.ingest import ClaimRequest, ClaimResult, Disposition, Upload
from clinrisk.services.ingest import settle_upload

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.aws.dynamodb import Item
    from clinrisk.aws.s3 import Facts


def claim(request: ClaimRequest, now: datetime) -> ClaimResult:
    """Claim one version of one object, and settle it here when it will not be read.

    A repeated event of a claimed or settled upload is REPEATED and changes nothing; the execution that
    holds the claim may ask again, and goes on. Raises SameBytesInProgress while another upload of the same
    bytes is being read: whether this one is a duplicate is known when that one is settled.
    """
    arrival, ending = _by_key(request, now)
    claimed = uploads.claim(
        arrival.upload_id,
        key=arrival.key,
        version_id=arrival.version_id,
        use_case=arrival.use_case,
        purpose=arrival.purpose,
        execution=request.execution,
        now=now,
        abandoned=stepfunctions.has_ended,
    )
    if claimed is None:
        return _repeated(arrival)
    if ending is not None:
        return _settled(arrival, ending, now)
    facts = s3.facts(request.bucket, request.key, request.version_id)
    sha256 = _digest(request, facts, claimed)
    arrival = replace(arrival, received_at=stamp(facts.arrived_at), sha256=sha256)
    ending = _by_content(request, arrival, facts)
    if ending is not None:
        return _settled(arrival, ending, now)
    named = {"use_case": arrival.use_case, "purpose": arrival.purpose, "upload_id": arrival.upload_id}
    read = {"size": facts.size, "sha256": sha256, "schema_version": arrival.schema_version}
    upload = Upload.model_validate(request.model_dump(exclude={"execution"}) | named | read)
    return ClaimResult(disposition="CLAIMED", upload=upload)


def _by_key(request: ClaimRequest, now: datetime) -> tuple[Arrival, Ending | None]:
    """Return what an object's key says it is, and how it ends where the key alone decides that."""
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
        explanation = (receipts.NOT_DATA, str(error))
        return arrival, Ending(Disposition.IGNORED, explanation=explanation, reason="not_data")
    except KeyRefused as error:
        verdict = refuse([Problem(FileRule(rule)) for rule in error.rules])
        return arrival, Ending(Disposition.REJECTED, verdict)
    version = use_cases.get(named.use_case).schema_version
    found = replace(arrival, use_case=named.use_case, purpose=named.purpose, schema_version=version)
    return found, None


def _by_content(request: ClaimRequest, arrival: Arrival, facts: Facts) -> Ending | None:
    """Claim a file's bytes as well; return how it ends where it cannot be read, or was read before."""
    declared = facts.metadata.get("sha256")
    if declared is not None and arrival.sha256 and declared.strip().lower() != arrival.sha256:
        return Ending(Disposition.REJECTED, refuse([Problem(FileRule.CHECKSUM)]))
    head = s3.read_range(request.bucket, request.key, request.version_id, 0, min(facts.size, HEAD_BYTES))
    problems = check_file_head(head, facts.size, use_cases.get(arrival.use_case), arrival.purpose)
    if problems:
        return Ending(Disposition.REJECTED, refuse(problems))
    owner = content_claims.claim(
        arrival.use_case,
        arrival.purpose,
        arrival.sha256,
        upload_id=arrival.upload_id,
        execution=request.execution or "",
        abandoned=stepfunctions.has_ended,
    )
    return None if owner is None else settle_upload.duplicate(uploads.settlement_of(owner))


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


def _repeated(arrival: Arrival) -> ClaimResult:
    """Leave everything as it is, but for the receipt of an upload whose settlement died before writing it."""
    settlement = uploads.settlement_of(arrival.upload_id)
    if settlement is not None:
        settle_upload.ensure_receipt(settlement)
    return ClaimResult(disposition="REPEATED")


def _settled(arrival: Arrival, ending: Ending, now: datetime) -> ClaimResult:
    """Settle a file that will not be read; its sender is told of a rejection by mail."""
    settlement = settle_upload.settle(arrival, ending, now)
    receipt = settlement.receipt
    if settlement.disposition == Disposition.IGNORED:
        return ClaimResult(disposition="IGNORED", receipt=receipt)
    if settlement.disposition != Disposition.REJECTED:
        return ClaimResult(disposition="DUPLICATE", receipt=receipt)
    mail = mails.upload_settled(settlement.key, s3.fetch_json(receipt), receipt.uri)
    return ClaimResult(disposition="REJECTED", receipt=receipt, subject=mail.subject, message=mail.text)
