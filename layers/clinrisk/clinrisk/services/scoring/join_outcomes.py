"""Join Outcomes: give predictions the outcomes and the feedback that answer them, as profiles.

Every batch of the present contract is judged anew from all outcomes in force and all feedback, so that a
repeated or delayed delivery ends in the same bytes, and what waited for its horizon is joined when that is
over: monitoring asks every day. It reads with polars, so only functions with the Frames and Numeric layers
may import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.scoring import batch_mails, outcomes
from clinrisk.core.scoring.feedback import FeedbackStatus
from clinrisk.core.scoring.outcome_status import OutcomeStatus
from clinrisk.messages.scoring import JoinRequest, JoinResult
from clinrisk.services.scoring import join_feedback, stored_rows

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from clinrisk.core.mails import Mail
    from clinrisk.core.scoring.outcomes import Counts, JudgedBatch
    from clinrisk.messages.ingest import Settlement
    from clinrisk.services.scoring.join_feedback import MatchedFeedback
    from clinrisk.use_cases.base import UseCase


def join(request: JoinRequest, today: dt.date) -> JoinResult:
    """Store what all answers that arrived say; return what became of the outcomes of one upload, or of all.

    The mail is about the upload, be it of outcomes or of feedback.
    """
    use_case = use_cases.get(request.use_case)
    columns = ["record_id", "label", "date", "replaces"]
    arrived = stored_rows.answers(use_case.name, "outcomes", object_keys.outcomes, columns)
    frames = {name: frame for name, (_, frame) in arrived.items()}
    valid = outcomes.in_force(list(frames.values()))
    feedback = join_feedback.match(use_case)
    judged = dict(_judged(use_case, valid, feedback, today))
    _store_acted_on(use_case, feedback)
    by_upload = outcomes.status_by_upload(frames, valid, [batch for _, batch in judged.values()])
    overview = _overview(use_case, arrived, judged, by_upload, today) | feedback.overview()
    s3.store_json(settings().results_bucket, object_keys.outcome_overview(use_case.name), overview)
    # A file that was withdrawn in the meantime has none.
    counts = by_upload.get(request.upload_id) or outcomes.counts_of(outcomes.NOBODY)
    mail = _mail(use_case, counts, feedback.counts(request.upload_id))
    return JoinResult(
        **{str(status): n for status, n in counts.items()},
        announce=mail is not None,
        subject=mail.subject if mail else "",
        message=mail.text if mail else "",
    )


def _mail(use_case: UseCase, counts: Counts, responses: Mapping[FeedbackStatus, int]) -> Mail | None:
    """Return the mail about outcomes or feedback of one file that somebody has to look at."""
    name, title = use_case.name, use_case.title
    conflicting, earlier = counts[OutcomeStatus.CONFLICTING], counts[OutcomeStatus.EARLIER]
    if conflicting or earlier:
        return batch_mails.outcomes_unclear(name, title, conflicting=conflicting, earlier=earlier)
    too_early, unmatched = (
        responses.get(status, 0) for status in (FeedbackStatus.EARLIER, FeedbackStatus.UNMATCHED)
    )
    if too_early or unmatched:
        return batch_mails.feedback_unclear(name, title, earlier=too_early, unmatched=unmatched)
    return None


def _judged(
    use_case: UseCase, valid: pl.DataFrame, feedback: MatchedFeedback, today: dt.date
) -> Iterator[tuple[str, tuple[Settlement, JudgedBatch]]]:
    """Judge and store each scored batch that has answers, or had some that were withdrawn."""
    columns = ["record_id", "risk", "flagged", "model_version", *use_case.group_columns]
    bucket = settings().lake_bucket
    predicted_before: dict[str, pl.DataFrame] = {}
    for batch, predictions in stored_rows.predictions(use_case, columns, ["learned"]):
        version = next(iter(predictions["model_version"]), "")
        before = predicted_before.get(version, outcomes.NOBODY.select("record_id"))
        judged = outcomes.judge(use_case, predictions, valid, today, before)
        # Whose outcome is known by now is all that a later batch has to know.
        named = predictions.select("record_id").join(valid, on="record_id", how="semi")
        predicted_before[version] = pl.concat([before, named]).unique(maintain_order=True)
        key = object_keys.joined(use_case.name, batch.upload_id)
        nothing = judged.patients.is_empty()
        # Responses to none of a batch's predictions are a figure, too, once feedback arrives at all.
        if nothing and not feedback.files and not s3.keys_under(bucket, key):
            continue
        document = {
            "scores": None if judged.profile is None else judged.profile.to_dict(),
            "outcomes": judged.counts,
            # Among predictions of a batch without any outcome, none is looked for.
            "predicted": (0, 0) if nothing else judged.predicted,
        }
        responses = feedback.of_batch(use_case, batch.upload_id, predictions, judged.counted)
        s3.store_json(bucket, key, document | responses)
        if not nothing:
            yield batch.upload_id, (batch, judged)


def _store_acted_on(use_case: UseCase, feedback: MatchedFeedback) -> None:
    """Store the patients whose flag was accepted, for the next training set: nothing before any feedback."""
    bucket, key = settings().lake_bucket, object_keys.acted_on(use_case.name)
    if feedback.files or s3.keys_under(bucket, key):
        s3.store_json(bucket, key, sorted(feedback.acted_on))


def _overview(
    use_case: UseCase,
    arrived: Mapping[str, tuple[Settlement, pl.DataFrame]],
    judged: Mapping[str, tuple[Settlement, JudgedBatch]],
    by_upload: Mapping[str, Counts],
    today: dt.date,
) -> dict[str, Any]:
    """Return, for data managers, how many patients of each file have which status."""
    return {
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
