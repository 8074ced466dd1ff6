"""The commit: an upload becomes visible whole, or not at all.

Counts are proved against the stored rows, parts of chunks are merged into parts of the upload, and one
transaction makes it so. A second delivery of the same commit writes the same bytes and finds the first
settlement.

It reads with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl

from clinrisk import mails, places, profiles, use_cases
from clinrisk.aws import objects, settling, uploads
from clinrisk.aws.settings import settings
from clinrisk.aws.settling import Arrival, Ending
from clinrisk.aws.uploads import stamp
from clinrisk.errors import CountsDisagree
from clinrisk.ingest import Counts, add_counts, decide
from clinrisk.messages import BuildResult, CommitRequest, CommitResult, Disposition, Upload
from clinrisk.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from clinrisk.aws.uploads import Settlement
    from clinrisk.use_cases.base import UseCase

_CSV = "text/csv"


def commit(request: CommitRequest, now: datetime) -> CommitResult:
    """Settle a built upload; raises CountsDisagree when the stored rows are not those that were counted."""
    upload, use_case = request.upload, use_cases.get(request.upload.use_case)
    chunks = sorted(request.chunks, key=lambda chunk: chunk.index)
    counts = add_counts(Counts(**chunk.counts.model_dump()) for chunk in chunks)
    features = _proved(chunks, counts)
    verdict = decide(counts, use_case)
    used = verdict.disposition != Disposition.REJECTED
    if used:
        _merge(upload, use_case, chunks, features)
    ending = Ending(Disposition(verdict.disposition), verdict, labelled_rows=counts.labelled if used else 0)
    settlement = settling.settle(_arrival(upload), ending, now)
    return _result(upload, use_case, settlement)


def _proved(chunks: Sequence[BuildResult], counts: Counts) -> pl.DataFrame:
    """Give the stored rows once they are shown to be those that were counted, each record once."""
    if [chunk.index for chunk in chunks] != list(range(len(chunks))):
        raise CountsDisagree("The chunks of the file are not complete.")
    frames = [_frame(objects.fetch(chunk.features)) for chunk in chunks]
    for chunk, frame in zip(chunks, frames, strict=True):
        quarantined = 0 if chunk.quarantine is None else _frame(objects.fetch(chunk.quarantine)).height
        stored = (frame.height, quarantined)
        # A chunk of unreadable bytes is counted without being kept.
        if frame.height != chunk.counts.accepted or (quarantined and quarantined != chunk.counts.quarantined):
            message = (
                f"Chunk {chunk.index} has {stored[0]} and {stored[1]} rows stored, other than it counted."
            )
            raise CountsDisagree(message)
    rows = pl.concat(frames)
    if rows.height != counts.accepted or rows["record_id"].n_unique() != rows.height:
        raise CountsDisagree("A record occurs in more than one chunk of the file.")
    return rows


def _merge(upload: Upload, use_case: UseCase, chunks: Sequence[BuildResult], features: pl.DataFrame) -> None:
    """Store the upload's profile, and for a batch to score its vault and what the transform reads."""
    lake = settings().lake_bucket
    parts = [
        Profile.from_dict(objects.fetch_json(chunk.profile)) for chunk in chunks if chunk.profile is not None
    ]
    if parts:
        key = places.profile(upload.use_case, upload.upload_id)
        objects.store_json(lake, key, profiles.merge(parts).to_dict())
    vaults = [_frame(objects.fetch(chunk.vault)) for chunk in chunks if chunk.vault is not None]
    if vaults:
        stream = io.BytesIO()
        pl.concat(vaults).write_parquet(stream, compression="zstd")
        objects.store(lake, places.vault(upload.use_case, upload.upload_id), stream.getvalue())
        batch = features.select("record_id", *use_case.feature_names).write_csv(include_header=False)
        key = places.transform_input(upload.use_case, upload.upload_id)
        objects.store(lake, key, batch.encode(), _CSV)


def _result(upload: Upload, use_case: UseCase, settlement: Settlement) -> CommitResult:
    receipt = settlement.receipt
    mail = mails.upload_settled(upload.key, objects.fetch_json(receipt), receipt.uri)
    return CommitResult(
        disposition=settlement.disposition,
        rows_accepted=settlement.rows_accepted,
        rows_quarantined=settlement.rows_quarantined,
        labelled_rows=settlement.labelled_rows,
        receipt=receipt,
        train=_may_train(upload, use_case, settlement),
        announce=settlement.disposition in {Disposition.PARTIAL, Disposition.REJECTED},
        subject=mail.subject,
        message=mail.text,
    )


def _may_train(upload: Upload, use_case: UseCase, settlement: Settlement) -> bool:
    """Say whether a used training upload leaves the use case with enough labelled rows to train on."""
    if upload.purpose != "training" or settlement.disposition not in uploads.USED:
        return False
    labelled = sum(each.labelled_rows for each in uploads.used(use_case.name, "training"))
    return labelled >= use_case.min_training_rows


def _arrival(upload: Upload) -> Arrival:
    arrived_at = objects.facts(upload.bucket, upload.key, upload.version_id).arrived_at
    return Arrival(
        upload_id=upload.upload_id,
        key=upload.key,
        version_id=upload.version_id,
        received_at=stamp(arrived_at),
        use_case=upload.use_case,
        purpose=upload.purpose,
        sha256=upload.sha256,
    )


def _frame(data: bytes) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(data))
