"""The result of a check on a batch, and the material that checks judge.

The checks themselves are modules of this package, listed in `checks`. Standard library and numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from clinrisk.core.monitoring.sequential import Sequential

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.random import Generator

    from clinrisk.core.profiles.feature_profile import Profile
    from clinrisk.core.profiles.score_profile import ScoreProfile


TOGETHER = "all recent batches together"
"""The name under which recent batches that do not alert alone are judged as one."""
OF_MONTH = "predictions of "
"""Before a month, the name under which the known outcomes of its predictions are judged as one."""
SINCE_RELEASE = "all predictions since the release"
"""The name under which all known outcomes of the live model's predictions are judged as one."""


class CheckVerdict(StrEnum):
    """How a check can end; NOT_EVALUATED where the data cannot decide."""

    OK = "OK"
    ALERT = "ALERT"
    NOT_EVALUATED = "NOT_EVALUATED"


class Check(StrEnum):
    """The names of the checks, as findings, metrics and alarms carry them."""

    QUALITY = "quality"
    DRIFT = "drift"
    PERFORMANCE = "performance"
    BIAS = "bias"


@dataclass(frozen=True)
class CheckFinding:
    """What one check found in one batch; the detail holds counts and shares, no value of a row."""

    check: Check
    verdict: CheckVerdict
    statistic: float | None
    """The number that the rule judged, rounded for people; None when nothing was computed."""
    threshold: float
    """The limit of the rule; the detail says what it limits."""
    detail: str


@dataclass(frozen=True)
class ProfileMaterial:
    """The rows of a batch: its profile, that of the training data, and how many rows were quarantined."""

    reference: Profile
    current: Profile
    quarantined: int
    """Rows of the batch that `current` does not count."""
    rng: Generator
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    """evaluation.json of the approved model, parsed."""
    scores: ScoreProfile | None = None
    """None while the batch is not scored."""
    sequential: Sequential = field(default_factory=Sequential)


@dataclass(frozen=True)
class ScoreMaterial:
    """The scores of a batch, with outcomes where they are known, and the evaluation of the approved model."""

    evaluation: Mapping[str, Any]
    """evaluation.json, parsed."""
    scores: ScoreProfile | None
    """Of all its patients; None while the batch is not scored."""
    rng: Generator
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Patients per status of their outcomes, where some have arrived (core.scoring.outcomes)."""
    labelled: ScoreProfile | None = None
    """Of the patients whose outcomes are known; None where there is none."""
    predicted: tuple[int, int] = (0, 0)
    """Patients with a risk among whom those are, and the flagged ones."""
    sequential: Sequential = field(default_factory=Sequential)


def not_evaluated(check: Check, threshold: float, why: str) -> CheckFinding:
    """Return a finding that states why the check could not be made.

    >>> not_evaluated(Check.DRIFT, 0.25, "The batch has 7 rows; 20 are needed.").verdict
    <CheckVerdict.NOT_EVALUATED: 'NOT_EVALUATED'>
    """
    return CheckFinding(check, CheckVerdict.NOT_EVALUATED, None, threshold, why)
