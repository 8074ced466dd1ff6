"""The promotion bar for groups of patients: harm blocks, and what nobody could have seen is listed by name.

Limits are judged by the whole 95% interval (equivalence: Schuirmann, 1987), so "no harm was found" is never
read as "there is none". A finding has one of three ends: shown to be within its limits; harm, where the
interval lies wholly outside, or the estimate does although the group is large enough; else unseen: what an
approver has to accept by name. Large enough means that a group which is served as well as the limits hope
would be shown to be so with the stated power. Standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from clinrisk.core.evaluation.estimates import NOT_EVALUATED, z_value
from clinrisk.core.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clinrisk.use_cases.bar import PromotionBar

Range = tuple[float, float]


class GroupVerdict(Enum):
    """What an interval says about its limits."""

    SHOWN = "shown"
    HARM = "harm"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class GroupLimit:
    """What is asked of every group: a figure, the range that it should lie in, and where it is right."""

    asked: str
    figure: str
    within: Range
    right: float
    factor: bool = False
    """The figure is a ratio: distances are factors."""
    against: str = ""
    """The part of `group_comparison` that holds it; empty for the candidate's own figures."""
    unless_wrong: Range | None = None
    """Waived where the released model's own observed : expected lies wholly outside this range."""


@dataclass(frozen=True)
class GroupFinding:
    """One limit held against one group."""

    limit: GroupLimit
    attribute: str
    group: str
    figure: Sequence[float] | None
    verdict: GroupVerdict


def group_limits(bar: PromotionBar, released: Mapping[str, str]) -> Iterator[GroupLimit]:
    """Yield what is asked of every group; `released` names the model of each part of `group_comparison`."""
    (low, high), (flat, steep) = bar.group_observed_to_expected, bar.group_calibration_slope
    yield GroupLimit(
        f"Observed cases per expected case of every group within {low:g} to {high:g}",
        "observed_to_expected",
        (low, high),
        1.0,
        factor=True,
    )
    yield GroupLimit(
        f"Calibration slope of every group within {flat:g} to {steep:g}",
        "calibration_slope",
        (flat, steep),
        1.0,
    )
    for against, named in released.items():
        worse = (
            ("AUC", "auc", bar.group_margin_auc),
            ("Share of cases found in use", "recall", bar.group_margin_recall),
        )
        for title, figure, margin in worse:
            yield GroupLimit(
                f"{title} of no group lower than under {named} by more than {margin:g}",
                figure,
                (-margin, math.inf),
                0.0,
                against=against,
            )
        most = bar.expected_cases_factor
        yield GroupLimit(
            f"Expected cases of every group within a factor of {most:g} of those under {named}",
            "expected_cases",
            (1 / most, most),
            1.0,
            factor=True,
            against=against,
            unless_wrong=(low, high),
        )


def group_findings(evaluation: Mapping[str, Any], limit: GroupLimit) -> list[GroupFinding]:
    """Hold a limit against every group that has a patient, in the order of the document."""
    tables = evaluation.get("group_comparison", {}).get(limit.against, {}) if limit.against else None
    if tables is None:
        tables = evaluation.get("groups", {})
    return [
        _found(limit, attribute, group, figures)
        for attribute, table in tables.items()
        for group, figures in table.items()
    ]


def _found(limit: GroupLimit, attribute: str, group: str, figures: Mapping[str, Any]) -> GroupFinding:
    figure = figures.get(limit.figure, NOT_EVALUATED)
    if figure == NOT_EVALUATED:
        return GroupFinding(limit, attribute, group, None, GroupVerdict.UNSEEN)
    verdict = group_verdict(figure, limit.within, limit.right, factor=limit.factor)
    if verdict is not GroupVerdict.SHOWN and limit.unless_wrong is not None:
        released = figures.get("released_observed_to_expected", NOT_EVALUATED)
        if released != NOT_EVALUATED and outside(released, limit.unless_wrong):
            verdict = GroupVerdict.SHOWN
    return GroupFinding(limit, attribute, group, figure, verdict)


def outside(figure: Sequence[float], limits: Range) -> bool:
    """Whether a whole interval lies beyond one of its limits.

    >>> outside([0.7, 0.6, 0.79], (0.8, 1.25)), outside([0.7, 0.6, 0.8], (0.8, 1.25))
    (True, False)
    """
    return figure[2] < limits[0] or figure[1] > limits[1]


def inside(figure: Sequence[float], limits: Range) -> bool:
    """Whether a whole interval lies within its limits, ends included.

    >>> inside([1.0, 0.8, 1.25], (0.8, 1.25)), inside([1.0, 0.79, 1.2], (0.8, 1.25))
    (True, False)
    """
    return limits[0] <= figure[1] and figure[2] <= limits[1]


def group_verdict(
    figure: Sequence[float], limits: Range, right: float, *, factor: bool = False
) -> GroupVerdict:
    """Return what [estimate, low, high] says about its limits; `right` is where a harmless figure lies.

    >>> group_verdict([1.4, 1.35, 1.45], (0.8, 1.25), 1.0, factor=True).value
    'harm'
    >>> group_verdict([1.1, 0.9, 1.3], (0.8, 1.25), 1.0, factor=True).value
    'unseen'
    """
    if inside(figure, limits):
        return GroupVerdict.SHOWN
    if outside(figure, limits):
        return GroupVerdict.HARM
    beyond = not limits[0] <= figure[0] <= limits[1]
    return (
        GroupVerdict.HARM if beyond and _large_enough(figure, limits, right, factor) else GroupVerdict.UNSEEN
    )


def _large_enough(figure: Sequence[float], limits: Range, right: float, factor: bool) -> bool:  # noqa: FBT001 - private
    """Whether an interval as wide as this, around the right figure, would show it with the stated power."""
    scale = math.log if factor else float
    value, low, high = map(scale, figure)
    more = 1 + NormalDist().inv_cdf(LIMITS.group_power) / z_value(LIMITS.interval_confidence)
    down, up = (value - low) * more, (high - value) * more
    middle = scale(right)
    return scale(limits[0]) <= middle - down and (math.isinf(limits[1]) or middle + up <= scale(limits[1]))
