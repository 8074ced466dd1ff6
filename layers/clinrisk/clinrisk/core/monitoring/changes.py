"""How far a figure of a batch is from training, and how far it is for sure: shares that moved, shifted means.

Every change has an effect in words that people know, the low end of its interval, and the smallest change
that matters. It counts where the low end passes the latter, so that more rows show more and never less.
Standard library and numpy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

DRAWS = 4000
POWER = NormalDist().inv_cdf(0.8)
"""Standard errors that a change must lie above what is just seen, to be seen in four of five cases."""


@dataclass(frozen=True)
class Effect:
    """A change: its size, the low end of its one-sided interval, and what these rows can show."""

    size: float
    low: float
    """What is sure of it; it may be below 0."""
    reach: float
    """What a change must pass the smallest that matters by, to be seen in four of five cases."""


class ChangeKind(StrEnum):
    """The scale of a change, as a sentence names it."""

    SHARE = "share"
    """A share of the rows."""
    SHIFT = "shift"
    """A shift of a mean, in standard deviations of the training patients."""
    CORRELATION = "correlation"
    """A difference on Fisher's scale."""
    CONSTANT = "constant"
    """How unlikely one value in all rows is: the exponent to the chance that is accepted."""


@dataclass(frozen=True)
class Change:
    """The change of one watched figure, held against the smallest change that matters."""

    subject: str
    """What it is about; of several changes of one subject the surest is named."""
    kind: ChangeKind
    effect: Effect
    limit: float
    """The smallest change that matters, on the scale of the kind."""
    sentence: str
    """What it means, with the effect and its low end."""

    @property
    def proven(self) -> float:
        """What is sure of the change, in smallest changes that matter: above 1 it counts."""
        return max(self.effect.low / self.limit, 0.0)

    @property
    def visible(self) -> float:
        """The smallest change of this figure that these rows show in four of five cases."""
        return self.limit + self.effect.reach


def share_moved(reference: NDArray[Any], current: NDArray[Any]) -> float:
    """Return the share of rows that are in other classes: the total variation distance of two counts.

    Half the sum of the differences of shares; 0 when alike, 1 when no class is shared.

    >>> share_moved(np.array([50, 50]), np.array([10, 90]))
    0.4
    """
    return float(np.abs(reference / reference.sum() - current / current.sum()).sum() / 2)


def moved(
    reference: NDArray[np.int64], current: NDArray[np.int64], significance: float, rng: Generator
) -> Effect:
    """Return the share of rows that moved between classes, given the counts of either sample.

    The distance is the largest difference that any set of classes shows. The found one is above the true one
    by no more than any set is off by chance, and that is again a distance: of the deviations of both samples,
    drawn anew in their own sizes (a parametric bootstrap; Davison and Hinkley, Bootstrap Methods, 1997,
    section 4.2). A small batch draws with one row more per class, shared out as in training: what it lacks by
    chance may come in the next one. So the low end allows for every choice of classes, and for
    the found distance of small samples being too large.
    """
    filled = (reference + current) > 0
    before, after = reference[filled], current[filled]
    trained = (before + 0.5) / (before.sum() + len(before) / 2)
    drawn_from = (after + len(after) * trained) / (after.sum() + len(after))
    deviations = _deviation(drawn_from, after.sum(), rng) - _deviation(trained, before.sum(), rng)
    by_chance = float(np.quantile(np.abs(deviations).sum(axis=1) / 2, 1 - significance))
    size = share_moved(before, after)
    error = math.sqrt(1 / after.sum() + 1 / before.sum()) / 2
    return Effect(size, size - by_chance, by_chance + POWER * error)


def _deviation(shares: NDArray[np.float64], rows: int, rng: Generator) -> NDArray[np.float64]:
    """Return by how much the shares of resamples differ from those that they were drawn from."""
    return rng.multinomial(rows, shares, size=DRAWS) / rows - shares


def shifted(
    reference: NDArray[Any], current: NDArray[Any], levels: NDArray[np.float64], significance: float
) -> Effect:
    """Return how far the mean moved, in the unit of `levels`, given how many rows have each level.

    Welch's interval (Biometrika 34, 1947). The batch is taken to vary at least as much as the training
    patients: a few equal values are no proof of a small error. At least two rows of each are needed.
    """
    (mean_before, spread_before), (mean, spread) = (
        _mean_and_variance(counts, levels) for counts in (reference, current)
    )
    before, now = spread_before / reference.sum(), max(spread, spread_before) / current.sum()
    error = math.sqrt(before + now)
    degrees = (before + now) ** 2 / (
        before**2 / (reference.sum() - 1) + now**2 / (current.sum() - 1) or 1e-300
    )
    quantile = t_value(1 - significance, degrees)
    size = mean - mean_before
    return Effect(size, abs(size) - quantile * error, (quantile + POWER) * error)


def _mean_and_variance(counts: NDArray[Any], levels: NDArray[np.float64]) -> tuple[float, float]:
    rows = counts.sum()
    mean = float(counts @ levels / rows)
    return mean, float(counts @ (levels - mean) ** 2 / (rows - 1))


def spread_of(counts: NDArray[Any], levels: NDArray[np.float64]) -> float:
    """Return the standard deviation of the levels of some rows, at least two."""
    return math.sqrt(_mean_and_variance(counts, levels)[1])


def t_value(confidence: float, degrees: float) -> float:
    """Return the quantile of Student's t, one-sided, for 5 degrees of freedom or more.

    Expansion of Fisher and Cornish (Technometrics 2, 1960): right to .01 for 10 degrees and 99%.

    >>> round(t_value(0.99, 19), 2), round(t_value(0.975, 1e9), 2)
    (2.54, 1.96)
    """
    z = NormalDist().inv_cdf(confidence)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / degrees**power for power, term in enumerate(terms, 1))


def correlation_changed(before: float, now: float, rows: tuple[float, float], significance: float) -> Effect:
    """Return how far a correlation moved on Fisher's scale (Metron 1, 1921), which is its own near 0.

    `rows` tell, in training and in the batch; more than three of each are needed.
    """
    size = math.atanh(max(min(now, 0.99), -0.99)) - math.atanh(max(min(before, 0.99), -0.99))
    error = math.sqrt(sum(1 / (each - 3) for each in rows))
    quantile = NormalDist().inv_cdf(1 - significance / 2)
    return Effect(size, abs(size) - quantile * error, (quantile + POWER) * error)


def chance_of_one_value(reference: NDArray[np.int64], rows: int) -> float:
    """Return the chance that so many rows of the training population all have one and the same value.

    The predictive probability under Jeffreys' prior, half a row more in every class, summed over the classes:
    the doubt about the shares of a small reference counts.

    >>> round(chance_of_one_value(np.array([80, 20]), 2), 2)
    0.68
    """
    first = (reference[reference > 0] + 0.5)[:, None]
    further = np.arange(rows)
    total = reference.sum() + len(first) / 2
    return float(np.exp(np.log((first + further) / (total + further)).sum(axis=1)).sum())
