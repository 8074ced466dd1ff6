"""What do I get? The promotion bar applied: which requirements a candidate does not meet, in words.

Standard library only. The verdict reads `evaluation.json` (docs/evaluation.schema.json) and the use case's
`PromotionBar`; it never sees a patient. Margins are tested as non-inferiority: the whole 95% interval of the
paired difference has to lie above minus the margin (Piaggio et al., 2012, CONSORT for non-inferiority), since
on these data no model beats logistic regression and "must be better" would block for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk.core.evaluation.estimates import NOT_EVALUATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clinrisk.use_cases.bar import PromotionBar

CANDIDATE = "xgboost"
BASELINE = "logistic"
FLOOR = "floor"
CHAMPION = "champion"
REFERENCES = {
    BASELINE: "the logistic regression baseline",
    FLOOR: "the floor (one feature alone)",
    CHAMPION: "the live model",
}


@dataclass(frozen=True)
class Requirement:
    """One line of the bar: what was asked, what was found, and whether that is enough."""

    asked: str
    found: str
    met: bool


def _number(figures: Mapping[str, Any], name: str) -> float | None:
    """Give a figure's estimate, or None where it was not evaluated."""
    figure = figures.get(name, NOT_EVALUATED)
    return None if figure == NOT_EVALUATED else float(figure[0])


def _between(
    title: str, value: float | None, low: float | None, high: float | None, digits: int = 3
) -> Requirement:
    """Require an estimate inside [low, high]; what could not be evaluated does not meet it."""
    limits = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
    asked = f"{title}: {' and '.join(limit for limit in limits if limit)}"
    if value is None:
        return Requirement(asked, "not evaluated", met=False)
    met = (low is None or value >= low) and (high is None or value <= high)
    return Requirement(asked, f"{value:.{digits}f}", met=met)


def _difference(comparison: Mapping[str, Any], reference: str, name: str) -> list[float] | None:
    """Give a paired difference with its interval, or None where it was not evaluated."""
    found = comparison.get(f"{CANDIDATE}_vs_{reference}", {}).get(name, NOT_EVALUATED)
    return None if found == NOT_EVALUATED else [float(part) for part in found]


def _spelled(difference: list[float]) -> str:
    value, low, high = difference
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
        return Requirement(asked, "not evaluated", met=False)
    return Requirement(asked, _spelled(difference), met=difference[1] >= -margin)


def compared_with(evaluation: Mapping[str, Any]) -> int:
    """Give the live version that an evaluation compares its candidate with; 0 where no model was live.

    >>> compared_with({"champion": {"live_version": 3}}), compared_with({"champion": None})
    (3, 0)
    """
    champion = evaluation.get("champion")
    return 0 if champion is None else int(champion["live_version"])


def outdated(compared: int, live: int) -> str:
    """Say why evidence no longer carries a release: it compares with another model than the live one.

    Versions count from 1; 0 stands for "no model". Empty while the evidence holds.

    >>> outdated(1, 2)
    'The evidence compares with live version 1, version 2 is live: evaluate again.'
    >>> outdated(0, 1)
    'The evidence was made when no model was live, version 1 is live: evaluate again.'
    >>> outdated(2, 2)
    ''
    """
    if compared == live:
        return ""
    was = f"compares with live version {compared}" if compared else "was made when no model was live"
    now = f"version {live} is live" if live else "no model is live now"
    return f"The evidence {was}, {now}: evaluate again."


def requirements(evaluation: Mapping[str, Any], bar: PromotionBar) -> list[Requirement]:
    """List every requirement of the bar with what the evaluation found, in the order a reader asks."""
    return list(_requirements(evaluation, bar))


def _requirements(evaluation: Mapping[str, Any], bar: PromotionBar) -> Iterator[Requirement]:
    """Yield the bar's lines one by one."""
    counts = evaluation["counts"]["training"]
    figures = evaluation["models"][CANDIDATE]
    comparison = evaluation["comparison"]
    yield _between("Patients to learn from", counts["rows"], bar.minimum_rows, None, digits=0)
    yield _between("Patients with the condition", counts["positives"], bar.minimum_events, None, digits=0)
    auc = _number(figures, "auc")
    yield _between("AUC", auc, bar.lowest_auc, None)
    leak = _between("AUC that these data can honestly give", auc, None, bar.highest_auc)
    yield leak if leak.met else Requirement(leak.asked, f"{leak.found}: look for a leak", met=False)
    yield _not_worse(comparison, BASELINE, bar.margin_to_baseline)
    floor = evaluation.get("floor_feature")
    yield _not_worse(comparison, FLOOR, bar.margin_to_floor, f"{floor} alone" if floor else None)
    yield from _against_champion(evaluation, bar)
    yield _between("Brier score", _number(figures, "brier"), None, bar.highest_brier)
    yield _between("Calibration slope", _number(figures, "calibration_slope"), *bar.calibration_slope)
    observed = _number(figures, "observed_to_expected")
    yield _between("Observed cases per expected case", observed, *bar.observed_to_expected)
    yield from _groups(evaluation.get("groups", {}), bar)
    yield _holdout_agrees(evaluation["holdout"][CANDIDATE], bar)
    looks = evaluation.get("looks", 1)
    yield _between("Candidates held against these hold-out patients", looks, None, bar.holdout_uses, 0)


def _against_champion(evaluation: Mapping[str, Any], bar: PromotionBar) -> Iterator[Requirement]:
    """Yield what is asked of a candidate that would replace a live model; nothing when none is live.

    The margins are tested on training patients, out of fold for both models; the few hold-out patients may
    only not contradict: with 60 of them two equal models would too often look different.
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
    yield Requirement(asked, "not evaluated" if brier is None else _spelled(brier), met=met)
    unseen = _difference(evaluation["holdout_comparison"], CHAMPION, "auc")
    if unseen is not None:
        asked = (
            f"Hold-out patients do not show an AUC lower than the live model's by {bar.margin_to_champion:g}"
        )
        yield Requirement(asked, _spelled(unseen), met=unseen[2] >= -bar.margin_to_champion)


def _groups(groups: Mapping[str, Any], bar: PromotionBar) -> Iterator[Requirement]:
    """Yield the two group limits: what lies beyond them with 95% confidence is named, group by group."""
    low, high = bar.group_observed_to_expected
    lines = (
        ("auc", bar.lowest_group_auc, None, f"AUC of every group: not surely below {bar.lowest_group_auc:g}"),
        (
            "observed_to_expected",
            low,
            high,
            f"Observed cases per expected case of every group: not surely outside {low:g} to {high:g}",
        ),
    )
    for name, least, most, asked in lines:
        judged, beyond = 0, []
        for attribute, table in groups.items():
            for group, figures in table.items():
                figure = figures.get(name, NOT_EVALUATED)
                if figure == NOT_EVALUATED:
                    continue
                judged += 1
                if figure[2] < least or (most is not None and figure[1] > most):
                    beyond.append(f"{attribute} {group} {figure[0]:.2f} [{figure[1]:.2f}, {figure[2]:.2f}]")
        yield Requirement(asked, "; ".join(beyond) or f"{judged} groups judged, none is", met=not beyond)


def _holdout_agrees(figures: Mapping[str, Any], bar: PromotionBar) -> Requirement:
    """Require that patients never seen in training do not contradict the cross-validated estimate."""
    asked = f"Hold-out patients do not rule out an AUC of {bar.lowest_auc:g}"
    figure = figures.get("auc", NOT_EVALUATED)
    if figure == NOT_EVALUATED:
        return Requirement(asked, "not evaluated", met=False)
    value, low, high = map(float, figure)
    return Requirement(asked, f"{value:.3f} [{low:.3f}, {high:.3f}]", met=high >= bar.lowest_auc)


def unmet_requirements(evaluation: Mapping[str, Any], bar: PromotionBar) -> list[str]:
    """List, in words an approver can read, why a candidate may not be promoted; empty when nothing is unmet.

    >>> from clinrisk.use_cases.bar import PromotionBar
    >>> bar = PromotionBar(.8, .95, .05, .0, .05, .2, (.6, 1.6), (.8, 1.25), 20, 100)
    >>> figures = {"auc": [.7, .6, .8], "brier": [.1, .1, .1], "calibration_slope": [1, .8, 1.2],
    ...            "observed_to_expected": [1, .9, 1.1]}
    >>> pairs = {"xgboost_vs_logistic": {"auc": [0, -.01, .01]}, "xgboost_vs_floor": {"auc": [.1, .05, .15]}}
    >>> unmet_requirements({"counts": {"training": {"rows": 200, "positives": 60}}, "comparison": pairs,
    ...                     "models": {"xgboost": figures}, "holdout": {"xgboost": figures}}, bar)
    ['AUC: at least 0.8 (found 0.700)']
    """
    return [f"{line.asked} (found {line.found})" for line in requirements(evaluation, bar) if not line.met]
