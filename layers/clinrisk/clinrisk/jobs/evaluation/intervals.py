"""Intervals that no library gives: DeLong's for areas, those of means over patients, resampling by counts.

Sources: DeLong, DeLong and Clarke-Pearson (1988) for areas under correlated ROC curves, in the rank form
of Sun and Xu (2014); Efron (1979) for the bootstrap, whose resampled rows are drawn as counts, since
resampling n rows is a multinomial draw over them. Wilson's interval is in `core.evaluation.estimates`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from clinrisk.core.evaluation.estimates import Estimate, normal, wilson

if TYPE_CHECKING:
    from numpy.random import Generator

    from clinrisk.jobs.evaluation.metrics import Floats, Labels

# Above so many different scores patients are pooled into cells of equal count: the error is far below the
# interval's own width, and the cost of a bootstrap stops growing with the number of rows.
CELL_LIMIT = 8192
POOLED_CELLS = 2048
_PICKS_PER_CELL = 8


def mean(terms: Floats, confidence: float = 0.95) -> Estimate:
    """Return the mean of one number per patient with its interval; a single patient's has no width."""
    error = float(np.std(terms, ddof=1)) / math.sqrt(len(terms)) if len(terms) > 1 else 0.0
    return normal(float(np.mean(terms)), error, confidence)


def _components(labels: Labels, scores: Floats) -> tuple[Floats, Floats]:
    """Return DeLong's structural components: one per patient with the condition, one per patient without."""
    positive = labels == 1
    ranks = rankdata(scores)
    m = int(np.count_nonzero(positive))
    n = len(labels) - m
    v10: Floats = (ranks[positive] - rankdata(scores[positive])) / n
    v01: Floats = 1.0 - (ranks[~positive] - rankdata(scores[~positive])) / m
    return v10, v01


def _variance(v10: Floats, v01: Floats) -> float:
    """Return the variance of an area (or of a difference of areas) from its components."""
    spread10 = float(v10.var(ddof=1)) / len(v10) if len(v10) > 1 else 0.0
    spread01 = float(v01.var(ddof=1)) / len(v01) if len(v01) > 1 else 0.0
    return spread10 + spread01


def delong(labels: Labels, scores: Floats, confidence: float = 0.95) -> Estimate:
    """Return the area under the ROC curve with DeLong's interval, kept inside [0, 1].

    Both outcomes must be there.
    A perfect ranking leaves DeLong's variance at 0, a certainty that no number of patients can give: there
    the interval is that of as many successes as the rarer class has patients.
    """
    v10, v01 = _components(labels, scores)
    area = float(v10.mean())
    if area in (0.0, 1.0):
        trials = min(len(v10), len(v01))
        return wilson(round(area * trials), trials, confidence)
    found = normal(area, math.sqrt(_variance(v10, v01)), confidence)
    return Estimate(area, max(0.0, found.low), min(1.0, found.high))


def delong_difference(labels: Labels, first: Floats, second: Floats, confidence: float = 0.95) -> Estimate:
    """Return the area of `first` minus that of `second`, with DeLong's interval for the same patients."""
    a10, a01 = _components(labels, first)
    b10, b01 = _components(labels, second)
    difference = float(a10.mean()) - float(b10.mean())
    return normal(difference, math.sqrt(_variance(a10 - b10, a01 - b01)), confidence)


@dataclass(frozen=True)
class Cells:
    """Patients pooled by score, highest first: all that a figure needs to know of them."""

    scores: Floats
    positives: Labels
    negatives: Labels

    @property
    def rows(self) -> int:
        """Number of patients."""
        return int(self.positives.sum() + self.negatives.sum())


def pool(labels: Labels, scores: Floats, limit: int = CELL_LIMIT, cells: int = POOLED_CELLS) -> Cells:
    """Pool patients of equal score; beyond `limit` different scores, into about `cells` neighbourhoods.

    Half of the neighbourhoods follow the patients and half those with the condition: a curve of precision
    depends most on the top, where few patients are. Equal scores stay together, so the order of the patients
    changes nothing.
    """
    distinct, cell, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    if len(distinct) > limit:
        hits = np.bincount(cell, weights=labels)
        before = (np.cumsum(counts) - counts) / len(scores)
        hits_before = (np.cumsum(hits) - hits) / max(float(hits.sum()), 1.0)
        neighbourhood = ((before + hits_before) / 2 * cells).astype(np.int64)
        cell = np.unique(neighbourhood, return_inverse=True)[1][cell]
    totals = np.bincount(cell)
    positives = np.bincount(cell, weights=labels).astype(np.int64)
    return Cells(np.bincount(cell, weights=scores) / totals, positives, totals - positives)


def resample(cells: Cells, draws: int, rng: Generator) -> tuple[Labels, Labels]:
    """Draw `draws` resamples of the patients; return positives and negatives, each (draws, cells)."""
    counts = np.concatenate([cells.positives, cells.negatives])
    rows, width = cells.rows, len(counts)
    if rows <= _PICKS_PER_CELL * width:
        # Few rows per cell: picking rows one by one is several times faster than a multinomial over cells.
        owner = np.repeat(np.arange(width), counts)
        picks = owner[rng.integers(0, rows, size=(draws, rows))]
        picks += np.arange(draws)[:, None] * width
        drawn = np.bincount(picks.ravel(), minlength=draws * width).reshape(draws, width)
    else:
        drawn = rng.multinomial(rows, counts / rows, size=draws)
    half = len(cells.positives)
    return drawn[:, :half], drawn[:, half:]


def percentile(value: float, replicates: Floats, confidence: float = 0.95) -> Estimate:
    """Return the interval between the outer percentiles of bootstrap replicates (undefined ones left out)."""
    usable = replicates[np.isfinite(replicates)]
    if len(usable) == 0:
        return Estimate(value, value, value)
    low, high = np.quantile(usable, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, float(low), float(high))
