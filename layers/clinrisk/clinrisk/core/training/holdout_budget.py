"""What do I get? How much of the budget of looks at the hold-out has been used. Standard library only.

A hash of the record id holds out one patient in five for ever, so every retraining judges its candidate on
patients that earlier candidates were judged on too; choosing among many candidates by them makes the best
look better than it is (Dwork et al., 2015, on the reusable hold-out). Only new patients renew the check: once
the labelled rows have doubled, half of the hold-out has never been looked at, and older looks do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterable

RENEWED_BY = LIMITS.holdout_growth
"""The growth of the labelled rows after which an earlier look no longer counts."""


@dataclass(frozen=True)
class Look:
    """One run that judged its candidate, and how many labelled rows there were then."""

    run_id: str
    rows: int


def spent(looks: Iterable[Look], rows: int) -> int:
    """Count the runs that looked at hold-out patients of whom more than half are still today's.

    >>> spent([Look("a", 100), Look("b", 300), Look("c", 400), Look("c", 400)], rows=400)
    2
    """
    return len({look.run_id for look in looks if look.rows * RENEWED_BY > rows})
