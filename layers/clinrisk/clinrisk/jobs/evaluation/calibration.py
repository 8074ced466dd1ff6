"""Calibration: whether of 100 patients with a risk of 20% about 20 have the condition.

Sources: Cox (1958) for the slope and intercept of outcomes on the log odds of the risks; Van Calster et al.
(2016, 2019) for the hierarchy (in the large, weak, smoothed curve); Cochran (1977, chapter 6) for the
interval of a ratio of two sums over the same patients, on the log scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from clinrisk.core.evaluation.estimates import Estimate, normal, wilson, z_value
from clinrisk.jobs.evaluation.intervals import pool
from clinrisk.jobs.models.recalibration import log_odds

if TYPE_CHECKING:
    from clinrisk.jobs.evaluation.metrics import Floats, Labels

# Beyond this the risks all but separate the outcomes, and the slope could as well be infinite.
_LARGEST_SLOPE = 50.0
# scikit-learn 1.8 warns of every way to ask for no penalty; a penalty this weak moves no digit.
_NO_PENALTY = 1e15
# Log odds far beyond those that risks are allowed: the intercept lies between them.
_FURTHEST_SHIFT = 60.0


def fit_line(labels: Labels, scores: Floats) -> tuple[float, float] | None:
    """Return slope and intercept of the outcomes' log odds on those of the risks (Cox, 1958).

    None where no such line exists: one outcome only, risks that do not vary, or risks that separate the
    outcomes, whose slope would grow for ever.
    """
    margins = log_odds(scores)
    cases, others = margins[labels == 1], margins[labels == 0]
    if not len(cases) or not len(others) or np.ptp(margins) < 1e-9:
        return None
    if others.max() <= cases.min() or cases.max() <= others.min():
        return None
    solver = LogisticRegression(C=_NO_PENALTY, solver="newton-cholesky", tol=1e-11, max_iter=1000)
    fitted = solver.fit(margins[:, None], labels)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def calibration_slope(labels: Labels, scores: Floats) -> Estimate | None:
    """Return the slope of outcomes on log odds: 1 is right, below 1 the risks are too extreme.

    None where `fit_line` finds no line. The interval is Wald's, from the information matrix.
    """
    line = fit_line(labels, scores)
    if line is None or abs(line[0]) > _LARGEST_SLOPE:
        return None
    slope, intercept = line
    margins = log_odds(scores)
    risks = expit(slope * margins + intercept)
    weights = risks * (1 - risks)
    centre = float(np.average(margins, weights=weights))
    information = float(np.sum(weights * (margins - centre) ** 2))
    return normal(slope, 1 / math.sqrt(information))


def calibration_intercept(labels: Labels, scores: Floats) -> Estimate | None:
    """Return calibration in the large, in log odds: 0 is right, above 0 the risks are too low overall.

    It is the shift of the log odds after which as many cases are expected as were observed; None where only
    one outcome was.
    """
    observed = int(labels.sum())
    if not 0 < observed < len(labels):
        return None
    margins = log_odds(scores)

    def too_many(shift: float) -> float:
        return float(expit(margins + shift).sum()) - observed

    shift = brentq(too_many, -_FURTHEST_SHIFT, _FURTHEST_SHIFT, xtol=1e-13)
    risks = expit(margins + shift)
    return normal(float(shift), 1 / math.sqrt(float(np.sum(risks * (1 - risks)))))


def observed_to_expected(labels: Labels, scores: Floats) -> Estimate | None:
    """Return observed cases divided by the sum of risks: 1 is right, above 1 the risks are too low."""
    return ratio_of_sums(labels.astype(np.float64), scores)


def ratio_of_sums(top: Floats, bottom: Floats) -> Estimate | None:
    """Return the sum of `top` over that of `bottom`, one term of each per patient; None where either is 0.

    The interval takes account of the pairs: where the risks explain the outcomes it is narrower than that of
    the observed cases alone.
    """
    above, below = float(top.sum()), float(bottom.sum())
    if above <= 0 or below <= 0:
        return None
    reach = math.exp(z_value() * math.sqrt(float(np.sum((top / above - bottom / below) ** 2))))
    return Estimate(above / below, above / below / reach, above / below * reach)


@dataclass(frozen=True)
class CurvePoint:
    """Patients of similar risk: how many, their mean risk, and the share who had the condition."""

    rows: int
    risk: float
    observed: Estimate


def calibration_points(labels: Labels, scores: Floats, groups: int = 10) -> list[CurvePoint]:
    """Return up to `groups` groups of rising risk, about equal in size, with Wilson intervals.

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


def risk_histogram(labels: Labels, scores: Floats, bins: int = 20) -> dict[str, list[float] | list[int]]:
    """Return equal bins of risk, and how many patients of each outcome are in each.

    They end where 99 of 100 patients lie; the last one holds those beyond, too.
    """
    highest = float(np.quantile(scores, 0.99)) if len(scores) else 0.0
    top = min(1.0, max(0.05, math.ceil(highest * 20) / 20))
    edges = np.linspace(0.0, top, bins + 1)
    counted = {
        name: np.histogram(np.minimum(scores[labels == label], top), edges)[0].tolist()
        for name, label in (("with_condition", 1), ("without_condition", 0))
    }
    return {"edges": [round(edge, 6) for edge in edges.tolist()], **counted}


def smoothed_curve(
    labels: Labels, scores: Floats, points: int = 40
) -> list[tuple[float, float, float, float]]:
    """Return (risk, smoothed observed share, low, high): a Gaussian kernel over log odds (Copas, 1983).

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
    for risk, share, trials in zip(expit(grid), observed, worth, strict=True):
        found = wilson(float(share * trials), float(trials))
        curve.append((float(risk), found.value, found.low, found.high))
    return curve
