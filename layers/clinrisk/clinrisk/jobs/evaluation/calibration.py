"""What do I get? Whether a risk of 20% means that 20 of 100 such patients have the condition.

Sources: Cox (1958) for the slope and intercept of outcomes on the log odds of the risks; Van Calster et al.
(2016, 2019) for the hierarchy (in the large, weak, smoothed curve); Debray et al. (2017) for the interval of
the observed : expected ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.evaluation.estimates import Estimate, normal, wilson, z_value
from clinrisk.jobs.evaluation.intervals import pool
from clinrisk.jobs.models.baseline import fit_line, sigmoid

if TYPE_CHECKING:
    from clinrisk.jobs.evaluation.metrics import Floats, Labels

_SMALLEST_RISK = 1e-9
# Beyond this the outcomes are separated by the risks and no slope can be told from infinity.
_LARGEST_SLOPE = 50.0


def log_odds(scores: Floats) -> Floats:
    """Turn risks into log odds, keeping 0 and 1 finite."""
    clipped = np.clip(scores, _SMALLEST_RISK, 1.0 - _SMALLEST_RISK)
    margins: Floats = np.log(clipped) - np.log1p(-clipped)
    return margins


def calibration_slope(labels: Labels, scores: Floats) -> Estimate | None:
    """Give the slope of outcomes on log odds: 1 is right, below 1 the risks are too extreme.

    None where the risks or the outcomes do not vary, or the risks separate the outcomes: no slope exists.
    """
    margins = log_odds(scores)
    if np.ptp(margins) < 1e-9 or not 0 < int(labels.sum()) < len(labels):
        return None
    inputs = np.column_stack([margins, np.ones(len(margins))])
    slope, intercept = fit_line(inputs, labels, np.zeros(2), start=np.array([1.0, 0.0]))
    if abs(slope) > _LARGEST_SLOPE:
        return None
    risks = sigmoid(inputs @ np.array([slope, intercept]))
    weights = risks * (1 - risks)
    centre = float(np.average(margins, weights=weights))
    information = float(np.sum(weights * (margins - centre) ** 2))
    return normal(float(slope), 1 / math.sqrt(information)) if information > 0 else None


def calibration_intercept(labels: Labels, scores: Floats) -> Estimate | None:
    """Give calibration in the large, in log odds: 0 is right, above 0 the risks are too low on the whole."""
    if not 0 < int(labels.sum()) < len(labels):
        return None
    margins = log_odds(scores)
    intercept = float(fit_line(np.ones((len(labels), 1)), labels, np.zeros(1), offset=margins)[0])
    risks = sigmoid(margins + intercept)
    return normal(intercept, 1 / math.sqrt(float(np.sum(risks * (1 - risks)))))


def observed_to_expected(labels: Labels, scores: Floats) -> Estimate | None:
    """Give observed cases divided by the sum of risks: 1 is right, above 1 the risks are too low."""
    observed = int(labels.sum())
    expected = float(scores.sum())
    if observed == 0 or expected <= 0:
        return None
    ratio = observed / expected
    reach = math.exp(z_value() * math.sqrt((1 - observed / len(labels)) / observed))
    return Estimate(ratio, ratio / reach, ratio * reach)


@dataclass(frozen=True)
class CurvePoint:
    """Patients of similar risk: how many, their mean risk, and the share who had the condition."""

    rows: int
    risk: float
    observed: Estimate


def calibration_points(labels: Labels, scores: Floats, groups: int = 10) -> list[CurvePoint]:
    """Give up to `groups` groups of rising risk, about equal in size, with Wilson intervals.

    Patients of the same risk stay together, so their order changes nothing.
    """
    if len(labels) == 0:
        return []
    _, cell, counts = np.unique(scores, return_inverse=True, return_counts=True)
    wanted = max(1, min(groups, len(labels) // 20))
    _, group = np.unique((np.cumsum(counts) - counts) * wanted // len(labels), return_inverse=True)
    member = group[cell]
    rows = np.bincount(member)
    risks = np.bincount(member, weights=scores) / rows
    hits = np.bincount(member, weights=labels)
    return [
        CurvePoint(int(count), float(risk), wilson(float(hit), int(count)))
        for count, risk, hit in zip(rows, risks, hits, strict=True)
    ]


def smoothed_curve(
    labels: Labels, scores: Floats, points: int = 40
) -> list[tuple[float, float, float, float]]:
    """Give (risk, smoothed observed share, low, high): a Gaussian kernel over log odds (Copas, 1983).

    The bandwidth is Silverman's; the ends stop at the 1st and 99th percentile, where the patients do. The
    interval is Wilson's for as many patients as the kernel's weights are worth (Kish, 1965).
    """
    cells = pool(labels, scores, limit=2000, cells=2000)
    margins, totals = log_odds(cells.scores), (cells.positives + cells.negatives).astype(np.float64)
    middle = float(np.average(margins, weights=totals))
    spread = math.sqrt(float(np.average((margins - middle) ** 2, weights=totals)))
    if spread < 1e-9:
        return []
    bandwidth = 1.06 * spread * cells.rows ** (-0.2)
    low, high = np.quantile(np.repeat(margins, np.minimum(totals, 50).astype(np.int64)), [0.01, 0.99])
    grid = np.linspace(low, high, points)
    kernel = np.exp(-0.5 * ((grid[:, None] - margins[None, :]) / bandwidth) ** 2)
    weights = kernel @ totals
    observed = (kernel @ cells.positives) / weights
    worth = weights**2 / (kernel**2 @ totals)
    curve = []
    for risk, share, trials in zip(sigmoid(grid), observed, worth, strict=True):
        found = wilson(float(share * trials), float(trials))
        curve.append((float(risk), found.value, found.low, found.high))
    return curve
