"""Bias: whether the live model serves a protected group worse than when it was approved.

Groups differ honestly (more men than women have the disease), so parity is no rule here: each attribute's
gap is compared with the gap that the approver saw. Without outcomes the gap is that of selection rates
(demographic parity difference), with outcomes that of true positive rates (equal opportunity difference;
Hardt, Price and Srebro 2016). Gaps are better when smaller. Standard library and numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.use_cases.base import UseCase

GAP_RISE_LIMIT = 0.10
"""A gap may grow by this much over the approved one, chance set aside."""
MINIMUM_POSITIVES = 10
"""Known cases that a group needs for its true positive rate."""
MINIMUM_ROWS = 20
"""Patients that a group needs for its selection rate."""
SIGNIFICANCE = 0.05
DRAWS = 2000


@dataclass(frozen=True)
class Rate:
    """How many of those who could be flagged were: hits of trials."""

    hits: int
    trials: int


@dataclass(frozen=True)
class Measure:
    """What a gap is a gap of."""

    title: str
    counted: str
    fewest: int
    labelled: bool


SELECTION_RATE = Measure("share flagged", "patients", MINIMUM_ROWS, labelled=False)
TRUE_POSITIVE_RATE = Measure("share of cases found", "known cases", MINIMUM_POSITIVES, labelled=True)


@dataclass(frozen=True)
class GapRise:
    """How much an attribute's gap grew: the gaps between best and worst served group, and the interval."""

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
    """Give the distance of the highest from the lowest rate along the last axis: 0 when alike.

    >>> float(rate_gap(np.array([0.5, 0.75, 0.625])))
    0.25
    """
    gap: NDArray[np.float64] = rates.max(axis=-1) - rates.min(axis=-1)
    return gap


def gap_draws(groups: Mapping[str, Rate], rng: Generator, draws: int = DRAWS) -> NDArray[np.float64]:
    """Give the gaps of `draws` resampled groups.

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
    significance: float = SIGNIFICANCE,
) -> GapRise:
    """Compare a gap with the approved one over the same groups; the interval allows for both samples' noise.

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
    """Read what the approver saw: each group's rate from the counts in evaluation.json's `groups`."""
    trials, hits = ("positives", "tp") if measure.labelled else ("n", "flagged")
    groups = evaluation["groups"].get(attribute, {})
    return {name: Rate(counts[hits], counts[trials]) for name, counts in groups.items()}


def current_rates(scores: ScoreProfile, attribute: str, measure: Measure) -> dict[str, Rate]:
    """Read each group's rate in a scored batch; a group without known outcomes has none to find."""
    found = {}
    for name, group in scores.attributes.get(attribute, {}).items():
        known = group.outcomes
        if not measure.labelled:
            found[name] = Rate(group.flagged, group.n)
        elif known is not None:
            found[name] = Rate(known.tp, known.positives)
    return found


def bias_finding(
    use_case: UseCase, evaluation: Mapping[str, Any], scores: ScoreProfile | None, rng: Generator
) -> CheckFinding:
    """Judge each protected attribute of a scored batch against the approved model's own groups.

    With outcomes the gap of true positive rates decides, without them that of selection rates. The statistic
    is the largest rise of a gap; the interval is widened for the number of attributes (Bonferroni).
    """
    if scores is None:
        return not_evaluated(Check.BIAS, GAP_RISE_LIMIT, "Bias was not judged: the batch is not scored yet.")
    measure = SELECTION_RATE if scores.everyone.outcomes is None else TRUE_POSITIVE_RATE
    judged: list[GapRise] = []
    too_few: list[str] = []
    for attribute in (protected.name for protected in use_case.protected):
        before = approved_rates(evaluation, attribute, measure)
        now = current_rates(scores, attribute, measure)
        enough = [
            group
            for group in now
            if group in before and min(before[group].trials, now[group].trials) >= measure.fewest
        ]
        too_few += [f"{attribute} {group} ({now[group].trials})" for group in now if group not in enough]
        if len(enough) >= 2:
            first, second = ({group: side[group] for group in enough} for side in (before, now))
            significance = SIGNIFICANCE / len(use_case.protected)
            judged.append(gap_rise(attribute, first, second, rng, significance))
    left_out = _left_out(too_few, measure)
    if not judged:
        why = f"Bias was not judged: no attribute has two groups with enough {measure.counted}. {left_out}"
        return not_evaluated(Check.BIAS, GAP_RISE_LIMIT, why.strip())
    worst = max(judged, key=lambda gap: (gap.low > GAP_RISE_LIMIT, gap.rise))
    detail = (
        f"The largest change is by {worst.attribute}: the gap in the {measure.title} is {worst.current:.2f}, "
        f"approved with {worst.approved:.2f} (a rise surely above {GAP_RISE_LIMIT:.2f} makes an alert). "
        f"{left_out}"
    )
    return CheckFinding(
        Check.BIAS,
        CheckVerdict.ALERT if worst.low > GAP_RISE_LIMIT else CheckVerdict.OK,
        round(worst.rise, 4),
        GAP_RISE_LIMIT,
        detail.strip(),
    )


def _left_out(groups: list[str], measure: Measure) -> str:
    """Name the groups that are too small to be judged, with their counts only."""
    if not groups:
        return ""
    fewer = f"fewer than {measure.fewest} {measure.counted} now or at approval"
    return f"Not evaluated, with {fewer}: {', '.join(groups)}."
