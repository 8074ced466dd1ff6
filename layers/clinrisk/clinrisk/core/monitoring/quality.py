"""Quality: whether a batch arrived whole. Missing shares, unusable rows and codes that training never saw.

A rise counts only where the sample shows it: the lower end of its interval must pass the limit.
Standard library and numpy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.evaluation.estimates import wilson
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated
from clinrisk.use_cases.base import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinrisk.core.profiles.feature_profile import Profile
    from clinrisk.use_cases.base import UseCase

MISSING_RISE_LIMIT = 0.10
"""A column went missing when its missing share rose by more than this, chance set aside."""
QUARANTINE_LIMIT = 0.05
"""Too many rows were unusable when their share is above this, chance set aside."""
UNSEEN_CODE_LIMIT = 0.05
"""A code that training never saw matters when more than this share of the rows has it."""
SIGNIFICANCE = 0.05
MINIMUM_ROWS = 20


@dataclass(frozen=True)
class Concern:
    """One measured share, the low end of its interval, and the limit it may not pass; up is bad."""

    what: str
    share: float
    low: float
    limit: float

    @property
    def proven(self) -> bool:
        """Whether even the low end of the interval is above the limit."""
        return self.low > self.limit


def share_rise(
    missing_before: int, rows_before: int, missing_now: int, rows_now: int, confidence: float
) -> tuple[float, float]:
    """Give the rise of a share and the low end of its interval.

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


def concerns(use_case: UseCase, reference: Profile, current: Profile, quarantined: int) -> Iterator[Concern]:
    """Measure each column's missing share, unseen codes, and the batch's unusable rows.

    The intervals of columns are widened for their number (Bonferroni).
    """
    per_column = 1 - SIGNIFICANCE / len(reference.columns)
    for name, before in reference.columns.items():
        now = current.columns[name]
        rise, low = share_rise(before.missing, reference.rows, now.missing, current.rows, per_column)
        yield Concern(f"{name} is missing more often than in training by", rise, low, MISSING_RISE_LIMIT)
        if isinstance(use_case.column(name), Code):
            pairs = zip(before.counts, now.counts, strict=True)
            unseen = wilson(sum(n for seen, n in pairs if not seen), current.rows, per_column)
            what = f"{name} has codes that training never saw in"
            yield Concern(what, unseen.value, unseen.low, UNSEEN_CODE_LIMIT)
    unusable = wilson(quarantined, current.rows + quarantined, 1 - SIGNIFICANCE)
    yield Concern("rows were set aside in", unusable.value, unusable.low, QUARANTINE_LIMIT)


def quality_finding(
    use_case: UseCase, reference: Profile, current: Profile, quarantined: int
) -> CheckFinding:
    """Judge whether a batch arrived as the training data did.

    `current` counts the accepted rows, `quarantined` the others. The statistic is the share of the concern
    that goes furthest beyond its limit, or comes closest to it.
    """
    fewest = min(reference.rows, current.rows)
    if fewest < MINIMUM_ROWS:
        side = "batch" if current.rows <= reference.rows else "training set"
        why = f"Quality was not judged: the {side} has {fewest} rows, and {MINIMUM_ROWS} are needed."
        return not_evaluated(Check.QUALITY, MISSING_RISE_LIMIT, why)
    measured = sorted(
        concerns(use_case, reference, current, quarantined),
        key=lambda concern: (concern.proven, concern.share / concern.limit),
        reverse=True,
    )
    worst, proven = measured[0], [concern for concern in measured if concern.proven]
    if proven:
        detail = "; ".join(_words(concern) for concern in proven[:4])
        more = f"; and {len(proven) - 4} more" if len(proven) > 4 else ""
        detail = f"Of {current.rows} rows: {detail}{more}."
    else:
        detail = f"The {current.rows} rows arrived as in training; closest to a limit: {_words(worst)}."
    verdict = CheckVerdict.ALERT if proven else CheckVerdict.OK
    return CheckFinding(Check.QUALITY, verdict, round(worst.share, 4), worst.limit, detail)


def _words(concern: Concern) -> str:
    return f"{concern.what} {concern.share:.0%} (limit {concern.limit:.0%})"
