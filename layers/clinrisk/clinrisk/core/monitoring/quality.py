"""Quality: whether a batch is as complete as the training data. Missing shares, quarantine, unseen codes.

A rise counts only where the sample shows it: the low end of its interval must be above the limit.
Standard library only.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.evaluation.estimates import wilson
from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated
from clinrisk.use_cases.columns import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinrisk.core.monitoring.findings import ProfileMaterial
    from clinrisk.use_cases.base import UseCase

_CONCERNS_SHOWN = 4


@dataclass(frozen=True)
class Concern:
    """One measured share of rows, the low end of its interval, and its limit; up is bad."""

    what: str
    share: float
    low: float
    limit: float

    @property
    def proven(self) -> bool:
        """Whether the low end of the interval is above the limit."""
        return self.low > self.limit

    def __str__(self) -> str:
        return f"{self.what} {self.share:.0%} of rows (limit {self.limit:.0%})"


def share_rise(
    missing_before: int, rows_before: int, missing_now: int, rows_now: int, confidence: float
) -> tuple[float, float]:
    """Return the rise of a share and the low end of its interval.

    Newcombe's hybrid score interval for a difference of proportions (Statistics in Medicine 17, 1998,
    method 10): sound for small samples and for shares of 0 and 1.

    >>> rise, low = share_rise(48, 80, 56, 70, 0.95)
    >>> round(rise, 4), round(low, 4)
    (0.2, 0.0524)
    """
    before = wilson(missing_before, rows_before, confidence)
    now = wilson(missing_now, rows_now, confidence)
    rise = now.value - before.value
    return rise, rise - math.hypot(now.value - now.low, before.high - before.value)


def concerns(use_case: UseCase, material: ProfileMaterial) -> Iterator[Concern]:
    """Yield the concern of each column's missing share and unseen codes, and of the batch's quarantine.

    The intervals of columns are widened for their number (Bonferroni).
    """
    reference, current = material.reference, material.current
    per_column = 1 - LIMITS.quality_significance / len(reference.columns)
    for name, before in reference.columns.items():
        now = current.columns[name]
        rise, low = share_rise(before.missing, reference.rows, now.missing, current.rows, per_column)
        what = f"{name} is missing more often than in training, in a further"
        yield Concern(what, rise, low, LIMITS.quality_missing_rise)
        if isinstance(use_case.column(name), Code):
            pairs = zip(before.counts, now.counts, strict=True)
            unseen = wilson(sum(n for trained, n in pairs if not trained), current.rows, per_column)
            what = f"{name} has codes that training never had, in"
            yield Concern(what, unseen.value, unseen.low, LIMITS.quality_unseen_codes)
    received = current.rows + material.quarantined
    quarantine = wilson(material.quarantined, received, 1 - LIMITS.quality_significance)
    yield Concern("quarantine holds", quarantine.value, quarantine.low, LIMITS.quality_quarantined)


def visible_rise(material: ProfileMaterial) -> float | None:
    """Return the smallest rise of the missing share of any column that alerts; None where none does."""
    reference, current = material.reference, material.current
    per_column = 1 - LIMITS.quality_significance / len(reference.columns)
    largest = 0.0
    for before in reference.columns.values():
        at = bisect_right(
            range(current.rows + 1),
            LIMITS.quality_missing_rise,
            key=lambda missing: share_rise(
                before.missing,
                reference.rows,
                missing,
                current.rows,
                per_column,
            )[1],
        )
        if at > current.rows:
            return None
        largest = max(largest, at / current.rows - before.missing_share)
    return largest


def quality_finding(use_case: UseCase, material: ProfileMaterial) -> CheckFinding:
    """Return whether a batch is as complete as the training data.

    The statistic is the share of the concern that is furthest beyond its limit, or closest to it.
    """
    reference, current = material.reference.rows, material.current.rows
    fewest = min(reference, current)
    if fewest < LIMITS.quality_rows:
        side = "batch" if current <= reference else "training set"
        why = (
            f"Quality was not evaluated: the {side} has {fewest} rows, and {LIMITS.quality_rows} are needed."
        )
        return not_evaluated(Check.QUALITY, LIMITS.quality_missing_rise, why)
    measured = sorted(
        concerns(use_case, material),
        key=lambda concern: (concern.proven, concern.share / concern.limit),
        reverse=True,
    )
    worst, proven = measured[0], [concern for concern in measured if concern.proven]
    if proven:
        more = len(proven) - _CONCERNS_SHOWN
        detail = f"Of {current} rows: {'; '.join(map(str, proven[:_CONCERNS_SHOWN]))}"
        detail += f"; and {more} more." if more > 0 else "."
    else:
        seen = visible_rise(material)
        shown = "No rise of a missing share" if seen is None else f"A column missing in a further {seen:.0%}"
        # What so few rows cannot prove is not in order by that.
        closest = "Closest to one" if worst.share <= worst.limit else "Above its limit, perhaps by chance"
        detail = (
            f"No limit is surely passed in {current} rows. {closest}: {worst}. "
            f"{shown} would have shown in so many."
        )
    verdict = CheckVerdict.ALERT if proven else CheckVerdict.OK
    return CheckFinding(Check.QUALITY, verdict, round(worst.share, 4), worst.limit, detail)
