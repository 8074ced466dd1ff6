"""Counts at a threshold and what single patients add to a figure; the figures themselves are scikit-learn's.

Scores are risks in [0, 1], labels are 0 or 1. An interval needs what each patient adds to a mean, which
scikit-learn does not give. The area under precision and recall is in `bootstrap`, all figures of a model in
`model_figures`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

# A risk of exactly 0 or 1 makes the log loss infinite; scikit-learn clips at the same machine epsilon.
_SMALLEST_RISK = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Confusion:
    """How many patients were flagged, rightly and wrongly, at one threshold."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def rows(self) -> int:
        """Number of patients."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def positives(self) -> int:
        """Number of patients with the condition."""
        return self.tp + self.fn

    @property
    def flagged(self) -> int:
        """Number of patients at or above the threshold."""
        return self.tp + self.fp


def confusion(labels: Labels, scores: Floats, threshold: float) -> Confusion:
    """Count the patients flagged (score >= threshold) by what they turned out to have."""
    flagged = scores >= threshold
    positive = labels == 1
    tp = int(np.count_nonzero(flagged & positive))
    fp = int(np.count_nonzero(flagged)) - tp
    fn = int(np.count_nonzero(positive)) - tp
    return Confusion(tp=tp, fp=fp, fn=fn, tn=len(labels) - tp - fp - fn)


def squared_errors(labels: Labels, scores: Floats) -> Floats:
    """Return each patient's squared distance between risk and outcome; their mean is the Brier score."""
    errors: Floats = (scores - labels) ** 2
    return errors


def log_loss_terms(labels: Labels, scores: Floats) -> Floats:
    """Return each patient's negative log likelihood; their mean is the log loss."""
    clipped = np.clip(scores, _SMALLEST_RISK, 1.0 - _SMALLEST_RISK)
    terms: Floats = -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))
    return terms


def net_benefit(counts: Confusion, threshold: float) -> float:
    """Return the net share of patients helped by acting at a threshold (Vickers and Elkin, 2006).

    A needless action is weighed against a missed patient by the odds of the threshold itself.
    """
    odds = threshold / (1.0 - threshold)
    return (counts.tp - odds * counts.fp) / counts.rows


def roc_points(labels: Labels, scores: Floats, limit: int = 200) -> list[tuple[float, float]]:
    """Return (false positive rate, true positive rate) from (0, 0) to (1, 1), at most `limit` points.

    Both outcomes must be there.
    """
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    keep = np.unique(np.linspace(0, len(tpr) - 1, min(limit, len(tpr))).round().astype(np.int64))
    return [(float(x), float(y)) for x, y in zip(fpr[keep], tpr[keep], strict=True)]
