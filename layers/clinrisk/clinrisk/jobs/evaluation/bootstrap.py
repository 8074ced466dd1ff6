"""Bootstrap intervals of area under precision-recall and of F1, without a loop over patients.

Source: Efron (1979). Resampling n patients is a multinomial draw over how many there are of each kind. For F1
the kinds are the four cells of the confusion table, for the area a histogram of the scores of each outcome.
So a thousand draws cost the same for ten thousand patients as for ten million. The bootstrap over rows is the
oracle in tests/unit/evaluation, scikit-learn that of the values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import average_precision_score

from clinrisk.core.evaluation.estimates import Estimate, wilson
from clinrisk.jobs.evaluation.intervals import CELL_LIMIT, POOLED_CELLS, percentile, pool, resample

if TYPE_CHECKING:
    from numpy.random import Generator

    from clinrisk.jobs.evaluation.metrics import Confusion, Floats, Labels

# Resamples held at one time: few enough to stay in the processor's cache, which is twice as fast.
_AT_ONCE = 40


def average_precision(
    labels: Labels,
    scores: Floats,
    draws: int,
    rng: Generator,
    *,
    limit: int = CELL_LIMIT,
    cells: int = POOLED_CELLS,
) -> Estimate:
    """Return the area under precision-recall with its bootstrap interval; both classes must be there.

    Up to `limit` different scores the resamples are exact; beyond, scores are pooled into `cells`
    neighbourhoods, and what pooling takes from the area is given back to every resample. A perfect ranking
    gets the interval of as many successes as there are cases: its resamples would all be perfect too.
    """
    value = float(average_precision_score(labels, scores))
    if scores[labels == 1].min() > scores[labels == 0].max():
        cases = int(labels.sum())
        return wilson(cases, cases)
    pooled = pool(labels, scores, limit, cells)
    lost = value - float(average_precisions(pooled.positives[None, :], pooled.negatives[None, :])[0])
    areas = [
        average_precisions(*resample(pooled, min(_AT_ONCE, draws - start), rng))
        for start in range(0, draws, _AT_ONCE)
    ]
    found = percentile(value, np.concatenate(areas) + lost)
    return Estimate(value, max(found.low, 0.0), min(found.high, 1.0))


def average_precisions(positives: Labels, negatives: Labels) -> Floats:
    """Return the average precision of each resample, (draws,); cells run from the highest score down.

    NaN for a resample without a case.
    """
    tp = np.cumsum(positives, axis=1, dtype=np.float64)
    flagged = np.cumsum(negatives, axis=1, dtype=np.float64)
    flagged += tp
    np.maximum(flagged, 1, out=flagged)
    cases = tp[:, -1].copy()
    tp *= positives
    tp /= flagged
    with np.errstate(invalid="ignore"):
        areas: Floats = tp.sum(axis=1) / cases
    return areas


def f1(counts: Confusion, draws: int, rng: Generator) -> Estimate | None:
    """Return F1 with its bootstrap interval; None where nobody is flagged and nobody has the condition.

    Where every case is found without a false alarm, or none at all, all resamples agree and would claim
    certainty. There F1 is read as 2j / (1 + j) of the share j of true positives among all who are flagged or
    have the condition, and Wilson's interval of j carries over.
    """
    trials = counts.tp + counts.fp + counts.fn
    if trials == 0:
        return None
    if counts.tp in (0, trials):
        return Estimate(*(2 * share / (1 + share) for share in wilson(counts.tp, trials).as_list()))
    cells = np.array([counts.tp, counts.fp, counts.fn, counts.tn])
    tp, fp, fn, _ = rng.multinomial(counts.rows, cells / counts.rows, size=draws).T
    with np.errstate(invalid="ignore"):
        replicates = 2 * tp / (2 * tp + fp + fn)
    return percentile(2 * counts.tp / (2 * counts.tp + counts.fp + counts.fn), replicates)
