"""Outcomes that arrive later: which of them answer a prediction, and the score profile of those.

An outcome has a label and the date at which it was known. A prediction is about a stretch of time that begins
when it is made (`UseCase.horizon_days`); it may be judged when that time is over, cases and others alike:
cases are known earlier, and to count them alone would make every model look blind. numpy and polars.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.profiles.score_profile import score_profile_of
from clinrisk.core.scoring.outcome_status import OutcomeStatus
from clinrisk.use_cases.base import GROUP_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.use_cases.base import UseCase

DAY = dt.timedelta(days=1)
"""Dates are the hospital's own: its calendar may be a day ahead of, or behind, the time of the prediction."""


_COLUMNS = pl.Schema({"record_id": pl.String, "label": pl.Int64, "date": pl.Date, "replaces": pl.Boolean})

NOBODY = pl.DataFrame(schema={"record_id": pl.String, "status": pl.String})

Counts = dict[OutcomeStatus, int]
"""Patients per status; each is in one."""


@dataclass(frozen=True)
class JudgedBatch:
    """The predictions of one batch that have outcomes."""

    predictions: int
    """With or without outcomes."""
    patients: pl.DataFrame
    """record_id, status (text)."""
    predicted: tuple[int, int]
    """Those of patients whom the model had neither predicted before nor learned from, and how many of these
    are flagged."""
    profile: ScoreProfile | None
    """Of those of these that are joined; None when there is none."""
    counted: pl.Series
    """The record ids of the patients whom the profile counts."""
    waiting_until: dt.date | None
    """The day from which no prediction of the batch has to wait for its horizon; None when none waits."""

    @property
    def counts(self) -> Counts:
        """The patients with outcomes per status."""
        return counts_of(self.patients)


def counts_of(patients: pl.DataFrame) -> Counts:
    """Count patients per status.

    >>> counts_of(pl.DataFrame({"status": ["joined", "joined", "waiting"]}))[OutcomeStatus.JOINED]
    2
    """
    found = dict(patients["status"].value_counts().iter_rows())
    return {status: found.get(str(status), 0) for status in OutcomeStatus}


def in_force(uploads: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the outcomes that no later upload replaces: record_id, label, date, arrived (which upload).

    `uploads` are in the order of their arrival: record_id, label, date, replaces. A row that replaces takes
    the place of what arrived earlier for its patient; every other row stands beside it.
    """
    every = pl.concat(
        [frame.select(_COLUMNS.names()).cast(_COLUMNS) for frame in uploads] or [_COLUMNS.to_frame()]
    ).with_columns(arrived=np.repeat(np.arange(len(uploads)), [frame.height for frame in uploads]))
    replaced = pl.col("arrived").filter("replaces").max().over("record_id")
    return every.filter(replaced.is_null() | (pl.col("arrived") >= replaced)).drop("replaces")


def judge(
    use_case: UseCase,
    predictions: pl.DataFrame,
    outcomes: pl.DataFrame,
    today: dt.date,
    predicted_before: pl.DataFrame = NOBODY,
) -> JudgedBatch:
    """Return what the outcomes in force say about the predictions of one batch.

    `predictions` has record_id, risk, flagged, predicted_on, a `group_<attribute>` column per protected
    attribute, and perhaps learned (whether the model learned from the patient; null where it is not known);
    `outcomes` has record_id, label and date. Whether two exclude one another does not depend on the
    prediction; what is dated before it does not answer it, and whoever had the event before it is no longer
    at risk of it. A case counts up to the end of the horizon; a patient without the event counts once
    somebody looked at its end or later. Without a horizon an outcome is final. A model is judged by its first
    prediction for a patient, and by no patient whom it learned from: the profile leaves out both, the former
    by `predicted_before` (record_id).
    """
    if "learned" not in predictions.columns:
        predictions = predictions.with_columns(learned=pl.lit(value=False))
    learned = predictions.filter("learned")["record_id"].implode()
    predicted_on = pl.col("predicted_on")
    answering = pl.col("date") >= predicted_on - DAY
    case, free = pl.col("label") == 1, pl.col("label") == 0
    known = (
        outcomes.join(predictions.select("record_id", "predicted_on").unique(), on="record_id")
        .group_by("record_id", maintain_order=True)
        .agg(
            predicted_on.first(),
            first_case=pl.col("date").filter(case).min(),
            last_free=pl.col("date").filter(free).max(),
            case=pl.col("date").filter(case & answering).min(),
            free=pl.col("date").filter(free & answering).max(),
        )
    )
    case, free, first_case, last_free = map(pl.col, ("case", "free", "first_case", "last_free"))
    conflict = first_case.is_not_null() & last_free.is_not_null()
    earlier = case.is_null() & free.is_null()
    label, wait, end = case.is_not_null(), pl.lit(value=False), predicted_on
    if use_case.horizon_days is not None:
        end = predicted_on + dt.timedelta(days=use_case.horizon_days)
        # Free until a day and a case after it is one course; a case and free on the same day or later is not.
        conflict &= last_free >= first_case
        earlier |= first_case < predicted_on - DAY
        label = case.is_not_null() & (case <= end)
        wait = (end > today) | (~label & (pl.max_horizontal(case, free) < end))
    status = (
        pl.when(conflict)
        .then(pl.lit(OutcomeStatus.CONFLICTING.value))
        .when(earlier.fill_null(value=False))
        .then(pl.lit(OutcomeStatus.EARLIER.value))
        .when(wait)
        .then(pl.lit(OutcomeStatus.WAITING.value))
        .when(pl.col("record_id").is_in(learned))
        .then(pl.lit(OutcomeStatus.LEARNED.value))
        .otherwise(pl.lit(OutcomeStatus.JOINED.value))
    )
    patients = known.select("record_id", status=status, label=label.cast(pl.Int64), end=end)
    joined = patients.filter(pl.col("status") == OutcomeStatus.JOINED).select("record_id", "label")
    waiting = patients.filter((pl.col("status") == OutcomeStatus.WAITING) & (pl.col("end") > today))
    until = max(waiting["end"].to_list(), default=None)
    unseen = predictions.filter(~pl.col("record_id").is_in(learned))
    first = unseen.join(predicted_before, on="record_id", how="anti", maintain_order="left")
    profile = _profile(use_case, first, joined)
    counted = first.join(joined, on="record_id", how="semi")["record_id"]
    patients = patients.select("record_id", "status")
    predicted = first.height, int(first["flagged"].cast(pl.Boolean).sum())
    return JudgedBatch(predictions.height, patients, predicted, profile, counted, until)


def _profile(use_case: UseCase, predictions: pl.DataFrame, labels: pl.DataFrame) -> ScoreProfile | None:
    """Return the score profile of the predictions whose outcome is known, or None when there is none."""
    known = predictions.join(labels, on="record_id", how="inner", maintain_order="left")
    if known.is_empty():
        return None
    return score_profile_of(
        use_case,
        known["risk"].to_numpy(),
        known["flagged"].cast(pl.Boolean).to_numpy(),
        {attribute.name: known[GROUP_PREFIX + attribute.name].to_numpy() for attribute in use_case.protected},
        known["label"].to_numpy(),
    )


def status_by_upload(
    uploads: Mapping[str, pl.DataFrame], valid: pl.DataFrame, batches: Sequence[JudgedBatch]
) -> dict[str, Counts]:
    """Return, per outcomes upload, its patients per status; "" counts those of all uploads, each once.

    `valid` are the outcomes in force. A patient has the most urgent status of its batches.
    """
    order = [str(status) for status in OutcomeStatus]
    ranked = (
        pl.concat([NOBODY, *(batch.patients for batch in batches)])
        .with_columns(pl.col("status").cast(pl.Enum(order)))
        .group_by("record_id")
        .agg(pl.col("status").min())
        .cast({"status": pl.String})
    )

    def count(named: pl.DataFrame, counting: pl.DataFrame) -> Counts:
        counting = counting.select("record_id", counts=True).unique()
        found = named.select("record_id").unique().join(counting, on="record_id", how="left")
        status = pl.col("status").fill_null(OutcomeStatus.UNMATCHED.value)
        replaced = pl.lit(OutcomeStatus.REPLACED.value)
        return counts_of(
            found.join(ranked, on="record_id", how="left").select(
                status=pl.when(pl.col("counts").is_null()).then(replaced).otherwise(status)
            )
        )

    counted = {
        upload: count(frame, valid.filter(pl.col("arrived") == number))
        for number, (upload, frame) in enumerate(uploads.items())
    }
    return {"": count(valid, valid), **counted}
