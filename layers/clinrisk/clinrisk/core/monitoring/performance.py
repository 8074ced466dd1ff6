"""Performance: whether the live model still ranks patients and predicts as many cases as occur.

Both are computed from the histograms of a labelled score profile. AUC is better when larger; the ratio of
observed to expected cases is best at 1. Standard library and numpy only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.evaluation.estimates import Estimate, normal, z_value
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated
from clinrisk.core.training.promotion import CANDIDATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from clinrisk.core.profiles.score_profile import GroupScores

MINIMUM_CASES = 10
"""Patients needed with the outcome, and as many without: below, an AUC is mostly noise."""
RATIO_LIMIT = 1.25
"""Observed cases may be up to this many times the expected ones, or the inverse, chance set aside."""


def auc(positive: Sequence[int], negative: Sequence[int]) -> Estimate:
    """Give the area under the ROC curve of two histograms, lowest scores first, with its 95% interval.

    DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988) on tied scores: patients of one cell count half.
    The interval ends at 0 and 1. At least two patients of each kind are needed.

    >>> round(auc([0, 2, 8], [6, 3, 1]).value, 6)
    0.91
    """
    cases, others = np.asarray(positive, dtype=float), np.asarray(negative, dtype=float)
    m, n = cases.sum(), others.sum()
    # For a patient of each cell: the share of the other kind that the model ranks on the proper side.
    below = (np.cumsum(others) - others / 2) / n
    above = (m - np.cumsum(cases) + cases / 2) / m
    area = float(cases @ below / m)
    spread_cases = float(cases @ (below - area) ** 2) / (m - 1)
    spread_others = float(others @ (above - area) ** 2) / (n - 1)
    unbounded = normal(area, math.sqrt(spread_cases / m + spread_others / n))
    return Estimate(area, max(unbounded.low, 0.0), min(unbounded.high, 1.0))


def observed_to_expected(observed: int, expected: float, rows: int) -> Estimate:
    """Give the ratio of cases that occurred to cases predicted, with its 95% interval on the log scale.

    Debray et al., BMJ 356:i6460 (2017): the standard error of ln(O:E) is sqrt((1 - O/N) / O).
    """
    ratio = observed / expected
    reach = z_value() * math.sqrt((1 - observed / rows) / observed)
    return Estimate(ratio, ratio * math.exp(-reach), ratio * math.exp(reach))


def performance_finding(joined: GroupScores | None, evaluation: Mapping[str, Any]) -> CheckFinding:
    """Judge a batch's labelled scores (None: no outcomes yet) against the approved evaluation.

    Alert when the whole interval of the AUC lies below the evaluation's interval, or the whole interval of
    observed : expected lies outside 1 / RATIO_LIMIT to RATIO_LIMIT. The statistic is whichever alerted,
    the AUC otherwise.
    """
    approved = Estimate(*evaluation["models"][CANDIDATE]["auc"])
    outcomes = None if joined is None else joined.outcomes
    if joined is None or outcomes is None:
        why = "Performance was not judged: no outcomes of this batch have arrived yet."
        return not_evaluated(Check.PERFORMANCE, approved.low, why)
    cases, others = outcomes.positives, joined.n - outcomes.positives
    if min(cases, others) < MINIMUM_CASES:
        why = (
            f"Performance was not judged: {cases} patients with the outcome and {others} without are known, "
            f"and {MINIMUM_CASES} of each are needed."
        )
        return not_evaluated(Check.PERFORMANCE, approved.low, why)
    histogram = outcomes.score_counts_positive
    now = auc(histogram, [n - p for n, p in zip(joined.score_counts, histogram, strict=True)])
    ratio = observed_to_expected(cases, joined.expected_positives, joined.n)
    ranks_worse = now.high < approved.low
    misjudges = ratio.low > RATIO_LIMIT or ratio.high < 1 / RATIO_LIMIT
    by_ratio = misjudges and not ranks_worse
    detail = (
        f"In {joined.n} patients with known outcome the AUC is {_words(now)}, "
        f"approved with {_words(approved)}; {ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f}) cases "
        f"occurred for each one predicted "
        f"(limits {1 / RATIO_LIMIT:.2f} and {RATIO_LIMIT:.2f})."
    )
    return CheckFinding(
        Check.PERFORMANCE,
        CheckVerdict.ALERT if ranks_worse or misjudges else CheckVerdict.OK,
        round(ratio.value if by_ratio else now.value, 4),
        RATIO_LIMIT if by_ratio else approved.low,
        detail,
    )


def _words(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
