"""What can become of an outcome that arrived. Standard library only, as monitoring has no polars."""

from __future__ import annotations

from enum import StrEnum


class OutcomeStatus(StrEnum):
    """What became of the outcomes of one patient in one batch, the most urgent first."""

    CONFLICTING = "conflicting"
    """Two of them exclude one another: none counts until one of them is replaced or withdrawn."""
    JOINED = "joined"
    LEARNED = "learned"
    """Known, of a patient whom the model learned from: no proof that it is right about others."""
    WAITING = "waiting"
    """The time that the prediction is about is not over, or nobody looked after it was over."""
    EARLIER = "earlier"
    """Dated before the prediction: they do not answer it, or the patient had had the event by then."""
    REPLACED = "replaced"
    """A later row takes their place."""
    UNMATCHED = "unmatched"
    """No batch has a prediction for the patient."""
