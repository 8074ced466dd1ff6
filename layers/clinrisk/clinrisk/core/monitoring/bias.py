"""Bias: whether the live model serves a protected group otherwise than when it was approved.

Groups differ in fact (more men than women have the disease), so parity is no rule here: the gap between a
group and the others may differ from the approved one, a fixed number, by a margin, in either direction. The
interval is that of today's counts alone, so that more patients show more (docs/decisions/0038). Standard
library and numpy only.
"""

from __future__ import annotations

import math
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.coverage import Coverage
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated
from clinrisk.core.monitoring.group_gaps import (
    BY_OUTCOMES,
    BY_SCORES,
    CALIBRATION,
    FLAGGED,
    RECALL,
    Counted,
    Gap,
    gap_of,
    trials_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clinrisk.core.monitoring.findings import ScoreMaterial
    from clinrisk.core.monitoring.group_gaps import Measure
    from clinrisk.core.monitoring.sequential import Sequential
    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.use_cases.base import ProtectedAttribute, UseCase

LIMIT = 1.0
"""Of the statistic: how far today's interval is from the approved gap, in margins."""
_SHOWN = 4


def gaps(
    use_case: UseCase,
    evaluation: Mapping[str, Any],
    scores: ScoreProfile,
    measure: Measure,
    sequential: Sequential,
) -> Iterator[Gap | str]:
    """Yield the gap of every group in one measure; of a group that is too small, its name and trials.

    The intervals of all groups and measures hold at once (Bonferroni), and at every look. Of two groups only
    one has a gap of its own: that of the other is the same with the other sign.
    """
    groups = sum(len(one.group_names) for one in use_case.protected)
    of_one = 1 - LIMITS.bias_significance / (groups * len((*BY_SCORES, *BY_OUTCOMES)))
    confidence = sequential.confidence(of_one, scores.everyone.n)
    for attribute in use_case.protected:
        now = {
            name: counted
            for name, group in scores.attributes.get(attribute.name, {}).items()
            if (counted := measure.now(group)) is not None
        }
        before = _approved(evaluation, attribute, measure, now)
        both = [name for name in now if name in before]
        enough = [name for name in both if _enough(measure, name, now) and _enough(measure, name, before)]
        for name in now.keys() - enough:
            trials = trials_of(measure, now[name])
            yield f"{attribute.title}: {attribute.group_titles.get(name, name)} ({trials:.0f})"
        for name in enough[:1] if len(now) == 2 else enough:
            yield _gap(attribute, name, measure, (before, now), confidence)


def _approved(
    evaluation: Mapping[str, Any],
    attribute: ProtectedAttribute,
    measure: Measure,
    now: Mapping[str, Counted],
) -> dict[str, Counted]:
    """Return the approved counts; of what no evaluation states, every group has the same."""
    if measure.margin == LIMITS.bias_doubt_gap:
        return dict.fromkeys(now, Counted(0, LIMITS.bias_rows))
    groups = (evaluation.get("groups") or {}).get(attribute.name, {})
    counted = {name: measure.approved(group) for name, group in groups.items()}
    return {name: counts for name, counts in counted.items() if counts is not None}


def _others(name: str, groups: Mapping[str, Counted]) -> Counted:
    return reduce(add, (counts for other, counts in groups.items() if other != name), Counted(0, 0))


def _enough(measure: Measure, name: str, groups: Mapping[str, Counted]) -> bool:
    sides = groups[name], _others(name, groups)
    return all(trials_of(measure, side) >= measure.fewest for side in sides)


def _gap(
    attribute: ProtectedAttribute,
    name: str,
    measure: Measure,
    sides: tuple[Mapping[str, Counted], Mapping[str, Counted]],
    confidence: float,
) -> Gap:
    (approved, _), (today, rate) = (
        (
            gap_of(measure, side[name], _others(name, side), confidence),
            side[name].hits / (side[name].expected or side[name].trials),
        )
        for side in sides
    )
    title = attribute.group_titles.get(name, name)
    trials = trials_of(measure, sides[0][name])
    return Gap(attribute.title, title, measure, rate, approved.value, trials, today)


def bias_finding(use_case: UseCase, material: ScoreMaterial) -> CheckFinding:
    """Return whether a group is served otherwise than in the approved evaluation.

    Flags and doubts are judged of all scored patients; cases found, false alarms, right flags and calibration
    of those whose outcomes are known. The statistic is how far the worst interval is from the approved gap.
    """
    if material.scores is None and material.labelled is None:
        return not_evaluated(Check.BIAS, LIMIT, "Bias was not evaluated: the batch is not scored yet.")
    found: list[Gap] = []
    small: dict[Measure, list[str]] = {}
    for profile, measure in _judged(material):
        for gap in gaps(use_case, material.evaluation, profile, measure, material.sequential):
            if isinstance(gap, Gap):
                found.append(gap)
            elif measure in {FLAGGED, RECALL}:
                small.setdefault(measure, []).append(gap)
    notes = _notes(use_case, material, small)
    if not found:
        why = "Bias was not evaluated: no group, and no others to compare it with, are large enough."
        return not_evaluated(Check.BIAS, LIMIT, " ".join((why, *notes)))
    found.sort(key=lambda gap: -gap.beyond)
    worst = [gap for gap in found if gap.beyond > LIMIT]
    text = _changed(worst) if worst else _in_order(found)
    verdict = CheckVerdict.ALERT if worst else CheckVerdict.OK
    statistic = round(max(found[0].beyond, 0.0), 4)
    text += material.sequential.note
    return CheckFinding(Check.BIAS, verdict, statistic, LIMIT, " ".join((text, *notes)))


def _judged(material: ScoreMaterial) -> Iterator[tuple[ScoreProfile, Measure]]:
    """Yield each measure with the counts that it is judged by."""
    if material.scores is not None:
        yield from ((material.scores, measure) for measure in BY_SCORES)
    if material.labelled is not None:
        selective = Coverage.of(material.predicted, material.labelled.everyone).selective
        for measure in BY_OUTCOMES:
            if not (selective and measure.needs_everyone):
                yield material.labelled, measure


def _notes(use_case: UseCase, material: ScoreMaterial, small: Mapping[Measure, Sequence[str]]) -> list[str]:
    """Return the sentences on what was left out: absent groups, known outcomes of some only, small groups."""
    notes = []
    if material.scores is not None:
        notes = [*_absent(use_case, material.evaluation, material.scores), *material.scores.notes]
    if material.labelled is not None:
        coverage = Coverage.of(material.predicted, material.labelled.everyone)
        if coverage.selective:
            notes.append(
                f"Cases found, false alarms and calibration were not evaluated: {coverage}, so that those "
                "who are known cannot stand for the others."
            )
    return notes + [
        f"Not evaluated, with fewer than {measure.fewest} {measure.counted}, here or among the others, now "
        f"or at approval: {', '.join(sorted(names))}."
        for measure, names in small.items()
    ]


def _absent(use_case: UseCase, evaluation: Mapping[str, Any], scores: ScoreProfile) -> list[str]:
    """Return the sentence that names the groups of the approved evaluation that no patient is in."""
    names = [
        f"{attribute.title}: {attribute.group_titles.get(name, name)}"
        for attribute in use_case.protected
        for name, group in ((evaluation.get("groups") or {}).get(attribute.name, {})).items()
        if group["n"] >= LIMITS.bias_rows and name not in scores.attributes.get(attribute.name, {})
    ]
    return [f"No patient is in: {', '.join(names)}."] if names else []


def _changed(worst: Sequence[Gap]) -> str:
    """Return in words how groups are served otherwise, the surest first."""
    text = "; ".join(_words(gap) for gap in worst[:_SHOWN])
    return f"{text}{f'; and {len(worst) - _SHOWN} more' if len(worst) > _SHOWN else ''}."


def _words(gap: Gap) -> str:
    if gap.measure is CALIBRATION:
        factor, approved = math.exp(gap.today.value), math.exp(gap.approved)
        return (
            f"{gap.attribute}, {gap.group}: {gap.rate:.2f} cases occurred for each one expected, "
            f"{factor:.2f} times as many as among the others ({math.exp(gap.today.low):.2f} to "
            f"{math.exp(gap.today.high):.2f}), approved with {approved:.2f} times; a change by "
            f"a factor of {LIMITS.bias_ratio:g} is the limit"
        )
    text = (
        f"{gap.attribute}, {gap.group}: the {gap.measure.title} is {gap.rate:.0%}, "
        f"{gap.today.value:+.2f} against the others ({gap.today.low:+.2f} to {gap.today.high:+.2f})"
    )
    if gap.measure.margin == LIMITS.bias_doubt_gap:
        return f"{text}; {gap.measure.margin:.2f} is the limit"
    return (
        f"{text}, approved with {gap.approved:+.2f} on {gap.approved_trials:.0f} {gap.measure.counted}; a "
        f"change of {gap.measure.margin:.2f} is the limit"
    )


def _in_order(found: Sequence[Gap]) -> str:
    """Return the largest change, and what these counts would have shown."""
    largest = max(found, key=lambda gap: abs(gap.change) / gap.measure.margin)
    shown = {
        measure.title: min(gap.visible for gap in found if gap.measure is measure)
        for measure in (RECALL, FLAGGED)
        if any(gap.measure is measure for gap in found)
    }
    seen = ", ".join(f"{size:.2f} in the {title}" for title, size in shown.items())
    text = (
        f"None of {len(found)} gaps differs from the approved one by more than its margin for sure; the "
        f"largest change: {_words(largest)}."
    )
    return f"{text} A change of the gap would have shown from {seen}." if seen else text
