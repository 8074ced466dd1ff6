"""The budget of the hold-out: how many candidates have been checked on today's hold-out patients.

Standard library only. A hash of the record id holds out one patient in five permanently, so every retraining
checks its candidate on patients that earlier candidates were checked on too; choosing among many candidates
by them makes the best one appear better than it is (Dwork et al., 2015, on the reusable hold-out). Only new
patients renew the check: once the labelled rows have doubled, half of the hold-out patients are new, and
earlier uses do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterable

RENEWED_BY = LIMITS.holdout_growth
"""The growth of the labelled rows after which an earlier use no longer counts."""


@dataclass(frozen=True)
class HoldoutUse:
    """One run that judged its candidate, and how many labelled rows there were then."""

    run_id: str
    rows: int


def spent(uses: Iterable[HoldoutUse], rows: int) -> int:
    """Return the number of runs whose hold-out patients are, for more than half, still today's.

    >>> uses = [HoldoutUse("a", 200), HoldoutUse("b", 201), HoldoutUse("c", 400), HoldoutUse("c", 400)]
    >>> spent(uses, rows=400)
    2
    """
    return len({use.run_id for use in uses if use.rows * RENEWED_BY > rows})
