"""The correction of a model's risks, as two numbers: corrected log odds = intercept + slope * log odds.

Logistic recalibration (Cox, 1958) never changes the order of patients. The server of the batch transform
gives the booster's own risks; whoever shows, flags or compares risks calls `Recalibration.apply` with what
the model's clinrisk/model.json holds under "calibration". How it is fitted: `training.fit_recalibration`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, logit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.jobs.evaluation.metrics import Floats


_SMALLEST_RISK = 1e-9


def log_odds(scores: Floats) -> Floats:
    """Return risks as log odds, keeping 0 and 1 finite."""
    margins: Floats = logit(np.clip(scores, _SMALLEST_RISK, 1.0 - _SMALLEST_RISK))
    return margins


@dataclass(frozen=True)
class Recalibration:
    """The line through the log odds; slope 1 and intercept 0 leave every risk as it is."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, risks: Floats) -> Floats:
        """Return the corrected risks, in the order of the given ones.

        >>> Recalibration().apply(np.array([0.0, 0.25, 1.0])).tolist()
        [0.0, 0.25, 1.0]
        """
        if self == Recalibration():
            return risks
        corrected: Floats = expit(self.intercept + self.slope * log_odds(risks))
        return corrected


def of_model(card: Mapping[str, Any]) -> Recalibration:
    """Read the recalibration from a model's own clinrisk/model.json; models of older code have none."""
    found = card.get("calibration") or {}
    return Recalibration(float(found.get("slope", 1.0)), float(found.get("intercept", 0.0)))
