"""The candidate against another model on the same patients, with paired intervals.

Every difference is candidate minus the other; expected cases are compared as a ratio. Areas: DeLong's paired
interval. All the rest is a mean over patients of what one patient contributes under each model, so its
interval is that of a mean difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.jobs.evaluation.calibration import ratio_of_sums
from clinrisk.jobs.evaluation.intervals import delong_difference, mean
from clinrisk.jobs.evaluation.metrics import log_loss_terms, squared_errors
from clinrisk.jobs.evaluation.model_figures import figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels

NAMES = ("auc", "brier", "log_loss", "recall", "specificity", "net_benefit", "expected_cases")


def known(scores: Floats) -> NDArray[np.bool_]:
    """Return whether each patient has a score: the live model may not be able to judge every one honestly."""
    return np.isfinite(scores)


def paired(labels: Labels, first: Floats, second: Floats, cut: float, other_cut: float) -> dict[str, Any]:
    """Return every difference between two models, each flagging at its cut, on those whom both scored.

    Net benefit weighs a needless action by the odds of the first model's cut for both. `expected_cases` is
    the ratio of the sums of risks: 1 where both expect as many cases.
    """
    both = known(first) & known(second)
    labels, first, second = labels[both], first[both], second[both]
    positive = labels == 1
    positives, rows = int(positive.sum()), len(labels)
    found: dict[str, Any] = {"patients": rows, "positives": positives} | dict.fromkeys(NAMES, NOT_EVALUATED)
    if rows < 2:
        return found
    flags = (first >= cut).astype(np.float64) - (second >= other_cut)
    odds = cut / (1 - cut)
    found["brier"] = figure(mean(squared_errors(labels, first) - squared_errors(labels, second)))
    found["log_loss"] = figure(mean(log_loss_terms(labels, first) - log_loss_terms(labels, second)))
    found["net_benefit"] = figure(mean(np.where(positive, flags, -odds * flags)))
    found["expected_cases"] = figure(ratio_of_sums(first, second))
    if positives >= 2:
        found["recall"] = figure(mean(flags[positive]))
    if rows - positives >= 2:
        found["specificity"] = figure(mean(-flags[~positive]))
    if min(positives, rows - positives) >= 2:
        found["auc"] = figure(delong_difference(labels, first, second))
    return found


def reclassified(
    labels: Labels, first: Floats, second: Floats, cut: float, other_cut: float
) -> dict[str, dict[str, int]]:
    """Count the patients whose flag would change if the first model replaced the second, by outcome."""
    both = known(first) & known(second)
    then, now, positive = first[both] >= cut, second[both] >= other_cut, labels[both] == 1
    return {
        name: {
            "newly_flagged": int(np.count_nonzero(then & ~now & rows)),
            "no_longer_flagged": int(np.count_nonzero(~then & now & rows)),
            "same": int(np.count_nonzero((then == now) & rows)),
        }
        for name, rows in (("with_condition", positive), ("without_condition", ~positive))
    }
