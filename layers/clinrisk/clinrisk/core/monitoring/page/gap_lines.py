"""The gaps of groups as lines of the page: the rate, the gap today and as approved, and the change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.monitoring.bias import gaps
from clinrisk.core.monitoring.coverage import Coverage
from clinrisk.core.monitoring.group_gaps import BY_OUTCOMES, BY_SCORES, CALIBRATION, Gap
from clinrisk.core.monitoring.page import svg_charts
from clinrisk.core.monitoring.sequential import Sequential

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markupsafe import Markup

    from clinrisk.core.monitoring.group_gaps import Measure
    from clinrisk.core.monitoring.page.page_facts import PageFacts
    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.use_cases.base import UseCase


@dataclass(frozen=True)
class GapLine:
    """One gap in words and as a picture."""

    group: str
    cells: tuple[str, ...]
    """Figure, rate now, gap with its interval, gap as approved with its limits."""
    picture: Markup


def gap_lines(use_case: UseCase, facts: PageFacts) -> list[GapLine]:
    """Return a line per gap that can be judged, what changed most for sure first."""
    found = [
        gap
        for profile, measure in _judged(facts)
        for gap in gaps(use_case, facts.evaluation, profile, measure, Sequential(growing=True))
        if isinstance(gap, Gap)
    ]
    found.sort(key=lambda gap: (min(-gap.beyond, -1), -abs(gap.change) / gap.measure.margin))
    return [_line(gap) for gap in found]


def _judged(facts: PageFacts) -> Iterator[tuple[ScoreProfile, Measure]]:
    """Yield each measure with the counts that show it: of outcomes that stand for all predictions."""
    if facts.scored is not None:
        yield from ((facts.scored, measure) for measure in BY_SCORES)
    if facts.labelled is not None:
        selective = Coverage.of(facts.predicted, facts.labelled.everyone).selective
        for measure in BY_OUTCOMES:
            if not (selective and measure.needs_everyone):
                yield facts.labelled, measure


def _line(gap: Gap) -> GapLine:
    margin, ends = gap.measure.margin, (gap.today.value, gap.today.low, gap.today.high)
    limits = (gap.approved, gap.approved - margin, gap.approved + margin)
    ratio = gap.measure is CALIBRATION
    words = _factors if ratio else _differences
    value, low, high = ((one - gap.approved) / margin for one in ends)
    verdict = "outside the limits" if gap.beyond > 1 else "within the limits"
    return GapLine(
        f"{gap.group} ({gap.attribute})",
        (gap.measure.title, f"{gap.rate:.2f}" if ratio else f"{gap.rate:.0%}", words(*ends), words(*limits)),
        svg_charts.gap_bar(low, value, high, f"{value:+.1f} margins, {verdict}"),
    )


def _differences(value: float, low: float, high: float) -> str:
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def _factors(value: float, low: float, high: float) -> str:
    return f"{math.exp(value):.2f} times ({math.exp(low):.2f} to {math.exp(high):.2f})"
