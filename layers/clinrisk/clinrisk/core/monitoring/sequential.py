"""The error of a check that is made again and again: how wide an interval is so that it holds at every look.

A new batch every day is a new chance of a false alarm, and so is each look at outcomes that keep arriving.
The k-th batch since the release has a k-th of the error of the first one: all batches of a year of daily
ones have 6.5 times its error together (.58 + ln 365). Outcomes that are added up have intervals that hold at
every moment at once. Standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from clinrisk.core.limits import LIMITS


@dataclass(frozen=True)
class Sequential:
    """Which look at the live model's data a check makes; the first one at complete data has all the error."""

    number: int = 1
    """The number of the batch since the release, from 1; each month has the error of one batch."""
    growing: bool = False
    """Whether more outcomes arrive, and are looked at together with these."""

    def confidence(self, of_one: float, rows: int) -> float:
        """Return the confidence of an interval that keeps the error of `of_one` over all looks.

        Given the confidence of a single look, and the rows that are known by now.

        >>> Sequential().confidence(0.95, 100), round(Sequential(number=10).confidence(0.95, 100), 6)
        (0.95, 0.995)
        >>> round(Sequential(growing=True).confidence(0.95, 500), 4)
        0.9976
        """
        error = (1 - of_one) / self.number
        if not self.growing:
            return 1 - error
        return 2 * NormalDist().cdf(errors_at_every_moment(error, max(rows, 1))) - 1

    @property
    def note(self) -> str:
        """The sentence on what the intervals hold for; "" at a first and only look."""
        if self == Sequential():
            return ""
        what = "while outcomes arrive" if self.growing else f"over {self.number} batches since the release"
        return f" The intervals hold for all looks {what}."


def errors_at_every_moment(error: float, rows: int) -> float:
    """Return how many standard errors a sum may be from its mean at any moment, but for a chance of `error`.

    The boundary of a normal mixture (Robbins, Ann. Math. Statist. 41, 1970), for means of any distribution in
    large samples (Waudby-Smith et al., Ann. Statist. 52, 2024, theorem 2.2), narrowest where
    `sequential_rows` rows are known: sqrt((v + 1) / v * log((v + 1) / error^2)) with v = rho^2 * rows, and
    their rho^2 = (-2 log error + log(1 - 2 log error)) / sequential_rows. It ends at 8.

    >>> round(errors_at_every_moment(0.05, 500), 2), round(errors_at_every_moment(0.05, 50_000), 2)
    (3.04, 3.56)
    """
    spent = -2 * math.log(error)
    spread = (spent + math.log(1 + spent)) / LIMITS.sequential_rows * rows
    return min(math.sqrt((spread + 1) / spread * (math.log(spread + 1) + spent)), 8.0)
