"""What clinicians did with predictions: the part of Join Outcomes that is about feedback.

It reads with polars, so only functions with the Frames and Numeric layers may import it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from clinrisk.core import object_keys
from clinrisk.core.scoring import feedback
from clinrisk.services.scoring import stored_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.core.scoring.feedback import FeedbackStatus
    from clinrisk.messages.ingest import Settlement
    from clinrisk.use_cases.base import UseCase


@dataclass(frozen=True)
class MatchedFeedback:
    """All responses that arrived, with the batches that they answer."""

    files: Mapping[str, Settlement]
    responses: pl.DataFrame
    acted_on: set[str] = field(default_factory=set)
    """Of the batches that `of_batch` has seen, the patients whose flag was accepted."""

    def counts(self, upload_id: str) -> dict[FeedbackStatus, int]:
        """Return how many responses of a file have which status; nothing of a file that does not count."""
        return feedback.counts_by_file(self.responses).get(upload_id, {})

    def of_batch(
        self, use_case: UseCase, batch: str, predictions: pl.DataFrame, counted: pl.Series
    ) -> dict[str, Any]:
        """Return what a batch's document states of feedback: nothing where no file has arrived."""
        if not self.files:
            return {}
        answers = self.responses.filter(pl.col("batch") == batch)
        profile = feedback.feedback_profile_of(use_case, predictions, answers)
        acted_on = feedback.acted_on(predictions, answers)
        self.acted_on.update(acted_on.to_list())
        return {
            "feedback": profile.to_dict(),
            "acted_on": int(acted_on.is_in(counted.implode()).sum()),
        }

    def overview(self) -> dict[str, Any]:
        """Return, for data managers, what became of the responses of each file."""
        if not self.files:
            return {}
        counts = feedback.counts_by_file(self.responses)
        listed = [
            {"upload_id": name, "key": upload.key, **counts.get(name, {})}
            for name, upload in self.files.items()
        ]
        return {"feedback": listed}


def match(use_case: UseCase) -> MatchedFeedback:
    """Match every response whose file counts to the prediction that it answers."""
    arrived = stored_rows.answers(use_case.name, "feedback", object_keys.feedback, list(feedback.COLUMNS))
    files = {name: frame for name, (_, frame) in arrived.items()}
    named = [feedback.PREDICTED.to_frame()]
    if files:
        patients = pl.concat([frame["patient"] for frame in files.values()]).unique().implode()
        named += [
            predictions.filter(pl.col("record_id").is_in(patients)).select(
                patient="record_id", batch=pl.lit(batch.upload_id), predicted_on="predicted_on"
            )
            for batch, predictions in stored_rows.predictions(use_case, ["record_id"])
        ]
    responses = feedback.matched(files, pl.concat(named))
    return MatchedFeedback({name: upload for name, (upload, _) in arrived.items()}, responses)
