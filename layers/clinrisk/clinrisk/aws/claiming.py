"""The claim: whether a file is ours to read, whether it is data, and whether its bytes are new."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from clinrisk import mails, places, receipts, use_cases
from clinrisk.aws import contents, executions, objects, settling, uploads
from clinrisk.aws.settling import Arrival, Ending
from clinrisk.aws.uploads import stamp
from clinrisk.errors import KeyRefused, NotData
from clinrisk.ingest import HEAD_BYTES, FileRule, Problem, check_file_head, refuse
from clinrisk.ingest.rules import LARGEST_FILE
from clinrisk.keys import parse_key
from clinrisk.messages import ClaimRequest, ClaimResult, Disposition, Upload

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.aws.items import Item
    from clinrisk.aws.objects import Facts
    from clinrisk.aws.uploads import Settlement
    from clinrisk.ingest import Verdict
    from clinrisk.keys import InboxKey


def claim(request: ClaimRequest, now: datetime) -> ClaimResult:
    """Claim one version of one object, and settle it here when it will not be read.

    A repeated event of a claimed or settled upload is REPEATED and changes nothing; the execution that
    holds the claim may ask again, and goes on. Raises SameBytesInProgress while another upload of the same
    bytes is being read: whether this one is a duplicate is known when that one is settled.
    """
    arrival = Arrival(
        upload_id=places.upload_id(request.bucket, request.key, request.version_id),
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
    facts = objects.facts(request.bucket, request.key, request.version_id)
    sha256 = _digest(request, facts, claimed)
    arrival = replace(arrival, received_at=stamp(facts.arrived_at), sha256=sha256)
    verdict = _refusal(request, arrival, facts)
    if verdict is not None:
        return _result(settling.refused(arrival, verdict, now))
    owner = contents.claim(
        arrival.use_case,
        arrival.purpose,
        sha256,
        upload_id=arrival.upload_id,
        execution=request.execution or "",
        abandoned=executions.has_ended,
    )
    if owner is not None:
        return _result(settling.settle(arrival, settling.duplicate(uploads.settlement_of(owner)), now))
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
    """Give the verdict on a file that cannot be read, from its first bytes and its declared digest."""
    declared = facts.metadata.get("sha256")
    if declared is not None and arrival.sha256 and declared.strip().lower() != arrival.sha256:
        return refuse([Problem(FileRule.CHECKSUM)])
    end = min(facts.size, HEAD_BYTES)
    head = objects.read_range(request.bucket, request.key, request.version_id, 0, end)
    problems = check_file_head(head, facts.size, use_cases.get(arrival.use_case), arrival.purpose)
    return refuse(problems) if problems else None


def _digest(request: ClaimRequest, facts: Facts, claimed: Item) -> str:
    """Give the file's digest; it is computed once, however often this upload asks for its bytes."""
    # What cannot be read to its end in time is not begun: its receipt has no digest.
    if facts.size > LARGEST_FILE:
        return ""
    if claimed.get("sha256"):
        return str(claimed["sha256"])
    sha256 = objects.digest_version(request.bucket, request.key, request.version_id, facts.size)
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
        abandoned=executions.has_ended,
    )


def _settled(request: ClaimRequest, arrival: Arrival, ending: Ending, now: datetime) -> ClaimResult:
    """Settle a file by its key alone."""
    if _claimed(request, arrival, now) is None:
        return _repeated(arrival)
    return _result(settling.settle(arrival, ending, now))


def _repeated(arrival: Arrival) -> ClaimResult:
    """Leave everything as it is, but for the receipt of an upload whose settlement died before writing it."""
    settlement = uploads.settlement_of(arrival.upload_id)
    if settlement is not None:
        settling.ensure_receipt(settlement)
    return ClaimResult(disposition="REPEATED")


def _result(settlement: Settlement) -> ClaimResult:
    if settlement.disposition == Disposition.IGNORED:
        return ClaimResult(disposition="IGNORED", receipt=settlement.receipt)
    if settlement.disposition != Disposition.REJECTED:
        return ClaimResult(disposition="DUPLICATE", receipt=settlement.receipt)
    mail = mails.upload_settled(
        settlement.key, objects.fetch_json(settlement.receipt), settlement.receipt.uri
    )
    return ClaimResult(
        disposition="REJECTED", receipt=settlement.receipt, subject=mail.subject, message=mail.text
    )


def _named(arrival: Arrival, named: InboxKey) -> Arrival:
    return replace(arrival, use_case=named.use_case, purpose=named.purpose)
