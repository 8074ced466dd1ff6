"""What do I get? The figures of one model on one set of patients, as JSON-ready [estimate, low, high].

A figure that has no meaning on these patients (one class only, constant risks, too few events) is the word
NOT_EVALUATED, never NaN. Rankings, accuracy of risks, calibration and the threshold each have a function;
`all_figures` puts them together with bootstrap intervals where no closed form is in common use.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.evaluation.calibration import calibration_intercept, calibration_slope, observed_to_expected
from clinrisk.evaluation.intervals import (
    Estimate,
    delong,
    mean,
    percentile,
    pool,
    resample,
    wilson,
    z_value,
)
from clinrisk.evaluation.logistic import sigmoid
from clinrisk.evaluation.metrics import (
    Confusion,
    average_precision_score,
    confusion,
    log_loss_terms,
    net_benefit,
)
from clinrisk.promotion import NOT_EVALUATED

if TYPE_CHECKING:
    from numpy.random import Generator

    from clinrisk.evaluation.metrics import Floats, Labels

Figure = list[float] | str
# Resamples held at one time: few enough to stay in the processor's cache, which is twice as fast.
_AT_ONCE = 40
NAMES = (
    "auc",
    "average_precision",
    "f1",
    "brier",
    "log_loss",
    "calibration_slope",
    "calibration_intercept",
    "observed_to_expected",
    "selection_rate",
    "recall",
    "specificity",
    "false_positive_rate",
    "precision",
    "npv",
    "net_benefit",
)


def figure(estimate: Estimate | None) -> Figure:
    """Give an estimate as JSON carries it: three finite numbers, or NOT_EVALUATED."""
    if estimate is None or not all(map(math.isfinite, estimate.as_list())):
        return NOT_EVALUATED
    return estimate.as_list()


def share(hits: int, trials: int) -> Figure:
    """Give a proportion with Wilson's interval, NOT_EVALUATED when nobody could be counted."""
    return figure(wilson(hits, trials)) if trials else NOT_EVALUATED


def threshold_figures(counts: Confusion, threshold: float) -> dict[str, Figure]:
    """Give what acting at the threshold means: whom it finds, whom it misses, what a flag is worth."""
    negatives = counts.rows - counts.positives
    return {
        "selection_rate": share(counts.flagged, counts.rows),
        "recall": share(counts.tp, counts.positives),
        "specificity": share(counts.tn, negatives),
        "false_positive_rate": share(counts.fp, negatives),
        "precision": share(counts.tp, counts.flagged),
        "npv": share(counts.tn, counts.tn + counts.fn),
        "net_benefit": figure(_net_benefit(counts, threshold)),
    }


def _net_benefit(counts: Confusion, threshold: float) -> Estimate | None:
    """Give net benefit with the interval of a mean: a patient adds 1, minus the odds, or nothing."""
    if counts.rows < 2:
        return None
    odds = threshold / (1 - threshold)
    value = net_benefit(counts, threshold)
    square = (counts.tp + odds**2 * counts.fp) / counts.rows
    reach = z_value() * math.sqrt(max(square - value**2, 0.0) / counts.rows)
    return Estimate(value, value - reach, value + reach)


def ranking_figures(labels: Labels, scores: Floats, minimum_events: int = 2) -> dict[str, Figure]:
    """Give the area under the ROC curve where both classes have enough patients."""
    positives = int(labels.sum())
    enough = min(positives, len(labels) - positives) >= max(minimum_events, 2)
    return {"auc": figure(delong(labels, scores)) if enough else NOT_EVALUATED}


def calibration_figures(labels: Labels, scores: Floats, minimum_events: int = 2) -> dict[str, Figure]:
    """Give calibration slope, intercept and observed : expected where both classes have enough patients."""
    positives = int(labels.sum())
    names = ("calibration_slope", "calibration_intercept", "observed_to_expected")
    if min(positives, len(labels) - positives) < max(minimum_events, 2):
        return dict.fromkeys(names, NOT_EVALUATED)
    return {
        "calibration_slope": figure(calibration_slope(labels, scores)),
        "calibration_intercept": figure(calibration_intercept(labels, scores)),
        "observed_to_expected": figure(observed_to_expected(labels, scores)),
    }


def accuracy_figures(labels: Labels, scores: Floats) -> dict[str, Figure]:
    """Give the two scores of how right each patient's risk is; there must be a patient."""
    return {
        "brier": figure(mean((scores - labels) ** 2)),
        "log_loss": figure(mean(log_loss_terms(labels, scores))),
    }


def small_figures(labels: Labels, scores: Floats, counts: Confusion) -> dict[str, Figure]:
    """Give area under precision-recall and F1 with closed intervals, for groups: no resampling.

    The area's interval is normal on the log odds (Boyd, Eng and Page, 2013); F1 is 2j / (1 + j) of the share
    j of true positives among all who are flagged or have the condition: Wilson's interval of j carries over.
    """
    found: dict[str, Figure] = {"average_precision": NOT_EVALUATED, "f1": NOT_EVALUATED}
    trials = counts.tp + counts.fp + counts.fn
    if 0 < counts.positives < counts.rows:
        area = average_precision_score(labels, scores)
        if 0 < area < 1:
            margin = math.log(area / (1 - area))
            reach = z_value() / math.sqrt(counts.positives * area * (1 - area))
            ends = np.array([margin - reach, margin + reach])
            found["average_precision"] = [area, *sigmoid(ends).tolist()]
    if trials:
        found["f1"] = [2 * share / (1 + share) for share in wilson(counts.tp, trials).as_list()]
    return found


def all_figures(
    labels: Labels, scores: Floats, threshold: float, draws: int, rng: Generator
) -> dict[str, Figure]:
    """Give every figure of one model on one set of patients, in the order of the report."""
    if len(labels) == 0:
        return dict.fromkeys(NAMES, NOT_EVALUATED)
    counts = confusion(labels, scores, threshold)
    figures = ranking_figures(labels, scores)
    if 0 < counts.positives < counts.rows:
        figures |= _resampled(labels, scores, threshold, draws, rng)
    else:
        figures |= dict.fromkeys(("average_precision", "f1"), NOT_EVALUATED)
    figures |= accuracy_figures(labels, scores)
    return figures | calibration_figures(labels, scores) | threshold_figures(counts, threshold)


def _resampled(
    labels: Labels, scores: Floats, threshold: float, draws: int, rng: Generator
) -> dict[str, Figure]:
    """Give the figures whose intervals come from resampling patients: area under precision-recall, F1."""
    cells = pool(labels, scores)
    flagged = cells.scores >= threshold
    areas, f1s = [], []
    for start in range(0, draws, _AT_ONCE):
        positives, negatives = resample(cells, min(_AT_ONCE, draws - start), rng)
        areas.append(average_precisions(positives, negatives))
        tp, fp = positives[:, flagged].sum(axis=1), negatives[:, flagged].sum(axis=1)
        f1s.append(2 * tp / np.maximum(tp + fp + positives.sum(axis=1), 1.0))
    counts = confusion(labels, scores, threshold)
    f1 = 2 * counts.tp / (2 * counts.tp + counts.fp + counts.fn)
    return {
        "average_precision": figure(
            percentile(average_precision_score(labels, scores), np.concatenate(areas))
        ),
        "f1": figure(percentile(f1, np.concatenate(f1s))),
    }


def average_precisions(positives: Floats, negatives: Floats) -> Floats:
    """Give the average precision of each resample, (draws,); cells run from the highest score down."""
    tp = np.cumsum(positives, axis=1)
    flagged = tp + np.cumsum(negatives, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        areas: Floats = np.sum(positives * tp / np.maximum(flagged, 1.0), axis=1) / tp[:, -1]
    return areas
