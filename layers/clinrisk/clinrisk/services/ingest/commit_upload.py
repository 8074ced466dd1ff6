"""Commit Upload: an upload becomes visible completely, or not at all.

Row counts are proved against what the chunks stored, their profiles are added up, and one transaction makes
it so. A second delivery of the same commit writes the same bytes and finds the first settlement. Memory does
not grow with the file: of each chunk only its documents are read.

It reads the offline store with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import feature_store, offline_store, s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import mails, object_keys
from clinrisk.core.ingest.receipts import Arrival, Ending
from clinrisk.core.ingest.verdict import add_counts, decide, refuse
from clinrisk.core.profiles import feature_profile, score_profile
from clinrisk.core.profiles.feature_profile import Profile
from clinrisk.core.profiles.score_profile import ScoreProfile
from clinrisk.core.timestamps import stamp
from clinrisk.errors import ClaimLost, CountsDisagree
from clinrisk.messages.ingest import (
    BuiltChunk,
    CommitRequest,
    CommitResult,
    Disposition,
    Upload,
    WrittenChunk,
)
from clinrisk.services.ingest import chunk_records, settle_upload

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from clinrisk.messages.ingest import Settlement
    from clinrisk.use_cases.base import UseCase


def commit(request: CommitRequest, now: datetime) -> CommitResult:
    """Settle a built upload.

    Raises CountsDisagree when what is stored is not what was counted, OfflineStoreBehind until the Feature
    Store holds every row of a training upload, ClaimLost when another execution parked it or has its bytes,
    ContractChanged when the contract is another than the one under which it was read.
    """
    upload, use_case = request.upload, use_cases.get(request.upload.use_case)
    arrival = _arrival(upload)
    before = uploads.settlement_of(upload.upload_id)
    if before is not None:
        settle_upload.ensure_receipt(before)
        return _result(upload, before)
    use_case.check_contract(upload.schema_version)
    if request.refused and (problems := chunk_records.refusal(upload)):
        ending = Ending(Disposition.REJECTED, refuse(problems))
        return _result(upload, settle_upload.settle(arrival, ending, now))
    built = [chunk_records.built(upload, chunk) for chunk in chunk_records.plan(upload)]
    counts = add_counts(chunk.counts for chunk in built)
    verdict = decide(counts, use_case)
    used = verdict.disposition != Disposition.REJECTED
    _check_reconciled(upload, built, used=used)
    if used:
        written = _check_written(upload, built)
        if upload.purpose == "training":
            _check_landed(upload, use_case, arrival.received_at, written)
        _store_profile(upload, built)
        _store_scores(upload, built)
    ending = Ending(Disposition(verdict.disposition), verdict, labelled_rows=counts.labelled if used else 0)
    return _result(upload, settle_upload.settle(arrival, ending, now))


def _check_reconciled(upload: Upload, built: Sequence[BuiltChunk], *, used: bool) -> None:
    """Prove that every chunk was built with what the others hold of its ids."""
    reconciled = chunk_records.reconciliation(upload)
    if used != reconciled.used or any(
        chunk.other_chunks != reconciled.other_chunks.get(chunk.chunk.index) for chunk in built
    ):
        raise CountsDisagree("The chunks of the file were not reconciled with one another.")


def _check_written(upload: Upload, built: Sequence[BuiltChunk]) -> list[WrittenChunk]:
    """Prove that every row that was counted as accepted was written where it is used."""
    found = []
    for chunk in built:
        written = chunk_records.written(upload, chunk.chunk.index)
        if (written.features, written.rows) != (chunk.features, chunk.counts.accepted):
            raise CountsDisagree(f"Chunk {chunk.chunk.index} was written otherwise than it was built.")
        found.append(written)
    return found


def _check_landed(
    upload: Upload, use_case: UseCase, event_time: str, written: Sequence[WrittenChunk]
) -> None:
    """Prove that the offline store holds the accepted rows of a training upload, and no others of it."""
    group = feature_store.feature_group(settings().name_prefix, use_case)
    in_bulk = [chunk.in_bulk for chunk in written if chunk.in_bulk is not None]
    one_by_one = sum(chunk.rows for chunk in written if chunk.in_bulk is None)
    offline_store.check_chunks(group, upload.upload_id, event_time, in_bulk)
    if one_by_one:
        offline_store.check_landed(group, upload.upload_id, event_time, one_by_one)


def _store_profile(upload: Upload, built: Iterable[BuiltChunk]) -> None:
    """Add up the chunks' profiles; outcomes and feedback have none."""
    total: Profile | None = None
    for chunk in built:
        if chunk.profile is not None:
            part = Profile.from_dict(s3.fetch_json(chunk.profile))
            total = part if total is None else feature_profile.merge([total, part])
    if total is not None:
        key = object_keys.profile(upload.use_case, upload.upload_id)
        s3.store_json(settings().lake_bucket, key, total.to_dict())


def _store_scores(upload: Upload, built: Iterable[BuiltChunk]) -> None:
    """Add up what chunks counted of the risks of another model; they are scored by that."""
    parts = [ScoreProfile.from_dict(s3.fetch_json(one.scores)) for one in built if one.scores is not None]
    if not parts:
        return
    total = score_profile.merge(parts)
    key = object_keys.score_profile(upload.use_case, upload.upload_id)
    s3.store_json(settings().lake_bucket, key, total.to_dict())
    emit(Metric.ROWS_SCORED, total.everyone.n, use_case=upload.use_case)


def _result(upload: Upload, settlement: Settlement) -> CommitResult:
    if settlement.disposition == Disposition.FAILED:
        raise ClaimLost("The upload was parked as FAILED by another execution.")
    receipt = settlement.receipt
    mail = mails.upload_settled(upload.key, s3.fetch_json(receipt), receipt.uri)
    return CommitResult(
        disposition=settlement.disposition,
        rows_accepted=settlement.rows_accepted,
        rows_quarantined=settlement.rows_quarantined,
        labelled_rows=settlement.labelled_rows,
        receipt=receipt,
        train=settle_upload.may_train(settlement),
        announce=settlement.disposition in {Disposition.PARTIAL, Disposition.REJECTED, Disposition.HELD},
        subject=mail.subject,
        message=mail.text,
    )


def _arrival(upload: Upload) -> Arrival:
    arrived_at = s3.facts(upload.bucket, upload.key, upload.version_id).arrived_at
    return Arrival(received_at=stamp(arrived_at), **upload.model_dump(exclude={"bucket", "size"}))
