"""A figure with its 95% interval, and the word for a figure that could not be had. Standard library only.

Functions without numpy use it as well as the jobs. What needs the patients themselves (areas, calibration,
resampling) is in `jobs.evaluation`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

NOT_EVALUATED = "NOT_EVALUATED"
"""What a document holds in place of a figure that has no meaning on these patients."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval: in 95 of 100 such studies the interval holds the true figure."""

    value: float
    low: float
    high: float

    def as_list(self) -> list[float]:
        """Return [value, low, high], the form in which evaluation.json carries a figure."""
        return [self.value, self.low, self.high]


def z_value(confidence: float = 0.95) -> float:
    """Return the normal quantile of a two-sided interval.

    >>> round(z_value(0.95), 4)
    1.96
    """
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)


def normal(value: float, error: float, confidence: float = 0.95) -> Estimate:
    """Return a value with the interval of so many standard errors (`error`, in the value's unit).

    >>> [round(x, 3) for x in normal(0.5, 0.1).as_list()]
    [0.5, 0.304, 0.696]
    """
    reach = z_value(confidence) * error
    return Estimate(value, value - reach, value + reach)


def wilson(hits: float, trials: float, confidence: float = 0.95) -> Estimate:
    """Return a proportion with Wilson's interval (1927); `trials` above 0, weights allowed.

    Unlike value plus and minus the standard error it holds near 0 and 1 and for few trials.

    >>> [round(x, 3) for x in wilson(9, 10).as_list()]
    [0.9, 0.596, 0.982]
    """
    z2 = z_value(confidence) ** 2
    share = hits / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    reach = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * trials)) / trials) / (1 + z2 / trials)
    low = 0.0 if hits == 0 else max(0.0, middle - reach)
    high = 1.0 if hits == trials else min(1.0, middle + reach)
    return Estimate(share, low, high)
