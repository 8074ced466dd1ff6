"""How each group of patients is served, the gaps between groups, and intervals for both.

Sources: Hardt, Price and Srebro (2016) for equal opportunity and equalized odds; fairlearn for the exact
definitions (its MetricFrame is the oracle in tests). Gaps are the largest group figure minus the smallest.
Their intervals come from multinomial draws over the group x outcome counts, which is what resampling rows is,
so they cost the same for a thousand patients as for a billion. A gap is never below 0 and grows by chance
alone, so its resamples never show "no gap", whatever the truth; the interval is therefore the gap plus and
minus what chance makes of the groups' range (Tukey, 1953). A group that is too small is NOT_EVALUATED: a
made-up number about twelve women is worse than none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.limits import LIMITS
from clinrisk.jobs.evaluation.metrics import Confusion, confusion
from clinrisk.jobs.evaluation.model_figures import (
    NAMES,
    accuracy_figures,
    calibration_figures,
    ranking_figures,
    resampled_figures,
    threshold_figures,
)
from clinrisk.jobs.evaluation.paired_differences import known, paired

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels

CONFIDENCE = LIMITS.interval_confidence
MINIMUM_ROWS = LIMITS.group_rows
MINIMUM_EVENTS = LIMITS.group_events
"""Fewest patients with (and without) the condition that a rate or an area is computed from."""

# Groups are many: beyond so many different scores a group's resamples are drawn from a coarser histogram.
_POOLING = {"limit": 512, "cells": 128}

RATES = ("selection_rate", "recall", "false_positive_rate", "precision")
COMBINED = ("equal_opportunity_difference", "equalized_odds_difference", "selection_rate_ratio")


@dataclass(frozen=True)
class Membership:
    """One way to divide the patients: its name, its groups, each patient's group as a position in them."""

    attribute: str
    names: tuple[str, ...]
    codes: NDArray[np.int64]


def membership(attribute: str, names: Sequence[str], of: NDArray[np.str_]) -> Membership:
    """Return the membership of patients whose groups are known by name; raises KeyError for another name.

    >>> membership("sex", ("female", "male"), np.array(["male", "female"])).codes.tolist()
    [1, 0]
    """
    found, inverse = np.unique(of, return_inverse=True)
    position = {name: code for code, name in enumerate(names)}
    codes = np.array([position[str(name)] for name in found], dtype=np.int64)
    return Membership(attribute, tuple(names), codes[inverse])


def intersections(memberships: Sequence[Membership]) -> list[Membership]:
    """Cross every two attributes: "sex & age_band" has groups such as "female & 65_and_over"."""
    crossed = []
    for position, first in enumerate(memberships):
        for second in memberships[position + 1 :]:
            names = tuple(f"{one} & {two}" for one in first.names for two in second.names)
            codes = first.codes * len(second.names) + second.codes
            crossed.append(Membership(f"{first.attribute} & {second.attribute}", names, codes))
    return crossed


def group_tables(
    labels: Labels,
    scores: Floats,
    threshold: float,
    memberships: Sequence[Membership],
    *,
    draws: int,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Return {attribute: {group: counts and figures}}; groups without a patient are left out.

    Every group starts from the same seed, so its intervals do not depend on which groups stand before it.
    """
    tables: dict[str, dict[str, Any]] = {}
    # Sorted once for all groups: sorting what is sorted costs next to nothing.
    rising = np.argsort(scores, kind="stable")
    labels, scores = labels[rising], scores[rising]
    for division in memberships:
        codes = division.codes[rising]
        # Few groups fit into 16 bits, which numpy sorts by counting.
        few = len(division.names) < np.iinfo(np.int16).max
        members = np.argsort(codes.astype(np.int16) if few else codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=len(division.names)))
        parts = zip(division.names, np.split(members, ends[:-1]), strict=True)
        tables[division.attribute] = {
            name: group_figures(labels[rows], scores[rows], threshold, draws, np.random.default_rng(seed))
            for name, rows in parts
            if len(rows)
        }
    return tables


def group_figures(
    labels: Labels, scores: Floats, threshold: float, draws: int, rng: Generator
) -> dict[str, Any]:
    """Return one group's counts, rates, area and calibration, each where there are enough patients for it."""
    counts = confusion(labels, scores, threshold)
    enough = enough_for(counts)
    figures: dict[str, Any] = {"n": counts.rows, "positives": counts.positives, "flagged": counts.flagged}
    figures |= {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn, "tn": counts.tn}
    figures |= dict.fromkeys(NAMES, NOT_EVALUATED)
    if counts.rows < MINIMUM_ROWS:
        return figures
    figures |= threshold_figures(counts, threshold) | ranking_figures(labels, scores, MINIMUM_EVENTS)
    figures |= calibration_figures(labels, scores, MINIMUM_EVENTS) | accuracy_figures(labels, scores)
    if enough["recall"]:
        figures |= resampled_figures(labels, scores, counts, draws, rng, **_POOLING)
    needs = {"recall": "recall", "precision": "precision"}
    needs |= dict.fromkeys(("specificity", "false_positive_rate"), "false_positive_rate")
    return figures | {name: NOT_EVALUATED for name, rate in needs.items() if not enough[rate]}


def group_comparison(
    labels: Labels,
    scores: tuple[Floats, Floats],
    cuts: tuple[float, float],
    memberships: Sequence[Membership],
) -> dict[str, dict[str, Any]]:
    """Return {attribute: {group: how the candidate serves it compared with a released model}}.

    `scores` and `cuts` are the candidate's and the released model's. Each flags at its own cut, as in use, so
    `recall` is what would change for the patients. Figures as in `paired_differences`, on patients whom both
    scored, and the released model's observed : expected; groups without such a patient are left out.
    """
    both = known(scores[0]) & known(scores[1])
    tables: dict[str, dict[str, Any]] = {}
    for division in memberships:
        table = tables[division.attribute] = {}
        for code, name in enumerate(division.names):
            rows = both & (division.codes == code)
            if not rows.any():
                continue
            first, second = scores[0][rows], scores[1][rows]
            pair = paired(labels[rows], first, second, *cuts)
            enough = min(pair["positives"], pair["patients"] - pair["positives"]) >= MINIMUM_EVENTS
            found = {name: pair[name] if enough else NOT_EVALUATED for name in ("auc", "recall")}
            reference = calibration_figures(labels[rows], second, MINIMUM_EVENTS)["observed_to_expected"]
            large = pair["patients"] >= MINIMUM_ROWS
            table[name] = {
                "patients": pair["patients"],
                "positives": pair["positives"],
                **found,
                "expected_cases": pair["expected_cases"] if large else NOT_EVALUATED,
                "released_observed_to_expected": reference,
            }
    return tables


def enough_for(counts: Confusion) -> dict[str, bool]:
    """Return which rates have enough patients in their denominators."""
    rows = counts.rows >= MINIMUM_ROWS
    return {
        "selection_rate": rows,
        "recall": rows and counts.positives >= MINIMUM_EVENTS,
        "false_positive_rate": rows and counts.rows - counts.positives >= MINIMUM_EVENTS,
        "precision": rows and counts.flagged >= MINIMUM_EVENTS,
    }


def _rates(cells: Floats) -> dict[str, Floats]:
    """Return the four rates from (..., 4) counts of tp, fp, fn, tn; NaN where a denominator is 0."""
    tp, fp, fn, tn = (cells[..., position] for position in range(4))
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "selection_rate": (tp + fp) / (tp + fp + fn + tn),
            "recall": tp / (tp + fn),
            "false_positive_rate": fp / (fp + tn),
            "precision": tp / (tp + fp),
        }


def counts_of(group: Mapping[str, Any]) -> Confusion:
    """Read a group's counts back from its figures."""
    return Confusion(tp=group["tp"], fp=group["fp"], fn=group["fn"], tn=group["tn"])


def gaps(counts: Mapping[str, Confusion], draws: int, rng: Generator) -> dict[str, Any]:
    """Return, per rate, the largest minus the smallest group value with its interval.

    Adds `equal_opportunity_difference` (the recall gap), `equalized_odds_difference` (the larger of the
    recall and false positive rate gaps) and `selection_rate_ratio` (smallest over largest; the four-fifths
    rule reads it).
    """
    found: dict[str, Any] = dict.fromkeys((*RATES, *COMBINED), NOT_EVALUATED)
    if not counts:
        return found
    table = np.array([[c.tp, c.fp, c.fn, c.tn] for c in counts.values()], dtype=np.float64)
    # Half a patient more in each cell: a group in which nobody was missed could be so by chance too.
    cells = table + 0.5
    drawn = rng.multinomial(round(table.sum()), cells.ravel() / cells.sum(), size=draws)
    exact, middle = _rates(table), _rates(cells)
    replicated = _rates(drawn.reshape(draws, -1, 4).astype(np.float64))
    spreads: dict[str, tuple[float, Floats]] = {}
    for rate in RATES:
        usable = np.array([enough_for(c)[rate] for c in counts.values()], dtype=bool)
        if np.count_nonzero(usable) < 2:
            continue
        by_chance = _range(replicated[rate][:, usable] - middle[rate][usable])
        spreads[rate] = (float(np.ptp(exact[rate][usable])), by_chance)
        found[rate] = _gap(*spreads[rate])
        if rate == "selection_rate":
            # Logarithms need a half in the drawn cells too: some resamples flag nobody in a group.
            drawn_rates = _rates(drawn.reshape(draws, -1, 4) + 0.5)[rate]
            found["selection_rate_ratio"] = _ratio(
                exact[rate][usable], middle[rate][usable], drawn_rates[:, usable]
            )
    found["equal_opportunity_difference"] = found["recall"]
    if "recall" in spreads and "false_positive_rate" in spreads:
        (one, ones), (two, twos) = spreads["recall"], spreads["false_positive_rate"]
        found["equalized_odds_difference"] = _gap(max(one, two), np.maximum(ones, twos))
    return found


def _range(values: Floats) -> Floats:
    """Return the largest minus the smallest value of each row; a group that a resample lost is left out."""
    spread: Floats = np.fmax.reduce(values, axis=1) - np.fmin.reduce(values, axis=1)
    return spread


def _gap(value: float, by_chance: Floats) -> list[float]:
    """Return a gap and the interval of what chance makes of it: the true gap lies no further away."""
    reach = float(np.nanquantile(by_chance, CONFIDENCE))
    return [value, max(value - reach, 0.0), min(value + reach, 1.0)]


def _ratio(exact: Floats, middle: Floats, replicated: Floats) -> Any:
    """Return the smallest selection rate over the largest; its interval is that of a range of logarithms."""
    if exact.max() <= 0:
        return NOT_EVALUATED
    value = float(exact.min() / exact.max())
    reach = float(np.quantile(_range(np.log(replicated) - np.log(middle)), CONFIDENCE))
    apart = float(np.ptp(np.log(middle)))
    return [value, min(math.exp(-apart - reach), value), max(math.exp(min(reach - apart, 0.0)), value)]
