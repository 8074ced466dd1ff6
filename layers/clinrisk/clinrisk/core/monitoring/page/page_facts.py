"""What the page of a live model is made from: stored counts, findings and the live pointer. No patient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clinrisk.core.training.promotion import CANDIDATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.monitoring.changes import Change
    from clinrisk.core.monitoring.page.outcome_figures import OutcomeFigures
    from clinrisk.core.profiles.feedback_profile import FeedbackProfile
    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.messages.live_changes import Pause
    from clinrisk.messages.monitoring import Batch, Finding, KnownFinding
    from clinrisk.messages.release import LiveModel


@dataclass(frozen=True)
class PastRelease:
    """One version that was live, or is, and its approved figures."""

    live_version: int
    promoted_at: str
    run_id: str
    restores: int
    """The version that it made live again; 0 where it was released for the first time."""
    approved: Mapping[str, Any]
    """The figures of the model in evaluation.json; empty where it cannot be read any more."""

    @classmethod
    def of(cls, item: Mapping[str, Any], evaluation: Mapping[str, Any]) -> PastRelease:
        """Return a version as the table has it, with its evaluation."""
        restores = (item.get("rollback") or {}).get("restores", 0)
        figures = (evaluation.get("models") or {}).get(CANDIDATE, {})
        return cls(item["live_version"], item["promoted_at"], item["run_id"], restores, figures)


@dataclass(frozen=True)
class PageFacts:
    """Everything that one edition of the page shows."""

    live: LiveModel
    evaluation: Mapping[str, Any]
    """evaluation.json of the approved model, parsed."""
    made_at: str
    run: str
    """The name of the monitoring run."""
    scored: ScoreProfile | None
    """The risks of the recent batches together."""
    labelled: ScoreProfile | None
    """Of all predictions since the release whose outcomes are known."""
    predicted: tuple[int, int]
    """Predictions since the release among which outcomes are looked for, and the flagged ones."""
    outcomes: Mapping[str, int]
    """Patients per status of their outcomes."""
    months: Sequence[OutcomeFigures]
    """By month of prediction, oldest first."""
    since_release: OutcomeFigures
    known: Sequence[KnownFinding]
    findings: Sequence[Finding]
    """Those of this run."""
    batches: Sequence[Batch]
    """Newest first."""
    changes: Sequence[Sequence[Change]]
    """Of each batch that has a profile, oldest first."""
    releases: Sequence[PastRelease]
    """Newest first."""
    feedback: FeedbackProfile | None = None
    """What clinicians did with all predictions since the release; None where no feedback has arrived."""
    acted_on: int = 0
    """Patients with a known outcome whose flag was accepted."""
    feedback_months: Mapping[str, FeedbackProfile] = field(default_factory=dict)
    """The same by month of prediction."""
    pause: Pause | None = None
    """The one that lasts, if there is one."""

    @property
    def approved(self) -> Mapping[str, Any]:
        """The approved figures of the live model."""
        figures: Mapping[str, Any] = self.evaluation["models"][CANDIDATE]
        return figures
