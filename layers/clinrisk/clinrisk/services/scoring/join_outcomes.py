"""Join Outcomes: give predictions the outcomes that answer them, as labelled score profiles.

Every batch of the present contract is judged anew from all outcomes in force, so that a repeated or delayed
delivery ends in the same bytes, and what waited for its horizon is joined when that is over: monitoring
asks every day. It reads with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING

import polars as pl

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.core import object_keys
from clinrisk.core.scoring import batch_mails, outcomes
from clinrisk.core.scoring.outcome_status import OutcomeStatus
from clinrisk.messages.scoring import JoinRequest, JoinResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clinrisk.core.scoring.outcomes import Counts, JudgedBatch
    from clinrisk.messages.ingest import Settlement
    from clinrisk.use_cases.base import UseCase


def join(request: JoinRequest, today: dt.date) -> JoinResult:
    """Store what all outcomes that arrived say; return what became of those of one upload, or of all."""
    use_case = use_cases.get(request.use_case)
    arrived = _arrived(use_case.name)
    frames = {name: frame for name, (_, frame) in arrived.items()}
    valid = outcomes.in_force(list(frames.values()))
    judged = dict(_judged(use_case, valid, today))
    by_upload = outcomes.status_by_upload(frames, valid, [batch for _, batch in judged.values()])
    _store_overview(use_case, arrived, judged, by_upload, today)
    # A file that was withdrawn in the meantime has none.
    counts = by_upload.get(request.upload_id) or outcomes.counts_of(outcomes.NOBODY)
    mail = batch_mails.outcomes_unclear(
        use_case.name,
        use_case.title,
        conflicting=counts[OutcomeStatus.CONFLICTING],
        earlier=counts[OutcomeStatus.EARLIER],
    )
    return JoinResult(
        **{str(status): n for status, n in counts.items()},
        announce=bool(counts[OutcomeStatus.CONFLICTING] or counts[OutcomeStatus.EARLIER]),
        subject=mail.subject,
        message=mail.text,
    )


def _arrived(use_case: str) -> dict[str, tuple[Settlement, pl.DataFrame]]:
    """Read every outcomes upload whose rows count, in the order of their arrival, by upload id."""
    bucket, found = settings().lake_bucket, {}
    for upload in uploads.by_arrival(uploads.used(use_case, "outcomes")):
        first = object_keys.outcomes(use_case, upload.upload_id, 0)
        keys = s3.keys_under(bucket, first.rpartition("/")[0] + "/")
        if keys:
            frame = pl.concat([_read(key, ["record_id", "label", "date", "replaces"]) for key in keys])
            found[upload.upload_id] = upload, frame
    return found


def _judged(
    use_case: UseCase, valid: pl.DataFrame, today: dt.date
) -> Iterator[tuple[str, tuple[Settlement, JudgedBatch]]]:
    """Judge and store each scored batch that has outcomes, or had some that were withdrawn."""
    columns = ["record_id", "risk", "flagged", "model_version", *use_case.group_columns]
    bucket = settings().lake_bucket
    predicted_before: dict[str, pl.DataFrame] = {}
    for batch in uploads.used(use_case.name, "inference"):
        predicted = object_keys.predictions(use_case.name, batch.upload_id)
        if batch.schema_version != use_case.schema_version or not s3.keys_under(bucket, predicted):
            continue
        predicted_on = dt.datetime.fromisoformat(batch.settled_at).date()
        predictions = _read(predicted, columns, optional=["learned"])
        version = next(iter(predictions["model_version"]), "")
        before = predicted_before.get(version, outcomes.NOBODY.select("record_id"))
        judged = outcomes.judge(use_case, predictions, predicted_on, valid, today, before)
        # Whose outcome is known by now is all that a later batch has to know.
        named = predictions.select("record_id").join(valid, on="record_id", how="semi")
        predicted_before[version] = pl.concat([before, named]).unique(maintain_order=True)
        key = object_keys.joined(use_case.name, batch.upload_id)
        if judged.patients.is_empty() and not s3.keys_under(bucket, key):
            continue
        scores = None if judged.profile is None else judged.profile.to_dict()
        s3.store_json(
            bucket, key, {"scores": scores, "outcomes": judged.counts, "predicted": judged.predicted}
        )
        yield batch.upload_id, (batch, judged)


def _store_overview(
    use_case: UseCase,
    arrived: Mapping[str, tuple[Settlement, pl.DataFrame]],
    judged: Mapping[str, tuple[Settlement, JudgedBatch]],
    by_upload: Mapping[str, Counts],
    today: dt.date,
) -> None:
    """Store, for data managers, how many patients of each file have which status."""
    document = {
        "use_case": use_case.name,
        "judged_on": today.isoformat(),
        "uploads": [
            {"upload_id": name, "key": upload.key, **by_upload[name]} for name, (upload, _) in arrived.items()
        ],
        "batches": [
            {
                "upload_id": name,
                "key": upload.key,
                "predictions": batch.predictions,
                **batch.counts,
                "waiting_until": None if batch.waiting_until is None else batch.waiting_until.isoformat(),
            }
            for name, (upload, batch) in judged.items()
        ],
    }
    s3.store_json(settings().results_bucket, object_keys.outcome_overview(use_case.name), document)


def _read(key: str, columns: list[str], optional: Sequence[str] = ()) -> pl.DataFrame:
    """Read the columns of a Parquet file, the optional ones where it has them."""
    data = io.BytesIO(s3.fetch_current(s3.uri_of(settings().lake_bucket, key)))
    there = pl.read_parquet_schema(data)
    return pl.read_parquet(data, columns=[*columns, *(name for name in optional if name in there)])
