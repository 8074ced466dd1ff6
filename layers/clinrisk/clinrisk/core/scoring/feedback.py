"""What clinicians did with predictions: which prediction a response answers, which response counts, profiles.

A response answers the newest prediction of its patient that was there on its day. Of a role, the latest
response to a prediction counts. Nothing that is dated before every prediction of its patient is believed.
numpy and polars.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.profiles.feedback_profile import BAND, FeedbackProfile, GroupFeedback, Responses
from clinrisk.core.profiles.score_profile import EVERYONE
from clinrisk.use_cases.base import GROUP_PREFIX
from clinrisk.use_cases.feedback_codes import ACCEPTED, NOT_SEEN, OVERRIDDEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.use_cases.base import UseCase

COLUMNS = ("patient", "response", "reason", "role", "date")
PREDICTED = pl.Schema({"patient": pl.String, "batch": pl.String, "predicted_on": pl.Date})
_FILED = pl.Schema(
    {"file": pl.String, "patient": pl.String, "response": pl.String}
    | {"reason": pl.String, "role": pl.String, "date": pl.Date}
)
_DAY = dt.timedelta(days=1)
"""Dates are the hospital's own: its calendar may be a day behind the time of the prediction."""


class FeedbackStatus(StrEnum):
    """What became of a response that arrived."""

    COUNTED = "counted"
    SUPERSEDED = "superseded"
    """A later response of the same role takes its place."""
    EARLIER = "earlier"
    """Dated before every prediction of the patient: it answers none."""
    UNMATCHED = "unmatched"
    """No batch states a risk of the patient."""


def matched(files: Mapping[str, pl.DataFrame], predicted: pl.DataFrame) -> pl.DataFrame:
    """Return every response with its `file`, its `status`, and the `batch` that it answers (null for none).

    `files` holds the COLUMNS of each upload in the order of their arrival, by upload id; `predicted`
    (PREDICTED) when and in which batch each patient was predicted, in the order of the predictions.
    """
    parts = [frame.select(pl.lit(name).alias("file"), *COLUMNS).cast(_FILED) for name, frame in files.items()]
    responses = pl.concat([_FILED.to_frame(), *parts]).with_row_index("number")
    order = ["number", "there", "predicted_on", "order"]
    answers = (
        responses.join(predicted.with_row_index("order"), on="patient")
        .filter(pl.col("date") >= pl.col("predicted_on") - _DAY)
        # What was there on the day itself goes before what only another calendar makes possible.
        .with_columns(there=pl.col("date") >= pl.col("predicted_on"))
        .sort(order)
        .group_by("number", maintain_order=True)
        .agg(pl.col("batch").last())
    )
    found = responses.join(answers, on="number", how="left", maintain_order="left")
    latest = (
        found.filter(pl.col("batch").is_not_null())
        .sort("date", "number")
        .group_by("batch", "patient", "role", maintain_order=True)
        .agg(pl.col("number").last())["number"]
    )
    known = pl.col("patient").is_in(predicted["patient"].implode())
    status = (
        pl.when(pl.col("number").is_in(latest.implode()))
        .then(pl.lit(FeedbackStatus.COUNTED.value))
        .when(pl.col("batch").is_not_null())
        .then(pl.lit(FeedbackStatus.SUPERSEDED.value))
        .when(known)
        .then(pl.lit(FeedbackStatus.EARLIER.value))
        .otherwise(pl.lit(FeedbackStatus.UNMATCHED.value))
    )
    return found.select("file", "batch", *COLUMNS, status=status)


def counts_by_file(responses: pl.DataFrame) -> dict[str, dict[FeedbackStatus, int]]:
    """Return how many responses of each file have which status."""
    found = dict.fromkeys(responses["file"].unique(maintain_order=True))
    counted = responses.group_by("file", "status").len()
    by_status = {(file, status): n for file, status, n in counted.iter_rows()}
    return {
        file: {status: by_status.get((file, str(status)), 0) for status in FeedbackStatus} for file in found
    }


def feedback_profile_of(
    use_case: UseCase, predictions: pl.DataFrame, responses: pl.DataFrame
) -> FeedbackProfile:
    """Return the profile of one batch.

    `predictions` has record_id, risk, flagged and a `group_<attribute>` column per protected attribute;
    `responses` are those of `matched` that answer this batch.
    """
    counted = responses.filter(pl.col("status") == FeedbackStatus.COUNTED)
    seen, overridden = pl.col("response") != NOT_SEEN, pl.col("response") == OVERRIDDEN
    # Whoever saw the risk goes before whoever did not; on one day, an override before an agreement.
    decided = (
        counted.sort(seen, "date", overridden, "role")
        .group_by("patient", maintain_order=True)
        .agg(pl.col("response", "reason").last())
    )
    patients = predictions.join(
        decided, left_on="record_id", right_on="patient", how="left", maintain_order="left"
    )
    by_role = counted.group_by("role", "response").len().sort("role", "response")
    roles: dict[str, dict[str, int]] = {}
    for role, response, n in by_role.iter_rows():
        roles.setdefault(role, {})[response] = n
    reasons = Counter(decided.filter(overridden)["reason"].fill_null("").to_list())
    names = np.array([band.name for band in use_case.bands])
    lowest = [band.lowest_risk for band in use_case.bands[1:]]
    bands = names[np.searchsorted(lowest, predictions["risk"].to_numpy(), side="right")]
    patients = patients.with_columns(pl.Series(BAND, bands))
    attributes = {EVERYONE: pl.lit(EVERYONE), BAND: pl.col(BAND)} | {
        one.name: pl.col(GROUP_PREFIX + one.name) for one in use_case.protected
    }
    groups = {name: _by_group(patients, group) for name, group in attributes.items()}
    return FeedbackProfile(groups, roles, dict(sorted(reasons.items())))


def acted_on(predictions: pl.DataFrame, responses: pl.DataFrame) -> pl.Series:
    """Return the record ids of the patients of a batch whose flag was accepted.

    What was done then may have changed the outcome. Arguments as of `feedback_profile_of`.
    """
    accepted = responses.filter(
        (pl.col("status") == FeedbackStatus.COUNTED) & (pl.col("response") == ACCEPTED)
    )
    flagged = predictions.filter(pl.col("flagged").cast(pl.Boolean))
    return flagged.join(accepted, left_on="record_id", right_on="patient", how="semi")["record_id"]


def _by_group(patients: pl.DataFrame, group: pl.Expr) -> dict[str, GroupFeedback]:
    """Return the responses to the patients of each group, flagged ones and others."""
    counts = (
        patients.select("response", group=group, flagged=pl.col("flagged").cast(pl.Boolean))
        .group_by("group", "flagged", "response")
        .len()
        .sort("group", "flagged", "response")
    )
    found: dict[str, GroupFeedback] = {}
    for name, flagged, response, n in counts.iter_rows():
        one = Responses(predicted=n) if response is None else Responses(n, **{response: n})
        part = GroupFeedback(flagged=one) if flagged else GroupFeedback(others=one)
        found[name] = found.get(name, GroupFeedback()) + part
    return found
