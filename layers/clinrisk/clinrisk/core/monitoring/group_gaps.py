"""How a group is served compared with the others: the rates that are watched, and their gaps with intervals.

A gap has a sign: the rate of a group minus that of all others of its attribute. What was approved is a
number, from the counts of the approved evaluation; only today's counts have an interval. Standard library
only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk.core.evaluation.estimates import Estimate, wilson, z_value
from clinrisk.core.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clinrisk.core.profiles.score_profile import GroupScores


@dataclass(frozen=True)
class Counted:
    """A group's counts for one rate: hits of trials; `expected` hits where the rate is their ratio."""

    hits: float
    trials: float
    expected: float = 0.0

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.hits + other.hits, self.trials + other.trials, self.expected + other.expected)


@dataclass(frozen=True)
class Measure:
    """A rate by which groups are compared."""

    title: str
    counted: str
    """What the trials are, in words."""
    fewest: int
    """Trials that a group, and the others, need."""
    margin: float
    """What the gap may differ by from the approved one; of a ratio, the factor."""
    now: Callable[[GroupScores], Counted | None]
    approved: Callable[[Mapping[str, Any]], Counted | None]
    """None where the counts, or the outcomes, are not known."""
    needs_everyone: bool = False
    """Whether outcomes of flagged patients alone say nothing about it."""


@dataclass(frozen=True)
class Gap:
    """The gap of one group in one measure: approved, and today with its interval."""

    attribute: str
    group: str
    measure: Measure
    rate: float
    approved: float
    approved_trials: float
    today: Estimate

    @property
    def beyond(self) -> float:
        """How far today's interval is from the approved gap, in margins: above 1 alerts."""
        apart = max(self.today.low - self.approved, self.approved - self.today.high)
        return apart / self.measure.margin

    @property
    def change(self) -> float:
        """Today's gap minus the approved one."""
        return self.today.value - self.approved

    @property
    def visible(self) -> float:
        """The change, either way, that these counts show in about half of all cases."""
        reach = max(self.today.value - self.today.low, self.today.high - self.today.value)
        return self.measure.margin + reach


def _known(group: GroupScores, counted: Callable[[Any], Counted]) -> Counted | None:
    return None if group.outcomes is None else counted(group)


def _approved_expected(group: Mapping[str, Any]) -> Counted | None:
    """Return observed and expected cases as the evaluation has them: it states their ratio."""
    ratio = group.get("observed_to_expected")
    if not isinstance(ratio, list) or not ratio[0]:
        return None
    return Counted(group["positives"], group["n"], group["positives"] / ratio[0])


RECALL = Measure(
    "share of cases found",
    "known cases",
    LIMITS.bias_cases,
    LIMITS.bias_gap_rise,
    lambda group: _known(group, lambda one: Counted(one.outcomes.tp, one.outcomes.positives)),
    lambda group: Counted(group["tp"], group["positives"]),
    needs_everyone=True,
)
FALSE_ALARMS = Measure(
    "share of false alarms",
    "known patients without the condition",
    LIMITS.bias_cases,
    LIMITS.bias_gap_rise,
    lambda group: _known(group, lambda one: Counted(one.outcomes.fp, one.n - one.outcomes.positives)),
    lambda group: Counted(group["fp"], group["n"] - group["positives"]),
    needs_everyone=True,
)
PRECISION = Measure(
    "share of flags that are right",
    "flagged patients with a known outcome",
    LIMITS.bias_cases,
    LIMITS.bias_gap_rise,
    lambda group: _known(group, lambda one: Counted(one.outcomes.tp, one.flagged)),
    lambda group: Counted(group["tp"], group["flagged"]),
)
CALIBRATION = Measure(
    "cases per expected case",
    "expected cases",
    LIMITS.bias_cases,
    math.log(LIMITS.bias_ratio),
    lambda group: _known(group, lambda one: Counted(one.outcomes.positives, one.n, one.expected_positives)),
    _approved_expected,
    needs_everyone=True,
)
FLAGGED = Measure(
    "share flagged",
    "patients",
    LIMITS.bias_rows,
    LIMITS.bias_gap_rise,
    lambda group: Counted(group.flagged, group.n),
    lambda group: Counted(group["flagged"], group["n"]),
)
UNCERTAIN = Measure(
    "share of uncertain risks",
    "patients",
    LIMITS.bias_rows,
    LIMITS.bias_doubt_gap,
    lambda group: Counted(group.uncertain, group.n + group.not_scored),
    lambda _: None,
)
NOT_SCORED = Measure(
    "share without a risk",
    "patients",
    LIMITS.bias_rows,
    LIMITS.bias_doubt_gap,
    lambda group: Counted(group.not_scored, group.n + group.not_scored),
    lambda _: None,
)
BY_SCORES = (FLAGGED, UNCERTAIN, NOT_SCORED)
BY_OUTCOMES = (RECALL, FALSE_ALARMS, PRECISION, CALIBRATION)


def difference(one: Counted, others: Counted, confidence: float) -> Estimate:
    """Return the difference of two shares with its interval: Newcombe's (1998), method 10.

    >>> [round(x, 3) for x in difference(Counted(56, 70), Counted(48, 80), 0.95).as_list()]
    [0.2, 0.052, 0.334]
    """
    first, second = (wilson(each.hits, each.trials, confidence) for each in (one, others))
    value = first.value - second.value
    return Estimate(
        value,
        value - math.hypot(first.value - first.low, second.high - second.value),
        value + math.hypot(first.high - first.value, second.value - second.low),
    )


def log_ratio(one: Counted, others: Counted, confidence: float) -> Estimate:
    """Return the logarithm of a ratio of observed : expected of two groups, with its interval.

    The errors of the two logarithms (Debray et al., BMJ 356:i6460, 2017) add up in squares; half a case more
    on every side keeps a group without a case finite.
    """
    parts = [
        (
            math.log((each.hits + 0.5) / (each.expected + 0.5)),
            (1 - each.hits / each.trials) / (each.hits + 0.5),
        )
        for each in (one, others)
    ]
    value = parts[0][0] - parts[1][0]
    reach = z_value(confidence) * math.sqrt(parts[0][1] + parts[1][1])
    return Estimate(value, value - reach, value + reach)


def gap_of(measure: Measure, one: Counted, others: Counted, confidence: float) -> Estimate:
    """Return a group's gap to the others: a difference of shares, or the logarithm of a ratio."""
    compared = log_ratio if measure is CALIBRATION else difference
    return compared(one, others, confidence)


def trials_of(measure: Measure, counted: Counted) -> float:
    """Return what a group needs enough of."""
    return counted.expected if measure is CALIBRATION else counted.trials
