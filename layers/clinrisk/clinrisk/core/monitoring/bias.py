"""Bias: whether the live model serves a protected group worse than when it was approved.

Groups differ in fact (more men than women have the disease), so parity is no rule here: each attribute's gap
is compared with the gap that the approver saw. Without outcomes the gap is that of selection rates
(demographic parity difference), with outcomes that of true positive rates (equal opportunity difference;
Hardt, Price and Srebro 2016). Gaps are better when smaller. Standard library and numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from clinrisk.core.monitoring.findings import ScoreMaterial
    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.use_cases.base import UseCase

DRAWS = 2000


@dataclass(frozen=True)
class Rate:
    """How many patients of a group were flagged: hits of trials."""

    hits: int
    trials: int


@dataclass(frozen=True)
class Measure:
    """The rate that a gap is about."""

    title: str
    counted: str
    fewest: int
    labelled: bool


SELECTION_RATE = Measure("share flagged", "patients", LIMITS.bias_rows, labelled=False)
TRUE_POSITIVE_RATE = Measure("share of cases found", "known cases", LIMITS.bias_cases, labelled=True)


@dataclass(frozen=True)
class GapRise:
    """The gap between an attribute's groups when approved and now."""

    attribute: str
    approved: float
    current: float
    low: float
    """The low end of the interval of current minus approved."""

    @property
    def rise(self) -> float:
        """The gap now minus the approved one; up is bad."""
        return self.current - self.approved


def rate_gap(rates: NDArray[Any]) -> NDArray[np.float64]:
    """Return the distance of the highest from the lowest rate along the last axis: 0 when alike.

    >>> float(rate_gap(np.array([0.5, 0.75, 0.625])))
    0.25
    """
    gap: NDArray[np.float64] = rates.max(axis=-1) - rates.min(axis=-1)
    return gap


def gap_draws(groups: Mapping[str, Rate], rng: Generator, draws: int = DRAWS) -> NDArray[np.float64]:
    """Return the gaps of `draws` resampled groups.

    Resampling rows with replacement is one multinomial draw over the cells group x hit (Efron 1979), so the
    cost does not depend on the number of patients.
    """
    cells = np.array([[rate.hits, rate.trials - rate.hits] for rate in groups.values()])
    drawn = rng.multinomial(cells.sum(), cells.ravel() / cells.sum(), size=draws).reshape(draws, -1, 2)
    return rate_gap(drawn[..., 0] / np.maximum(drawn.sum(axis=-1), 1))


def gap_rise(
    attribute: str,
    approved: Mapping[str, Rate],
    current: Mapping[str, Rate],
    rng: Generator,
    significance: float = LIMITS.bias_significance,
) -> GapRise:
    """Return the change of a gap over the same groups; its interval allows for the noise of both samples.

    The basic bootstrap interval (Davison and Hinkley 1997, section 5.2): a gap of small groups is large by
    chance, and this interval takes that bias out instead of counting it twice.
    """
    before, now = (
        float(rate_gap(np.array([rate.hits / rate.trials for rate in groups.values()])))
        for groups in (approved, current)
    )
    drawn = gap_draws(current, rng) - gap_draws(approved, rng)
    low = 2 * (now - before) - float(np.quantile(drawn, 1 - significance / 2))
    return GapRise(attribute, before, now, low)


def approved_rates(evaluation: Mapping[str, Any], attribute: str, measure: Measure) -> dict[str, Rate]:
    """Return the rates that the approver saw, from the counts in `groups` of evaluation.json."""
    trials, hits = ("positives", "tp") if measure.labelled else ("n", "flagged")
    groups = evaluation["groups"].get(attribute, {})
    return {name: Rate(counts[hits], counts[trials]) for name, counts in groups.items()}


def current_rates(scores: ScoreProfile, attribute: str, measure: Measure) -> dict[str, Rate]:
    """Return each group's rate in a scored batch; without known outcomes it has no true positive rate."""
    found = {}
    for name, group in scores.attributes.get(attribute, {}).items():
        known = group.outcomes
        if not measure.labelled:
            found[name] = Rate(group.flagged, group.n)
        elif known is not None:
            found[name] = Rate(known.tp, known.positives)
    return found


def bias_finding(use_case: UseCase, material: ScoreMaterial) -> CheckFinding:
    """Return whether a protected group is served worse than in the approved evaluation.

    With outcomes the gap of true positive rates decides, without them that of selection rates. The statistic
    is the largest rise of a gap; the interval is widened for the number of attributes (Bonferroni).
    """
    scores, limit = material.scores, LIMITS.bias_gap_rise
    if scores is None:
        return not_evaluated(Check.BIAS, limit, "Bias was not evaluated: the batch is not scored yet.")
    measure = SELECTION_RATE if scores.everyone.outcomes is None else TRUE_POSITIVE_RATE
    rises: list[GapRise] = []
    too_few: list[str] = []
    for protected in use_case.protected:
        attribute, titles = protected.name, protected.group_titles
        before = approved_rates(material.evaluation, attribute, measure)
        now = current_rates(scores, attribute, measure)
        enough = [
            group
            for group in now
            if group in before and min(before[group].trials, now[group].trials) >= measure.fewest
        ]
        too_few += [
            f"{protected.title}: {titles.get(group, group)} ({now[group].trials})"
            for group in now
            if group not in enough
        ]
        if len(enough) >= 2:
            first, second = ({group: side[group] for group in enough} for side in (before, now))
            significance = LIMITS.bias_significance / len(use_case.protected)
            rises.append(gap_rise(protected.title, first, second, material.rng, significance))
    left_out = _left_out(too_few, measure)
    if not rises:
        why = f"Bias was not evaluated: no attribute has two groups with enough {measure.counted}. {left_out}"
        return not_evaluated(Check.BIAS, limit, why.strip())
    worst = max(rises, key=lambda gap: (gap.low > limit, gap.rise))
    detail = (
        f"The largest change is by {worst.attribute}: the gap in the {measure.title} is {worst.current:.2f}, "
        f"approved with {worst.approved:.2f} (a rise of more than {limit:.2f}, beyond chance, makes an "
        f"alert). {left_out}"
    )
    return CheckFinding(
        Check.BIAS,
        CheckVerdict.ALERT if worst.low > limit else CheckVerdict.OK,
        round(worst.rise, 4),
        limit,
        detail.strip(),
    )


def _left_out(groups: list[str], measure: Measure) -> str:
    """Return the sentence on the groups that are too small, with their counts."""
    if not groups:
        return ""
    fewer = f"fewer than {measure.fewest} {measure.counted} now or at approval"
    return f"Not evaluated, with {fewer}: {', '.join(groups)}."
