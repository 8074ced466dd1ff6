"""What clinicians did, as lines of the page: shares with their intervals, none of a group that is too small.

Of a group that is too small neither a share nor a count is shown. Standard library and numpy only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.core.evaluation.estimates import wilson
from clinrisk.core.evaluation.figure_text import share
from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.page import svg_charts
from clinrisk.core.profiles.feedback_profile import BAND
from clinrisk.core.release.page.evidence_view import TableLine
from clinrisk.use_cases.feedback_codes import NOT_SEEN, OVERRIDDEN, REASON, ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from markupsafe import Markup

    from clinrisk.core.evaluation.estimates import Estimate
    from clinrisk.core.profiles.feedback_profile import FeedbackProfile, GroupFeedback
    from clinrisk.use_cases.base import UseCase

FEWEST = LIMITS.bias_rows
"""Patients that any share needs."""
_FEW = f"fewer than {FEWEST}"


def share_of(hits: int, trials: int) -> Estimate | None:
    """Return a share with its 95% interval (Wilson), or None of too few."""
    return wilson(hits, trials) if trials >= FEWEST else None


def feedback_lines(
    use_case: UseCase, feedback: FeedbackProfile, months: Mapping[str, FeedbackProfile], newest: int
) -> Iterator[TableLine]:
    """Yield a line of all predictions, then one per month, band and protected group."""
    yield _line("all since the release", feedback.everyone)
    for name in sorted(months)[-newest:] if len(months) > 1 else ():
        yield _line(name, months[name].everyone)
    bands = feedback.groups[BAND]
    for band in use_case.bands:
        if band.name in bands:
            yield _line(f"risk: {band.name}", bands[band.name])
    for attribute in use_case.protected:
        groups = feedback.groups.get(attribute.name, {})
        for name, title in attribute.group_titles.items():
            if name in groups:
                yield _line(f"{attribute.title}: {title}", groups[name])


def _line(title: str, found: GroupFeedback) -> TableLine:
    everyone, flagged, others = found.everyone, found.flagged, found.others
    return TableLine(
        title,
        (
            f"{everyone.predicted:,}" if everyone.predicted >= FEWEST else _FEW,
            _text(flagged.known, flagged.predicted),
            _text(others.known, others.predicted),
            _text(everyone.not_seen, everyone.known),
            _text(flagged.overridden, flagged.seen),
            _text(others.overridden, others.seen),
        ),
    )


def _text(hits: int, trials: int) -> str:
    found = share_of(hits, trials)
    return _FEW if found is None else share(found.as_list())


def override_chart(feedback: FeedbackProfile, months: Mapping[str, FeedbackProfile]) -> Markup | None:
    """Draw the share of flags that were overridden by month; None where fewer than two months have one."""
    points = [
        (name, one)
        for name in sorted(months)
        if (flagged := months[name].everyone.flagged)
        and (one := share_of(flagged.overridden, flagged.seen)) is not None
    ]
    flagged = feedback.everyone.flagged
    everything = share_of(flagged.overridden, flagged.seen)
    if len(points) < 2 or everything is None:
        return None
    text = "; ".join(f"{name}: {one.value:.0%}" for name, one in points)
    return svg_charts.over_time(
        points,
        band=(everything.low, everything.high),
        line=everything.value,
        description=f"Share of flags overridden: {text}",
    )


def feedback_notes(feedback: FeedbackProfile) -> Iterator[str]:
    """Yield, in a sentence each, what reasons were given, what each role did, and what is not evaluated."""
    overridden = sum(feedback.reasons.values())
    if overridden >= FEWEST:
        named = sorted(feedback.reasons.items(), key=lambda one: (-one[1], one[0]))
        parts = [f"{REASON.values.get(code, 'no reason given')} {n / overridden:.0%}" for code, n in named]
        yield f"Reasons of {overridden:,} overridden risks: {', '.join(parts)}."
    elif overridden:
        yield f"Reasons were not evaluated: {_FEW} risks were overridden."
    roles = [
        f"{ROLE.values[role]}: of {n:,} responses {counts.get(OVERRIDDEN, 0) / n:.0%} overridden, "
        f"{counts.get(NOT_SEEN, 0) / n:.0%} not seen"
        for role, counts in feedback.roles.items()
        if (n := sum(counts.values())) >= FEWEST
    ]
    if roles:
        yield f"By role, where a patient may count for several: {'; '.join(roles)}."
    if feedback.everyone.flagged.seen < FEWEST:
        yield f"The share of flags overridden was not evaluated: {_FEW} flags were seen, as far as known."
