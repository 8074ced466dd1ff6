"""Performance: whether the live model still ranks patients well and predicts as many cases as occur.

Both are computed from the histograms of a labelled score profile. AUC is better when larger; the ratio of
observed to expected cases is best at 1. Standard library and numpy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.evaluation.estimates import Estimate, normal, wilson, z_value
from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.changes import POWER
from clinrisk.core.monitoring.coverage import Coverage
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated
from clinrisk.core.profiles.score_profile import SCORE_CELLS
from clinrisk.core.scoring.outcome_status import OutcomeStatus
from clinrisk.core.training.promotion import CANDIDATE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.monitoring.findings import ScoreMaterial
    from clinrisk.core.monitoring.sequential import Sequential
    from clinrisk.core.profiles.score_profile import GroupScores, Outcomes
    from clinrisk.use_cases.base import UseCase


def auc(positive: Sequence[int], negative: Sequence[int], confidence: float = 0.95) -> Estimate:
    """Return the area under the ROC curve of two histograms, lowest scores first, with its interval.

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
    unbounded = normal(area, math.sqrt(spread_cases / m + spread_others / n), confidence)
    return Estimate(area, max(unbounded.low, 0.0), min(unbounded.high, 1.0))


def observed_to_expected(observed: int, expected: float, rows: int, confidence: float = 0.95) -> Estimate:
    """Return the ratio of cases that occurred to cases expected, with its interval.

    Wilson's interval of the observed share (1927), which holds for no case and for nothing but cases.
    """
    share = wilson(observed, rows, confidence)
    return Estimate(*(rows * each / expected for each in share.as_list()))


def odds_factor(
    scores: GroupScores, observed: int, confidence: float = LIMITS.performance_confidence
) -> Estimate:
    """Return by which factor the odds of every risk would have to rise for the observed cases.

    Calibration in the large (Cox, Biometrika 45, 1958): the factor whose expected cases are those observed;
    the ends of the interval are those whose expected cases are so many standard errors away (score interval).
    Bounded by 1/e^8 and e^8.
    """
    errors = z_value(confidence)
    cells = (np.arange(SCORE_CELLS) + 0.5) / SCORE_CELLS
    counts, log_odds = np.asarray(scores.score_counts), np.log(cells**2 / (1 - cells**2))

    def factor(beyond: float) -> float:
        low, high = -8.0, 8.0
        for _ in range(50):
            middle = (low + high) / 2
            risks = 1 / (1 + np.exp(-log_odds - middle))
            error = math.sqrt(counts @ (risks * (1 - risks)))
            low, high = (middle, high) if counts @ risks < observed + beyond * error else (low, middle)
        return math.exp(low)

    return Estimate(factor(0.0), factor(-errors), factor(errors))


@dataclass(frozen=True)
class Measured:
    """What the known outcomes of some predictions show; the area is None without enough of either kind."""

    rows: int
    cases: int
    expected: float
    ratio: Estimate
    odds: Estimate
    area: Estimate | None
    sequential: Sequential

    @classmethod
    def of(cls, everyone: GroupScores, outcomes: Outcomes, sequential: Sequential) -> Measured:
        """Return what is measured of patients whose outcomes are known, for this look at them."""
        of_odds, confidence = (
            sequential.confidence(one, everyone.n) for one in (LIMITS.performance_confidence, 0.95)
        )
        cases, expected = outcomes.positives, everyone.expected_positives
        histogram = outcomes.score_counts_positive
        area = None
        if min(cases, everyone.n - cases) >= LIMITS.performance_patients:
            others = [n - p for n, p in zip(everyone.score_counts, histogram, strict=True)]
            area = auc(histogram, others, confidence)
        ratio = observed_to_expected(cases, expected, everyone.n, confidence)
        odds = odds_factor(everyone, cases, of_odds)
        return cls(everyone.n, cases, expected, ratio, odds, area, sequential)

    @property
    def miscalibrated(self) -> bool:
        """Whether cases, or their odds, lie outside the limits with their complete intervals."""
        limit = LIMITS.performance_ratio
        return any(one.low > limit or one.high < 1 / limit for one in (self.ratio, self.odds))

    def __str__(self) -> str:
        limit = LIMITS.performance_ratio
        return (
            f"{self.cases} cases occurred and {self.expected:.0f} were expected: {self.ratio.value:.2f} "
            f"({self.ratio.low:.2f} to {self.ratio.high:.2f}) for each one, the odds "
            f"{self.odds.value:.2f} times ({self.odds.low:.2f} to {self.odds.high:.2f}) those predicted "
            f"(limits {1 / limit:.2f} and {limit:.2f})"
        )


def performance_finding(use_case: UseCase, material: ScoreMaterial) -> CheckFinding:
    """Return whether known outcomes agree with the approved evaluation.

    Alert when the whole interval of the AUC is below the evaluation's interval, or that of observed :
    expected or of the odds outside the limits. The statistic is whichever alerted, the AUC if there is one
    otherwise.
    """
    approved = Estimate(*material.evaluation["models"][CANDIDATE]["auc"])
    known = None if material.labelled is None else material.labelled.everyone
    why = _contradictory(use_case.name, material.outcomes)
    if not why and (known is None or known.outcomes is None):
        why = _waiting(material.outcomes)
    if why or known is None or known.outcomes is None:
        return not_evaluated(Check.PERFORMANCE, approved.low, why)
    coverage = Coverage.of(material.predicted, known)
    if coverage.selective:
        why = (
            f"Performance was not evaluated: {coverage}. Area and calibration of those who are known are not "
            "those of all; outcomes of some of the others are needed."
        )
        return not_evaluated(Check.PERFORMANCE, approved.low, why)
    if max(known.expected_positives, known.outcomes.positives) < LIMITS.performance_expected:
        why = (
            f"Performance was not evaluated: among {known.n} patients with known outcome are "
            f"{known.outcomes.positives} cases, {known.expected_positives:.1f} were expected, and "
            f"{LIMITS.performance_expected} of either are needed."
            f"{_visible(Measured.of(known, known.outcomes, material.sequential), approved)}"
        )
        return not_evaluated(Check.PERFORMANCE, approved.low, why)
    found = Measured.of(known, known.outcomes, material.sequential)
    notes = f"{material.sequential.note}{_covered(coverage)}{not_counted(material.outcomes)}"
    return _judged(found, approved, notes)


def _judged(found: Measured, approved: Estimate, notes: str) -> CheckFinding:
    """Return the verdict on what was measured."""
    area = found.area
    ranks_worse = area is not None and area.high < approved.low
    by_ratio = not ranks_worse and (found.miscalibrated or area is None)
    ranked = (
        f"the AUC is {_words(area)}, approved with {_words(approved)}"
        if area
        else f"the AUC was not evaluated ({LIMITS.performance_patients} patients with the outcome and as "
        f"many without it are needed)"
    )
    alert = ranks_worse or found.miscalibrated
    seen = "" if alert else _visible(found, approved)
    detail = f"In {found.rows} predictions with known outcome {ranked}; {found}.{seen}{notes}"
    worst = found.odds if not _outside(found.ratio) and _outside(found.odds) else found.ratio
    return CheckFinding(
        Check.PERFORMANCE,
        CheckVerdict.ALERT if alert else CheckVerdict.OK,
        round(worst.value if by_ratio or area is None else area.value, 4),
        LIMITS.performance_ratio if by_ratio else approved.low,
        detail,
    )


def _outside(ratio: Estimate) -> bool:
    return ratio.low > LIMITS.performance_ratio or ratio.high < 1 / LIMITS.performance_ratio


def _visible(found: Measured, approved: Estimate) -> str:
    """Return what these patients would have shown in four of five cases."""
    errors = 1 + POWER / z_value(found.sequential.confidence(LIMITS.performance_confidence, found.rows))
    odds = LIMITS.performance_ratio * (found.odds.high / found.odds.value) ** errors
    shown = [f"odds of {odds:.1f} times those predicted"]
    if found.area is not None:
        errors = 1 + POWER / z_value(found.sequential.confidence(0.95, found.rows))
        fall = approved.value - approved.low + errors * (found.area.value - found.area.low)
        shown.insert(0, f"an AUC that had fallen by {fall:.2f}")
    return f" They would have shown {' or '.join(shown)}."


def _covered(coverage: Coverage) -> str:
    """Return of how many predictions the outcomes are known."""
    rows = coverage.flagged + coverage.others
    return f" Outcomes are known of {coverage.share:.0%} of {rows} predictions." if rows else ""


def _waiting(outcomes: Mapping[str, int]) -> str:
    waiting = outcomes.get(OutcomeStatus.WAITING, 0)
    if waiting:
        return (
            f"Performance was not evaluated: the outcomes of {waiting} patients are known, but the time that "
            "their predictions speak for is not over."
        )
    learned = outcomes.get(OutcomeStatus.LEARNED, 0)
    if learned:
        return (
            f"Performance was not evaluated: the model learned from all {learned} patients whose outcomes "
            "are known, which is no proof that it is right about others. Outcomes of those are needed."
        )
    return "Performance was not evaluated: no outcomes of these predictions have arrived yet."


def not_counted(outcomes: Mapping[str, int]) -> str:
    """Return the sentence on known outcomes that are in no figure, with a blank before it; "" without any."""
    """Return how many outcomes are not in the figures, and why; "" where there are none."""
    left = [
        f"{outcomes[status]} {status}"
        for status in (OutcomeStatus.WAITING, OutcomeStatus.CONFLICTING, OutcomeStatus.EARLIER)
        if outcomes.get(status)
    ]
    learned = outcomes.get(OutcomeStatus.LEARNED)
    if learned:
        left.append(f"{learned} of patients whom the model learned from")
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
