"""The promotion bar applied: what is asked of a candidate, what was found, whether that is enough.

Standard library only. The verdict reads `evaluation.json` (docs/evaluation.schema.json) and the use case's
`PromotionBar`; it never sees a patient. Margins are tested as non-inferiority: the entire 95% interval of the
paired difference has to lie above minus the margin (Piaggio et al., 2012, CONSORT for non-inferiority), since
on these data no model beats logistic regression and "must be better" would block for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.evaluation.figure_text import NO_FIGURE
from clinrisk.core.training.group_bar import GroupVerdict, group_findings, group_limits, inside, outside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from clinrisk.use_cases.bar import PromotionBar
    from clinrisk.use_cases.base import UseCase

CANDIDATE = "xgboost"
BASELINE = "logistic"
FLOOR = "floor"
CHAMPION = "champion"
FIRST_RELEASED = "first_released"
REFERENCE = "reference"
"""The kind of an evaluation of a model that is not ours: no other model is there to be compared with."""
REFERENCES = {
    BASELINE: "the logistic regression baseline",
    FLOOR: "the floor (one feature alone)",
    CHAMPION: "the live model",
    FIRST_RELEASED: "the first released model",
}


@dataclass(frozen=True)
class Requirement:
    """One line of the bar: what was asked, what was found, and whether that is enough."""

    asked: str
    found: str
    met: bool


@dataclass(frozen=True)
class Unproven:
    """A group in which harm could go unseen: who, how many of them, and what could not be shown."""

    key: str
    title: str
    patients: int
    positives: int
    doubts: tuple[str, ...]


def _number(figures: Mapping[str, Any], name: str) -> float | None:
    """Return a figure's estimate, or None where it was not evaluated."""
    figure = figures.get(name, NOT_EVALUATED)
    return None if figure == NOT_EVALUATED else float(figure[0])


def _between(
    title: str, value: float | None, low: float | None, high: float | None, digits: int = 3
) -> Requirement:
    """Require an estimate inside [low, high]; what could not be evaluated does not meet it."""
    limits = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
    asked = f"{title}: {' and '.join(limit for limit in limits if limit)}"
    if value is None:
        return Requirement(asked, NO_FIGURE, met=False)
    met = (low is None or value >= low) and (high is None or value <= high)
    return Requirement(asked, f"{value:.{digits}f}", met=met)


def _within(title: str, figures: Mapping[str, Any], name: str, limits: tuple[float, float]) -> Requirement:
    """Require a 95% interval that lies within its limits, both ends included."""
    asked = f"{title}: 95% interval within {limits[0]:g} to {limits[1]:g}"
    figure = figures.get(name, NOT_EVALUATED)
    if figure == NOT_EVALUATED:
        return Requirement(asked, NO_FIGURE, met=False)
    return Requirement(asked, _in_brackets(figure), met=inside(figure, limits))


def _expected_cases(evaluation: Mapping[str, Any], bar: PromotionBar) -> Iterator[Requirement]:
    """Yield that the sum of risks stays near that of other models, unless those are shown to be wrong.

    No chance of outcomes is in this comparison, so it sees a shift that observed : expected cannot.
    """
    most = bar.expected_cases_factor
    for pair in (f"{CANDIDATE}_vs_{BASELINE}", *_released(evaluation)):
        name = pair.removeprefix(f"{CANDIDATE}_vs_")
        asked = f"Expected cases within a factor of {most:g} of those under {REFERENCES[name]}"
        figure = evaluation["comparison"].get(pair, {}).get("expected_cases", NOT_EVALUATED)
        if figure == NOT_EVALUATED:
            yield Requirement(asked, NO_FIGURE, met=False)
            continue
        other = evaluation["models"].get(name, {}).get("observed_to_expected", NOT_EVALUATED)
        wrong = other != NOT_EVALUATED and outside(other, bar.observed_to_expected)
        found = f"{_in_brackets(figure)}{'; that model is shown to be wrong' if wrong else ''}"
        yield Requirement(asked, found, met=wrong or inside(figure, (1 / most, most)))


def _difference(comparison: Mapping[str, Any], reference: str, name: str) -> list[float] | None:
    """Return a paired difference with its interval, or None where it was not evaluated."""
    found = comparison.get(f"{CANDIDATE}_vs_{reference}", {}).get(name, NOT_EVALUATED)
    return None if found == NOT_EVALUATED else [float(part) for part in found]


def _in_words(difference: list[float]) -> str:
    # Adding 0 turns what rounds to "-0.000" into "+0.000".
    value, low, high = (round(part, 3) + 0.0 for part in difference)
    return f"difference {value:+.3f} [{low:+.3f}, {high:+.3f}]"


def _not_worse(
    comparison: Mapping[str, Any], reference: str, margin: float, title: str | None = None
) -> Requirement:
    """Require an area that is, with 95% confidence, not below a reference's by more than a margin."""
    named = title or REFERENCES[reference]
    by = f" by more than {margin:g}" if margin else ""
    asked = f"AUC not below that of {named}{by}, with 95% confidence"
    difference = _difference(comparison, reference, "auc")
    if difference is None:
        return Requirement(asked, NO_FIGURE, met=False)
    return Requirement(asked, _in_words(difference), met=difference[1] >= -margin)


def requirements(evaluation: Mapping[str, Any], bar: PromotionBar) -> list[Requirement]:
    """Return every requirement of the bar with what the evaluation found, in the order a reader asks."""
    return list(_requirements(evaluation, bar))


def _requirements(evaluation: Mapping[str, Any], bar: PromotionBar) -> Iterator[Requirement]:
    """Yield the bar's lines one by one."""
    if evaluation.get("kind") == REFERENCE:
        yield from _of_reference(evaluation, bar)
        return
    counts = evaluation["counts"]["training"]
    figures = evaluation["models"][CANDIDATE]
    comparison = evaluation["comparison"]
    yield _between("Patients to learn from", counts["rows"], bar.minimum_rows, None, digits=0)
    yield _between("Patients with the condition", counts["positives"], bar.minimum_events, None, digits=0)
    auc = _number(figures, "auc")
    yield _between("AUC", auc, bar.lowest_auc, None)
    leak = _between("AUC that these data can honestly give", auc, None, bar.highest_auc)
    yield leak if leak.met else Requirement(leak.asked, f"{leak.found}: check for a leak", met=False)
    yield _not_worse(comparison, BASELINE, bar.margin_to_baseline)
    floor = evaluation.get("floor_feature")
    yield _not_worse(comparison, FLOOR, bar.margin_to_floor, f"{floor} alone" if floor else None)
    yield from _against_champion(evaluation, bar)
    yield _between("Brier score", _number(figures, "brier"), None, bar.highest_brier)
    yield _within("Calibration slope", figures, "calibration_slope", bar.calibration_slope)
    ratio = "observed_to_expected"
    yield _within("Observed cases per expected case", figures, ratio, bar.observed_to_expected)
    yield from _expected_cases(evaluation, bar)
    yield from _groups(evaluation, bar)
    yield _holdout_agrees(evaluation["holdout"][CANDIDATE], bar)
    uses = evaluation.get("looks", 1)
    yield _between("Candidates checked on these hold-out patients", uses, None, bar.holdout_uses, 0)


def _of_reference(evaluation: Mapping[str, Any], bar: PromotionBar) -> Iterator[Requirement]:
    """Yield what is asked of the predictions of another model, before they are what it is watched against."""
    counts, figures = evaluation["counts"]["training"], evaluation["models"][CANDIDATE]
    yield _between("Patients with a known outcome", counts["rows"], bar.minimum_rows, None, digits=0)
    yield _between("Patients with the condition", counts["positives"], bar.minimum_events, None, digits=0)
    coverage = evaluation["coverage"]
    asked = "Outcomes are known of flagged patients and of others alike"
    yield Requirement(asked, coverage["found"], met=not coverage["selective"])
    yield _between("AUC", _number(figures, "auc"), bar.lowest_auc, bar.highest_auc)
    yield _between("Brier score", _number(figures, "brier"), None, bar.highest_brier)
    yield _within("Calibration slope", figures, "calibration_slope", bar.calibration_slope)
    ratio = "observed_to_expected"
    yield _within("Observed cases per expected case", figures, ratio, bar.observed_to_expected)
    yield from _groups(evaluation, bar)


def _against_champion(evaluation: Mapping[str, Any], bar: PromotionBar) -> Iterator[Requirement]:
    """Yield what is asked of a candidate that would replace a live model; nothing when none is live.

    The margins are tested on training patients, out of fold for both models; the few hold-out patients may
    only not contradict: with 60 of them two equal models would too often appear different.
    """
    champion = evaluation.get("champion")
    if champion is None:
        return
    comparison = evaluation["comparison"]
    if not champion["compared"]["training"]:
        asked = "Compared with the live model on the same patients"
        why = champion["why_not"] or "no patient has a risk from both"
        yield Requirement(asked, f"not evaluated: {why}", met=False)
        return
    yield _not_worse(comparison, CHAMPION, bar.margin_to_champion)
    margin = bar.brier_margin_to_champion
    asked = f"Brier score not above that of the live model by more than {margin:g}, with 95% confidence"
    brier = _difference(comparison, CHAMPION, "brier")
    met = brier is not None and brier[2] <= margin
    yield Requirement(asked, NO_FIGURE if brier is None else _in_words(brier), met=met)
    unseen = _difference(evaluation["holdout_comparison"], CHAMPION, "auc")
    if unseen is not None:
        asked = (
            f"Hold-out patients do not show an AUC lower than the live model's by {bar.margin_to_champion:g}"
        )
        yield Requirement(asked, _in_words(unseen), met=unseen[2] >= -bar.margin_to_champion)


def _groups(evaluation: Mapping[str, Any], bar: PromotionBar) -> Iterator[Requirement]:
    """Yield what is asked of groups: where harm is found it is named, group by group."""
    asked = f"No group has an AUC below {bar.lowest_group_auc:g}, with 95% confidence"
    areas = [
        (f"{attribute} {group}", figures["auc"])
        for attribute, table in evaluation.get("groups", {}).items()
        for group, figures in table.items()
        if figures.get("auc", NOT_EVALUATED) != NOT_EVALUATED
    ]
    below = [f"{name} {_in_brackets(auc)}" for name, auc in areas if auc[2] < bar.lowest_group_auc]
    yield Requirement(asked, "; ".join(below) or f"none of {len(areas)} groups", met=not below)
    for limit in group_limits(bar, _released(evaluation)):
        findings = group_findings(evaluation, limit)
        harmed = [
            f"{each.attribute} {each.group} {_in_brackets(each.figure)}"
            for each in findings
            if each.verdict is GroupVerdict.HARM and each.figure is not None
        ]
        unseen = sum(each.verdict is GroupVerdict.UNSEEN for each in findings)
        found = f"shown for {len(findings) - unseen} of {len(findings)} groups"
        yield Requirement(limit.asked, "; ".join(harmed) or found, met=not harmed)


def _released(evaluation: Mapping[str, Any]) -> dict[str, str]:
    """Return the released models that the candidate shares patients with, as parts of the comparison."""
    return {
        f"{CANDIDATE}_vs_{name}": REFERENCES[name]
        for name in (CHAMPION, FIRST_RELEASED)
        if (evaluation.get(name) or {"compared": {"training": 0}})["compared"]["training"]
    }


def _in_brackets(figure: Sequence[float], digits: int = 2) -> str:
    value, low, high = (f"{round(part, digits) + 0.0:.{digits}f}" for part in figure)
    return f"{value} [{low}, {high}]"


def unproven(evaluation: Mapping[str, Any], use_case: UseCase) -> list[Unproven]:
    """Return the groups in which harm could go unseen: an approver accepts each by name."""
    doubts: dict[tuple[str, str], list[str]] = {}
    for limit in group_limits(use_case.bar, _released(evaluation)):
        for each in group_findings(evaluation, limit):
            if each.verdict is GroupVerdict.UNSEEN:
                found = NO_FIGURE if each.figure is None else _in_brackets(each.figure)
                doubts.setdefault((each.attribute, each.group), []).append(f"{limit.asked}: {found}")
    listed = []
    for attribute in use_case.protected:
        titles = attribute.group_titles
        for name in (name for name in attribute.group_names if (attribute.name, name) in doubts):
            counts = evaluation["groups"].get(attribute.name, {}).get(name, {})
            key, title = f"{attribute.name}_{name}", f"{attribute.title}: {titles[name]}"
            about = tuple(doubts[attribute.name, name])
            listed.append(Unproven(key, title, counts.get("n", 0), counts.get("positives", 0), about))
    first = evaluation.get(FIRST_RELEASED)
    if first and not first["compared"]["training"]:
        why = (f"cannot be compared: {first['why_not']}",)
        listed.append(Unproven(FIRST_RELEASED, REFERENCES[FIRST_RELEASED], 0, 0, why))
    return listed


def _holdout_agrees(figures: Mapping[str, Any], bar: PromotionBar) -> Requirement:
    """Require that patients never seen in training do not contradict the cross-validated estimate."""
    asked = f"Hold-out patients do not rule out an AUC of {bar.lowest_auc:g}"
    figure = figures.get("auc", NOT_EVALUATED)
    if figure == NOT_EVALUATED:
        return Requirement(asked, NO_FIGURE, met=False)
    return Requirement(asked, _in_brackets(figure, 3), met=figure[2] >= bar.lowest_auc)


def unmet_requirements(evaluation: Mapping[str, Any], bar: PromotionBar) -> list[str]:
    """Return, in words an approver can read, why a candidate may not be promoted; empty when it may.

    >>> from clinrisk.use_cases.bar import PromotionBar
    >>> bar = PromotionBar(.8, .95, .05, .0, .05, .2, (.6, 1.6), (.8, 1.25), 20, 100)
    >>> figures = {"auc": [.7, .6, .8], "brier": [.1, .1, .1], "calibration_slope": [1, .8, 1.2],
    ...            "observed_to_expected": [1, .9, 1.1]}
    >>> pairs = {"xgboost_vs_logistic": {"auc": [0, -.01, .01], "expected_cases": [1, .9, 1.1]},
    ...          "xgboost_vs_floor": {"auc": [.1, .05, .15]}}
    >>> unmet_requirements({"counts": {"training": {"rows": 200, "positives": 60}}, "comparison": pairs,
    ...                     "models": {"xgboost": figures}, "holdout": {"xgboost": figures}}, bar)
    ['AUC: at least 0.8 (found 0.700)']
    """
    return [f"{line.asked} (found {line.found})" for line in requirements(evaluation, bar) if not line.met]
