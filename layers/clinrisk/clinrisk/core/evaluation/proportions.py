"""What do I get? A share with its interval, standard library only: functions without numpy use it too.

Source: Wilson (1927) for the interval of a proportion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True)
class Estimate:
    """A figure with the interval that 95 of 100 such studies would cover it with."""

    value: float
    low: float
    high: float

    def as_list(self) -> list[float]:
        """Give [value, low, high], the form in which evaluation.json carries a figure."""
        return [self.value, self.low, self.high]


def z_value(confidence: float = 0.95) -> float:
    """Give the normal quantile of a two-sided interval.

    >>> round(z_value(0.95), 4)
    1.96
    """
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)


def wilson(hits: float, trials: float, confidence: float = 0.95) -> Estimate:
    """Give a proportion with Wilson's interval, honest near 0 and 1 and for few trials (weights, if need be).

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
