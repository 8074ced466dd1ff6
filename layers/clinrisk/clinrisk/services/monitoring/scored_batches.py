"""The score profiles that checks of scores judge: of each recent batch, of months, and since the release.

What outcomes say of a batch was counted when they were joined, so that thousands of batches cost their
download and a sum. A stored document of another form is no error: its batch has none.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.findings import OF_MONTH, SINCE_RELEASE
from clinrisk.core.monitoring.sequential import Sequential
from clinrisk.core.profiles.feedback_profile import FeedbackProfile, merge_feedback
from clinrisk.core.profiles.score_profile import ScoreProfile, merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from clinrisk.messages.monitoring import Batch, BatchSelection

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)
"""What a document raises that is not of the form that is read."""
_AT_ONCE = 10
"""Downloads at a time: as many as the client has connections."""
_SUMMED = 200
"""Score profiles that are in memory before they are added up."""


@dataclass(frozen=True)
class StoredCounts:
    """What is stored of some predictions: the risks of all, and of those with a known outcome."""

    scores: ScoreProfile | None = None
    labelled: ScoreProfile | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    """Patients per status of their outcomes."""
    predicted: tuple[int, int] = (0, 0)
    """Predictions among which outcomes are looked for, and the flagged ones."""
    sequential: Sequential = field(default_factory=Sequential)
    feedback: FeedbackProfile | None = None
    """What clinicians did with them; None where no feedback has arrived."""
    acted_on: int = 0
    """Those with a known outcome whose flag was accepted."""


def read(selection: BatchSelection) -> Iterator[tuple[str, StoredCounts | None]]:
    """Yield each recent batch, then the newest months with outcomes, then all since the release, by name.

    None is what cannot be read. Months are left out where there is one, and all of them where there is but
    one batch: they would be judged twice.
    """
    recent: list[ScoreProfile] = []
    for batch in selection.batches:
        found = _of_batch(batch)
        if found is not None and found.scores is not None:
            recent.append(found.scores)
        yield batch.key, found
    of_months = months(selection)
    known = [month for month in of_months if of_months[month].labelled is not None]
    for month in sorted(known)[-LIMITS.monitored_months :] if len(known) > 1 else []:
        yield f"{OF_MONTH}{month}", replace(of_months[month], sequential=Sequential(growing=True))
    if len(selection.batches) > 1:
        everything = added(of_months.values())
        scores = merge(recent) if recent else None
        yield (
            SINCE_RELEASE,
            replace(everything, scores=scores, sequential=Sequential(growing=True)),
        )


def _of_batch(batch: Batch) -> StoredCounts | None:
    try:
        scores = None if batch.score_profile is None else unseen_scores(_read(batch.score_profile))
        joined = StoredCounts() if batch.joined is None else joined_counts(_read(batch.joined))
    except UNREADABLE:
        return None
    predicted = joined.predicted
    if scores is not None and not any(predicted):
        predicted = scores.everyone.n, scores.everyone.flagged
    return StoredCounts(scores, joined.labelled, joined.outcomes, predicted, Sequential(batch.number))


def unseen_scores(document: Any) -> ScoreProfile:
    """Return the counts of a score profile as it is stored, of the patients whom the model has not seen.

    The approved figures are those of patients out of fold: what the model learned from compares with nothing.
    """
    return ScoreProfile.from_dict(document).without_learned()


def months(selection: BatchSelection) -> dict[str, StoredCounts]:
    """Return what is known of the live model's predictions, per month in which they were made."""
    if selection.with_outcomes is None:
        return {}
    listed = s3.fetch_json(selection.with_outcomes)["batches"]
    bucket, found = settings().lake_bucket, defaultdict[str, list[StoredCounts]](list)
    uris = [s3.uri_of(bucket, object_keys.joined(selection.use_case, one["upload_id"])) for one in listed]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for one, text in zip(listed, threads.map(s3.fetch_current, uris), strict=True):
            try:
                parts = found[one["month"]]
                parts.append(joined_counts(json.loads(text)))
            except UNREADABLE:
                continue
            if len(parts) >= _SUMMED:
                parts[:] = [added(parts)]
    return {month: added(parts) for month, parts in found.items()}


def joined_counts(document: Any) -> StoredCounts:
    """Return what a document of Join Outcomes holds; earlier ones do not count the predictions."""
    scores = document["scores"]
    rows, flagged = document.get("predicted", (0, 0))
    labelled = None if scores is None else ScoreProfile.from_dict(scores)
    feedback = FeedbackProfile.from_dict(document["feedback"]) if "feedback" in document else None
    return StoredCounts(
        None,
        labelled,
        Counter(document["outcomes"]),
        (rows, flagged),
        feedback=feedback,
        acted_on=document.get("acted_on", 0),
    )


def added(parts: Iterable[StoredCounts]) -> StoredCounts:
    """Return the sum of what is known of several batches, in any order, without the risks of all."""
    every = list(parts)
    labelled = [part.labelled for part in every if part.labelled is not None]
    return StoredCounts(
        None,
        merge(labelled) if labelled else None,
        sum((part.outcomes for part in every), Counter()),
        (sum(part.predicted[0] for part in every), sum(part.predicted[1] for part in every)),
        feedback=merge_feedback(part.feedback for part in every if part.feedback is not None),
        acted_on=sum(part.acted_on for part in every),
    )


def _read(uri: str) -> Any:
    return json.loads(s3.fetch_current(uri))
