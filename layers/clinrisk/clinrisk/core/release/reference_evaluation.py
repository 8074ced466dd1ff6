"""The evaluation of a model that is not ours: what its predictions for a cohort and their outcomes show.

It has the parts of a candidate's evaluation.json that approval page and monitoring read, under the same
names, and is computed from the counts that monitoring reads, by the same arithmetic: what is accepted and
what is watched are the same figures. Standard library and numpy only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.evaluation.estimates import NOT_EVALUATED, Estimate, normal, wilson
from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.coverage import Coverage
from clinrisk.core.monitoring.group_gaps import Counted, difference
from clinrisk.core.monitoring.page.outcome_figures import calibration_points
from clinrisk.core.monitoring.performance import auc, observed_to_expected
from clinrisk.core.monitoring.risk_changes import in_bins
from clinrisk.core.profiles.score_profile import SCORE_CELLS, GroupScores
from clinrisk.core.training.promotion import CANDIDATE, CHAMPION, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clinrisk.core.profiles.score_profile import Outcomes, ScoreProfile
    from clinrisk.use_cases.base import UseCase

    Figures = dict[str, Any]

_CELLS = np.arange(SCORE_CELLS)
_MEAN_RISK = (_CELLS**2 + _CELLS + 1 / 3) / SCORE_CELLS**2
_RISK_BINS = 20
_RATES: dict[str, Callable[[Figures], Counted]] = {
    "selection_rate": lambda group: Counted(group["flagged"], group["n"]),
    "recall": lambda group: Counted(group["tp"], group["positives"]),
    "false_positive_rate": lambda group: Counted(group["fp"], group["n"] - group["positives"]),
}


@dataclass(frozen=True)
class Cohort:
    """The patients of a reference, as counts."""

    title: str
    """Whom the cohort holds, in the words of who asked for it."""
    files: int
    scores: ScoreProfile
    """Of all its predictions."""
    labelled: ScoreProfile
    """Of those with a known outcome."""
    predicted: tuple[int, int]
    """Predictions among which outcomes were looked for, and the flagged ones."""
    versions: tuple[str, ...]
    """What the vendor's model called itself in them; "" where it was not stated."""


def evaluation_of(use_case: UseCase, run_id: str, cohort: Cohort, live_version: int) -> Figures:
    """Return evaluation.json of a reference; `live_version` is the one that it would replace, 0 for none.

    Of a use case whose model is not ours; the cohort needs a patient with a known outcome.
    """
    everyone = cohort.labelled.everyone
    groups = {
        attribute.name: {
            name: _figures(group, LIMITS.group_rows, LIMITS.group_events)
            for name, group in cohort.labelled.attributes.get(attribute.name, {}).items()
        }
        for attribute in use_case.protected
    }
    all_rows = cohort.scores.everyone
    counts = {"rows": everyone.n, "positives": _outcomes(everyone).positives}
    return {
        "document_version": 1,
        "kind": REFERENCE,
        "use_case": use_case.name,
        "run_id": run_id,
        "feature_digest": use_case.feature_digest,
        "threshold": use_case.external.threshold if use_case.external else 0.0,
        "cohort": {
            "title": cohort.title,
            "files": cohort.files,
            "predictions": all_rows.n + all_rows.not_scored,
            "versions": list(cohort.versions),
        },
        "counts": {"training": counts},
        "models": {CANDIDATE: _figures(everyone, 2, 2)},
        "groups": groups,
        "gaps": {name: _gaps(table) for name, table in groups.items()},
        "coverage": _coverage(cohort),
        "curves": {
            "calibration": {
                "points": [
                    {"rows": rows, "risk": risk, "observed": observed.as_list()}
                    for risk, observed, rows in calibration_points(everyone)
                ],
                "smoothed": [],
            },
            "risks": _risks(everyone),
        },
        "cross_checks": {
            "doubts": {
                "rows": all_rows.n + all_rows.not_scored,
                "uncertain": all_rows.uncertain,
                "not_scored": all_rows.not_scored,
            }
        },
        # What it replaces is an earlier reference of the same score: no patient is in both.
        CHAMPION: {"live_version": live_version, "compared": {"training": 0}} if live_version else None,
    }


def _coverage(cohort: Cohort) -> Figures:
    found = Coverage.of(cohort.predicted, cohort.labelled.everyone)
    return {"share": found.share, "selective": found.selective, "found": str(found)}


def _outcomes(group: GroupScores) -> Outcomes:
    """Return what is known of a group's outcomes; raises ValueError where none are."""
    if group.outcomes is None:
        raise ValueError("The outcomes of these patients are not known.")
    return group.outcomes


def _figures(group: GroupScores, fewest_rows: int, fewest_events: int) -> Figures:
    """Return counts and figures of some patients, each [estimate, low, high] or NOT_EVALUATED."""
    known = _outcomes(group)
    rows, cases, others = group.n, known.positives, group.n - known.positives
    counts: Figures = {
        "n": rows,
        "positives": cases,
        "flagged": group.flagged,
        "tp": known.tp,
        "fp": known.fp,
    }
    enough = rows >= fewest_rows
    both = enough and min(cases, others) >= fewest_events

    def rate(hits: int, trials: int, fewest: int) -> list[float] | str:
        return wilson(hits, trials).as_list() if enough and trials >= max(fewest, 1) else NOT_EVALUATED

    counts |= {
        "selection_rate": rate(group.flagged, rows, fewest_rows),
        "recall": rate(known.tp, cases, fewest_events),
        "false_positive_rate": rate(known.fp, others, fewest_events),
        "precision": rate(known.tp, group.flagged, fewest_events),
        "brier": _brier(group, known).as_list() if enough else NOT_EVALUATED,
    }
    if not both:
        return counts | dict.fromkeys(("auc", "calibration_slope", "observed_to_expected"), NOT_EVALUATED)
    negatives = [n - p for n, p in zip(group.score_counts, known.score_counts_positive, strict=True)]
    slope = calibration_slope(group.score_counts, known.score_counts_positive)
    return counts | {
        "auc": auc(known.score_counts_positive, negatives).as_list(),
        "calibration_slope": NOT_EVALUATED if slope is None else slope.as_list(),
        "observed_to_expected": observed_to_expected(cases, group.expected_positives, rows).as_list(),
    }


def _brier(group: GroupScores, known: Outcomes) -> Estimate:
    """Return the mean squared error of the risks, each taken as the mean risk of its cell."""
    cases = np.asarray(known.score_counts_positive)
    others = np.asarray(group.score_counts) - cases
    squares = (cases @ (1 - _MEAN_RISK) ** 2 + others @ _MEAN_RISK**2) / group.n
    fourth = (cases @ (1 - _MEAN_RISK) ** 4 + others @ _MEAN_RISK**4) / group.n
    return normal(float(squares), math.sqrt(max(float(fourth - squares**2), 0.0) / group.n))


def calibration_slope(counts: tuple[int, ...], positive: tuple[int, ...]) -> Estimate | None:
    """Return the slope of a logistic regression of the outcome on the log odds of the risk.

    1 is right, less is too extreme (Cox, Biometrika 45, 1958). By Newton's method on the cells of the
    histogram; None where all patients lie in one cell, or risks and outcomes are separable.
    """
    rows, cases = np.asarray(counts, dtype=np.float64), np.asarray(positive, dtype=np.float64)
    odds = np.log(_MEAN_RISK / (1 - _MEAN_RISK))
    inputs = np.stack([np.ones(SCORE_CELLS), odds])
    weights = np.zeros(2)
    if np.count_nonzero(rows) < 2:
        return None
    for _ in range(50):
        risks = 1 / (1 + np.exp(-np.clip(weights @ inputs, -30, 30)))
        information = (inputs * (rows * risks * (1 - risks))) @ inputs.T
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, inputs @ (cases - rows * risks))
        weights += step
        if np.abs(step).max() < 1e-9:
            return normal(float(weights[1]), math.sqrt(float(np.linalg.inv(information)[1, 1])))
    return None


def _gaps(table: Mapping[str, Figures]) -> Figures:
    """Return, per rate, the largest minus the smallest group figure, with the interval of these two."""
    found: Figures = {}
    for rate, counted in _RATES.items():
        known = [group for group in table.values() if group[rate] != NOT_EVALUATED]
        found[rate] = NOT_EVALUATED
        if len(known) > 1:
            known.sort(key=itemgetter(rate))
            apart = difference(counted(known[-1]), counted(known[0]), LIMITS.interval_confidence)
            found[rate] = apart.as_list()
    return found


def _risks(group: GroupScores) -> Figures:
    """Return equal bins of risk up to where 99 of 100 patients lie, and the patients in each, by outcome."""
    rows, known = np.asarray(group.score_counts), _outcomes(group)
    cell = int(np.searchsorted(np.cumsum(rows), 0.99 * group.n))
    top = min(1.0, max(0.05, math.ceil(((cell + 1) / SCORE_CELLS) ** 2 * 20) / 20))
    edges = np.linspace(0.0, top, _RISK_BINS + 1)
    everyone, cases = (
        in_bins(GroupScores(sum(counts), 0, tuple(counts)), edges)
        for counts in (group.score_counts, known.score_counts_positive)
    )
    # The cells are divided by width on both sides: rounding may leave one more case than patients.
    cases = np.minimum(cases, everyone)
    return {
        "edges": [round(edge, 6) for edge in edges.tolist()],
        "with_condition": cases.tolist(),
        "without_condition": (everyone - cases).tolist(),
    }
