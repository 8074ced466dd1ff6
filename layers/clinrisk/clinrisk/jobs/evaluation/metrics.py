"""What do I get? Discrimination, accuracy of risks, and the counts at a threshold; numpy only.

`*_score` is better when higher, `*_error` when lower. scikit-learn is the oracle of every function in
tests/unit/evaluation. Scores are risks in [0, 1], labels are 0 or 1; both classes must be there where
a function says so, and the caller answers NOT_EVALUATED otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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


def midranks(values: Floats) -> Floats:
    """Rank values from 1, ties sharing the mean of their ranks."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], len(values)]
    ranks = np.empty(len(values), dtype=np.float64)
    ranks[order] = np.repeat((starts + ends + 1) / 2.0, ends - starts)
    return ranks


def auc_score(labels: Labels, scores: Floats) -> float:
    """Give the chance that a patient with the condition outranks one without (both must exist).

    Mann and Whitney (1947): the area under the ROC curve from ranks, ties counting half.

    >>> auc_score(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    0.75
    """
    positive = labels == 1
    m = int(np.count_nonzero(positive))
    n = len(labels) - m
    rank_sum = float(midranks(scores)[positive].sum())
    return (rank_sum - m * (m + 1) / 2.0) / (m * n)


def average_precision_score(labels: Labels, scores: Floats) -> float:
    """Give the area under the precision-recall curve as the step sum that scikit-learn uses."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last_of_tie = np.r_[ordered[1:] != ordered[:-1], True]
    tp = np.cumsum(labels[order] == 1)[last_of_tie]
    flagged = np.flatnonzero(last_of_tie) + 1
    recall_steps = np.diff(np.r_[0, tp]) / tp[-1]
    return float(np.sum(recall_steps * tp / flagged))


def brier_error(labels: Labels, scores: Floats) -> float:
    """Give the mean squared distance between risk and outcome (Brier, 1950)."""
    return float(np.mean((scores - labels) ** 2))


def log_loss_terms(labels: Labels, scores: Floats) -> Floats:
    """Give each patient's negative log likelihood; its mean is the log loss."""
    clipped = np.clip(scores, _SMALLEST_RISK, 1.0 - _SMALLEST_RISK)
    terms: Floats = -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))
    return terms


def log_loss_error(labels: Labels, scores: Floats) -> float:
    """Give the mean negative log likelihood of the outcomes under the risks."""
    return float(np.mean(log_loss_terms(labels, scores)))


def net_benefit(counts: Confusion, threshold: float) -> float:
    """Give the net share of patients helped by acting at a threshold (Vickers and Elkin, 2006).

    A needless action is weighed against a missed patient by the odds of the threshold itself.
    """
    odds = threshold / (1.0 - threshold)
    return (counts.tp - odds * counts.fp) / counts.rows


def roc_points(labels: Labels, scores: Floats, limit: int = 200) -> list[tuple[float, float]]:
    """Give (false positive rate, true positive rate) pairs from (0, 0) to (1, 1), at most about `limit`."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last_of_tie = np.r_[ordered[1:] != ordered[:-1], True]
    positive = labels[order] == 1
    tpr = np.r_[0, np.cumsum(positive)[last_of_tie]] / max(int(positive.sum()), 1)
    fpr = np.r_[0, np.cumsum(~positive)[last_of_tie]] / max(int((~positive).sum()), 1)
    keep = np.unique(np.linspace(0, len(tpr) - 1, min(limit, len(tpr))).round().astype(np.int64))
    return [(float(x), float(y)) for x, y in zip(fpr[keep], tpr[keep], strict=True)]
