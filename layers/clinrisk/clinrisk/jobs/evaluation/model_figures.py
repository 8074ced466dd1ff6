"""The figures of one model on one set of patients, as JSON-ready [estimate, low, high].

A figure that has no meaning on these patients (one class only, constant risks, too few events) is the word
NOT_EVALUATED, never NaN. Rankings, accuracy of risks, calibration and the threshold each have a function;
`all_figures` puts them together with bootstrap intervals where no closed form is in common use.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from clinrisk.core.evaluation.estimates import NOT_EVALUATED, Estimate, normal, wilson
from clinrisk.jobs.evaluation import bootstrap
from clinrisk.jobs.evaluation.calibration import (
    calibration_intercept,
    calibration_slope,
    observed_to_expected,
)
from clinrisk.jobs.evaluation.intervals import delong, mean
from clinrisk.jobs.evaluation.metrics import (
    Confusion,
    confusion,
    log_loss_terms,
    net_benefit,
    squared_errors,
)

if TYPE_CHECKING:
    from numpy.random import Generator

    from clinrisk.jobs.evaluation.metrics import Floats, Labels

Figure = list[float] | str
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
    "net_benefit_over_all",
)


def figure(estimate: Estimate | None) -> Figure:
    """Return an estimate as JSON carries it: three finite numbers, or NOT_EVALUATED."""
    if estimate is None or not all(map(math.isfinite, estimate.as_list())):
        return NOT_EVALUATED
    return estimate.as_list()


def share(hits: int, trials: int) -> Figure:
    """Return a proportion with Wilson's interval, NOT_EVALUATED when nobody could be counted."""
    return figure(wilson(hits, trials)) if trials else NOT_EVALUATED


def threshold_figures(counts: Confusion, threshold: float) -> dict[str, Figure]:
    """Return what acting at the threshold means: whom it finds, whom it misses, what a flag is worth."""
    negatives = counts.rows - counts.positives
    return {
        "selection_rate": share(counts.flagged, counts.rows),
        "recall": share(counts.tp, counts.positives),
        "specificity": share(counts.tn, negatives),
        "false_positive_rate": share(counts.fp, negatives),
        "precision": share(counts.tp, counts.flagged),
        "npv": share(counts.tn, counts.tn + counts.fn),
        "net_benefit": figure(_net_benefit(counts, threshold)),
        "net_benefit_over_all": figure(_net_benefit_over_all(counts, threshold)),
    }


def _net_benefit(counts: Confusion, threshold: float) -> Estimate | None:
    """Return net benefit with the interval of a mean: a patient adds 1, minus the odds, or nothing."""
    if counts.rows < 2:
        return None
    odds = threshold / (1 - threshold)
    square = (counts.tp + odds**2 * counts.fp) / counts.rows
    return _mean(net_benefit(counts, threshold), square, counts.rows)


def _net_benefit_over_all(counts: Confusion, threshold: float) -> Estimate | None:
    """Return net benefit minus that of flagging everyone: who is not flagged adds the odds, or minus 1."""
    if counts.rows < 2:
        return None
    odds = threshold / (1 - threshold)
    value = (odds * counts.tn - counts.fn) / counts.rows
    return _mean(value, (odds**2 * counts.tn + counts.fn) / counts.rows, counts.rows)


def _mean(value: float, square: float, rows: int) -> Estimate:
    """Return a mean with its interval, from the mean square of what each patient adds."""
    return normal(value, math.sqrt(max(square - value**2, 0.0) / rows))


def ranking_figures(labels: Labels, scores: Floats, minimum_events: int = 2) -> dict[str, Figure]:
    """Return the area under the ROC curve where both classes have enough patients."""
    positives = int(labels.sum())
    enough = min(positives, len(labels) - positives) >= max(minimum_events, 2)
    return {"auc": figure(delong(labels, scores)) if enough else NOT_EVALUATED}


def calibration_figures(labels: Labels, scores: Floats, minimum_events: int = 2) -> dict[str, Figure]:
    """Return calibration slope, intercept and observed : expected where both classes have enough patients."""
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
    """Return the two scores of how right each patient's risk is; there must be a patient."""
    return {
        "brier": figure(mean(squared_errors(labels, scores))),
        "log_loss": figure(mean(log_loss_terms(labels, scores))),
    }


def resampled_figures(
    labels: Labels, scores: Floats, counts: Confusion, draws: int, rng: Generator, **pooling: int
) -> dict[str, Figure]:
    """Return the figures whose intervals come from resampling patients: area under precision-recall, F1."""
    if not 0 < counts.positives < counts.rows:
        return dict.fromkeys(("average_precision", "f1"), NOT_EVALUATED)
    return {
        "average_precision": figure(bootstrap.average_precision(labels, scores, draws, rng, **pooling)),
        "f1": figure(bootstrap.f1(counts, draws, rng)),
    }


def all_figures(
    labels: Labels, scores: Floats, threshold: float, draws: int, rng: Generator
) -> dict[str, Figure]:
    """Return every figure of one model on one set of patients, in the order of the report."""
    if len(labels) == 0:
        return dict.fromkeys(NAMES, NOT_EVALUATED)
    counts = confusion(labels, scores, threshold)
    figures = ranking_figures(labels, scores) | resampled_figures(labels, scores, counts, draws, rng)
    figures |= accuracy_figures(labels, scores)
    figures |= calibration_figures(labels, scores) | threshold_figures(counts, threshold)
    for name, value in _by_scikit_learn(labels, scores).items():
        if figures[name] != NOT_EVALUATED:
            figures[name] = [value, *figures[name][1:]]
    return figures


def _by_scikit_learn(labels: Labels, scores: Floats) -> dict[str, float]:
    """Return the figures that the promotion bar and the top of the report read, as scikit-learn has them.

    For each of a hundred groups its checks of the input would take longer than all the arithmetic, so there
    the estimate is what the interval already holds: the same number (a test compares them).
    """
    found = {
        "brier": float(brier_score_loss(labels, scores, labels=[0, 1])),
        "log_loss": float(log_loss(labels, scores, labels=[0, 1])),
    }
    if 0 < labels.sum() < len(labels):
        found["auc"] = float(roc_auc_score(labels, scores))
    return found
