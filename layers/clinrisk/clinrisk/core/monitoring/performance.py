"""Performance: whether the live model still ranks patients well and predicts as many cases as occur.

Both are computed from the histograms of a labelled score profile. AUC is better when larger; the ratio of
observed to expected cases is best at 1. Standard library and numpy only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.evaluation.estimates import Estimate, normal, z_value
from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated
from clinrisk.core.scoring.outcome_status import OutcomeStatus
from clinrisk.core.training.promotion import CANDIDATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.monitoring.findings import ScoreMaterial
    from clinrisk.use_cases.base import UseCase


def auc(positive: Sequence[int], negative: Sequence[int]) -> Estimate:
    """Return the area under the ROC curve of two histograms, lowest scores first, with its 95% interval.

    DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988) on tied scores: patients of one cell count half.
    The interval ends at 0 and 1. At least two patients of each kind are needed.

    >>> round(auc([0, 2, 8], [6, 3, 1]).value, 6)
    0.91
    """
    cases, others = np.asarray(positive), np.asarray(negative)
    m, n = cases.sum(), others.sum()
    # For a patient of each cell: the share of the other kind that the model ranks on the right side.
    below = (np.cumsum(others) - others / 2) / n
    above = (m - np.cumsum(cases) + cases / 2) / m
    area = float(cases @ below / m)
    spread_cases = float(cases @ (below - area) ** 2) / (m - 1)
    spread_others = float(others @ (above - area) ** 2) / (n - 1)
    unbounded = normal(area, math.sqrt(spread_cases / m + spread_others / n))
    return Estimate(area, max(unbounded.low, 0.0), min(unbounded.high, 1.0))


def observed_to_expected(observed: int, expected: float, rows: int) -> Estimate:
    """Return the ratio of cases that occurred to cases expected, with its 95% interval on the log scale.

    Debray et al., BMJ 356:i6460 (2017): the standard error of ln(O:E) is sqrt((1 - O/N) / O).
    """
    ratio = observed / expected
    reach = z_value() * math.sqrt((1 - observed / rows) / observed)
    return Estimate(ratio, ratio * math.exp(-reach), ratio * math.exp(reach))


def performance_finding(use_case: UseCase, material: ScoreMaterial) -> CheckFinding:
    """Return whether a batch's known outcomes agree with the approved evaluation.

    Alert when the whole interval of the AUC is below the evaluation's interval, or the whole interval of
    observed : expected is outside its limits. The statistic is whichever alerted, the AUC otherwise.
    """
    approved = Estimate(*material.evaluation["models"][CANDIDATE]["auc"])
    everyone = None if material.scores is None else material.scores.everyone
    outcomes = None if everyone is None else everyone.outcomes
    if why := _contradictory(use_case.name, material.outcomes):
        return not_evaluated(Check.PERFORMANCE, approved.low, why)
    if everyone is None or outcomes is None:
        waiting = material.outcomes.get(OutcomeStatus.WAITING, 0)
        why = (
            f"Performance was not evaluated: the outcomes of {waiting} patients are known, but the time that "
            "their predictions speak for is not over."
            if waiting
            else "Performance was not evaluated: no outcomes of this batch have arrived yet."
        )
        return not_evaluated(Check.PERFORMANCE, approved.low, why)
    cases, others = outcomes.positives, everyone.n - outcomes.positives
    if min(cases, others) < LIMITS.performance_patients:
        why = (
            f"Performance was not evaluated: {cases} patients with the outcome and {others} without it are "
            f"known, and {LIMITS.performance_patients} of each are needed."
        )
        return not_evaluated(Check.PERFORMANCE, approved.low, why)
    histogram = outcomes.score_counts_positive
    now = auc(histogram, [n - p for n, p in zip(everyone.score_counts, histogram, strict=True)])
    ratio = observed_to_expected(cases, everyone.expected_positives, everyone.n)
    lowest, highest = 1 / LIMITS.performance_ratio, LIMITS.performance_ratio
    ranks_worse = now.high < approved.low
    miscalibrated = ratio.low > highest or ratio.high < lowest
    by_ratio = miscalibrated and not ranks_worse
    detail = (
        f"In {everyone.n} predictions with known outcome the AUC is {_words(now)}, approved with "
        f"{_words(approved)}; {ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f}) cases occurred for "
        f"each one predicted (limits {lowest:.2f} and {highest:.2f}).{_not_counted(material.outcomes)}"
    )
    return CheckFinding(
        Check.PERFORMANCE,
        CheckVerdict.ALERT if ranks_worse or miscalibrated else CheckVerdict.OK,
        round(ratio.value if by_ratio else now.value, 4),
        highest if by_ratio else approved.low,
        detail,
    )


def _not_counted(outcomes: Mapping[str, int]) -> str:
    """Return how many outcomes are not in the figures, and why; "" where there are none."""
    left = [
        f"{outcomes[status]} {status}"
        for status in (OutcomeStatus.WAITING, OutcomeStatus.CONFLICTING, OutcomeStatus.EARLIER)
        if outcomes.get(status)
    ]
    return f" Outcomes that are not in these figures: {', '.join(left)}." if left else ""


def _contradictory(use_case: str, outcomes: Mapping[str, int]) -> str:
    """Return why nothing can be judged where too many outcomes exclude one another; "" where few do."""
    conflicting = outcomes.get(OutcomeStatus.CONFLICTING, 0)
    known = conflicting + outcomes.get(OutcomeStatus.JOINED, 0)
    if conflicting <= LIMITS.performance_conflicts * known:
        return ""
    return (
        f"Performance was not evaluated: for {conflicting} of {known} patients there are outcomes that "
        f"exclude one another (limit {LIMITS.performance_conflicts:.0%}). They are listed by: "
        f"clinrisk outcomes {use_case}"
    )


def _words(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
