"""The cut that finds the stated share of true cases, and what acting at a cut is worth.

The threshold follows from a clinical wish (find 80 of 100 strokes), never from .5 by habit; it is chosen on
out-of-fold scores. On those same patients the recall is then what was asked for; whether new ones get it is
shown by the hold-out.
Net benefit: Vickers and Elkin (2006).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.evaluation.estimates import z_value
from clinrisk.errors import NotEnoughData

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.jobs.evaluation.metrics import Floats, Labels


def round_down(value: float, digits: int = 3) -> float:
    """Cut a number to so many significant digits, never upwards.

    >>> round_down(0.051987)
    0.0519
    """
    if value <= 0:
        return 0.0
    decimals: int = digits - 1 - math.floor(math.log10(value))
    cut = math.floor(value * 10**decimals) / 10**decimals
    return float(round(cut, decimals))


def choose_threshold(labels: Labels, scores: Floats, recall: float) -> float:
    """Return the highest threshold of 3 digits at which at least `recall` of the cases are flagged.

    Rounding downwards can only find more cases, and no patient's own score becomes the published cut.
    Raises NotEnoughData when no patient has the condition.
    """
    found = np.sort(scores[labels == 1])[::-1]
    if len(found) == 0:
        message = "No patient of the training set has the condition, so no threshold can be chosen."
        raise NotEnoughData(message)
    needed = max(1, math.ceil(recall * len(found) - 1e-9))
    return min(max(round_down(float(found[needed - 1])), 1e-6), 0.999)


def net_benefit_curve(
    labels: Labels, scores: Floats, thresholds: Sequence[float]
) -> list[tuple[float, float, float, float, float]]:
    """Return (threshold, net benefit of treating everyone, of the model, low, high); treating no one is 0."""
    ordered = np.sort(scores)
    positives_ordered = np.sort(scores[labels == 1])
    rows, positives = len(labels), int(labels.sum())
    cuts = np.asarray(thresholds, dtype=np.float64)
    odds = cuts / (1 - cuts)
    tp = positives - np.searchsorted(positives_ordered, cuts, side="left")
    fp = rows - np.searchsorted(ordered, cuts, side="left") - tp
    model = (tp - odds * fp) / rows
    everyone = (positives - odds * (rows - positives)) / rows
    # A mean over patients: each adds 1, minus the odds, or nothing.
    spread = np.maximum((tp + odds**2 * fp) / rows - model**2, 0.0)
    reach = z_value() * np.sqrt(spread / rows)
    columns = (cuts, everyone, model, model - reach, model + reach)
    return [tuple(point) for point in np.column_stack(columns).tolist()]


def threshold_range(threshold: float, points: int = 30) -> list[float]:
    """Return thresholds from a third of the action threshold to three times it (below 1), for the curve."""
    low, high = threshold / 3, min(threshold * 3, (1 + threshold) / 2)
    return [float(value) for value in np.linspace(low, high, points)]
