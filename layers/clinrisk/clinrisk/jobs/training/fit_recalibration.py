"""Fitting the correction of the risks, which is kept only where it is shown to help.

It is tested on patients who did not take part in fitting it: each fold is corrected by the line of the
others, and the 95% interval of the paired gain in log loss must lie above 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.jobs.evaluation.calibration import fit_line
from clinrisk.jobs.evaluation.intervals import mean
from clinrisk.jobs.evaluation.metrics import log_loss_terms
from clinrisk.jobs.models.recalibration import Recalibration

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels

# A line outside this is no correction but a sign that there is nothing to correct.
_SLOPES = (0.1, 10.0)


def fit_recalibration(labels: Labels, risks: Floats) -> Recalibration:
    """Return the line that fits these outcomes best; no correction where none can be fitted."""
    line = fit_line(labels, risks)
    if line is None or not _SLOPES[0] <= line[0] <= _SLOPES[1]:
        return Recalibration()
    return Recalibration(*line)


@dataclass(frozen=True)
class Recalibrated:
    """The correction that the model keeps, the out-of-fold risks that go with it, and what it gains."""

    kept: Recalibration
    scores: Floats
    gain: list[float]
    """Log loss without minus with the correction, [estimate, low, high], on patients outside its fit."""

    def as_json(self) -> dict[str, Any]:
        """Return what the model's card holds about it."""
        kept = self.kept != Recalibration()
        return {
            "kept": kept,
            "slope": self.kept.slope,
            "intercept": self.kept.intercept,
            "log_loss_gain": self.gain,
        }


def recalibrated(labels: Labels, scores: Floats, folds: NDArray[np.int64]) -> Recalibrated:
    """Correct out-of-fold risks where that helps; `scores` and `folds` are (repeats, patients).

    Every repeat's risks come from single models, as the served one is, so the line fits what will be served.
    The given scores are the mean over the repeats.
    """
    corrected = np.empty_like(scores)
    for repeat, (risks, assigned) in enumerate(zip(scores, folds, strict=True)):
        for fold in np.unique(assigned):
            held = assigned == fold
            corrected[repeat, held] = fit_recalibration(labels[~held], risks[~held]).apply(risks[held])
    before = np.mean([log_loss_terms(labels, risks) for risks in scores], axis=0)
    after = np.mean([log_loss_terms(labels, risks) for risks in corrected], axis=0)
    gain = mean(before - after)
    plain: Floats = scores.mean(axis=0)
    if gain.low <= 0:
        return Recalibrated(Recalibration(), plain, gain.as_list())
    every = fit_recalibration(np.tile(labels, len(scores)), scores.ravel())
    better: Floats = corrected.mean(axis=0)
    return Recalibrated(every, better, gain.as_list())
