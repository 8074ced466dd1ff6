"""What do I get? evaluation.json: all that is claimed about a candidate, as one JSON document.

Labels, scores and groups in, the document out; its schema is docs/evaluation.schema.json. Out-of-fold scores
of the training patients carry the main figures; hold-out patients, whom no model has seen, are the check.
The same inputs and seed give the same document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.evaluation.calibration import calibration_points, smoothed_curve
from clinrisk.evaluation.figures import all_figures, figure
from clinrisk.evaluation.folds import FOLDS
from clinrisk.evaluation.groups import (
    MINIMUM_EVENTS,
    MINIMUM_ROWS,
    counts_of,
    gaps,
    group_tables,
    intersections,
    membership,
)
from clinrisk.evaluation.intervals import delong_difference
from clinrisk.evaluation.metrics import roc_points
from clinrisk.evaluation.thresholds import choose_threshold, net_benefit_curve, threshold_range
from clinrisk.promotion import CANDIDATE, CHAMPION, NOT_EVALUATED, requirements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from clinrisk.evaluation.metrics import Floats, Labels
    from clinrisk.use_cases.base import UseCase

DRAWS = 1000
DOCUMENT_VERSION = 1


@dataclass(frozen=True)
class Scored:
    """Patients with their outcome, their groups, and the risk that each model gave them."""

    labels: Labels
    groups: Mapping[str, NDArray[np.str_]]
    scores: Mapping[str, Floats]
    """Per model: xgboost, logistic, floor, and champion where there is one."""


def evaluation_of(
    use_case: UseCase,
    out_of_fold: Scored,
    holdout: Scored,
    *,
    champion_threshold: float | None = None,
    repeats: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Give the whole evaluation but for what only the job knows (run id, digests, drivers)."""
    recall = use_case.action.recall
    thresholds = {
        name: choose_threshold(out_of_fold.labels, scores, recall)
        for name, scores in out_of_fold.scores.items()
    }
    if CHAMPION in holdout.scores:
        thresholds[CHAMPION] = champion_threshold or thresholds[CANDIDATE]
    document: dict[str, Any] = {
        "document_version": DOCUMENT_VERSION,
        "use_case": use_case.name,
        "threshold": thresholds[CANDIDATE],
        "recall_target": recall,
        "floor_feature": use_case.baseline_feature,
        "feature_digest": use_case.feature_digest,
        "method": {
            "folds": FOLDS,
            "repeats": repeats,
            "draws": DRAWS,
            "seed": seed,
            "minimum_rows": MINIMUM_ROWS,
            "minimum_events": MINIMUM_EVENTS,
        },
        "counts": {
            part: {"rows": len(scored.labels), "positives": int(scored.labels.sum())}
            for part, scored in (("training", out_of_fold), ("holdout", holdout))
        },
        "models": _models(out_of_fold, thresholds, seed),
        "holdout": _models(holdout, thresholds, seed),
        "comparison": _comparison(out_of_fold),
        "holdout_comparison": _comparison(holdout),
    }
    threshold, candidate = thresholds[CANDIDATE], out_of_fold.scores[CANDIDATE]
    memberships = [membership(a.name, a.group_names, out_of_fold.groups[a.name]) for a in use_case.protected]
    crossed = intersections(memberships)
    rng = np.random.default_rng(seed)
    document["groups"] = group_tables(out_of_fold.labels, candidate, threshold, memberships)
    document["gaps"] = _gaps(document["groups"], rng)
    document["intersections"] = group_tables(out_of_fold.labels, candidate, threshold, crossed)
    document["curves"] = _curves(out_of_fold, threshold)
    document["reclassification"] = _reclassification(holdout, thresholds)
    lines = requirements(document, use_case.bar)
    document["requirements"] = [{"asked": line.asked, "found": line.found, "met": line.met} for line in lines]
    document["unmet"] = [f"{line.asked} (found {line.found})" for line in lines if not line.met]
    return document


def _models(scored: Scored, thresholds: Mapping[str, float], seed: int) -> dict[str, Any]:
    """Give every model's figures; each model is judged at its own threshold for the same recall."""
    return {
        name: {"threshold": thresholds[name]}
        # Every model sees the same resampled patients: the seed is the same, not the generator.
        | all_figures(scored.labels, scores, thresholds[name], DRAWS, np.random.default_rng(seed))
        for name, scores in scored.scores.items()
    }


def _comparison(scored: Scored) -> dict[str, Any]:
    """Give, for each other model, the candidate's area minus its area on the same patients."""
    positives = int(scored.labels.sum())
    possible = min(positives, len(scored.labels) - positives) >= 2
    return {
        f"{CANDIDATE}_vs_{name}": figure(delong_difference(scored.labels, scored.scores[CANDIDATE], scores))
        if possible
        else NOT_EVALUATED
        for name, scores in scored.scores.items()
        if name != CANDIDATE
    }


def _gaps(groups: Mapping[str, Any], rng: Generator) -> dict[str, Any]:
    """Give each protected attribute's gaps between its groups."""
    return {
        attribute: gaps({name: counts_of(group) for name, group in table.items()}, DRAWS, rng)
        for attribute, table in groups.items()
    }


def _rounded(points: list[tuple[float, ...]]) -> list[list[float]]:
    """Round a drawn curve: a screen shows no more, and the page stays small."""
    return [[round(value, 5) for value in point] for point in points]


def _curves(scored: Scored, threshold: float) -> dict[str, Any]:
    """Give the candidate's curves as points to draw."""
    labels, scores = scored.labels, scored.scores[CANDIDATE]
    cuts = threshold_range(threshold)
    return {
        "roc": {name: _rounded([*roc_points(labels, risks)]) for name, risks in scored.scores.items()},
        "calibration": {
            "points": [
                {"rows": point.rows, "risk": round(point.risk, 6), "observed": point.observed.as_list()}
                for point in calibration_points(labels, scores)
            ],
            "smoothed": _rounded([*smoothed_curve(labels, scores)]),
        },
        "net_benefit": {
            name: _rounded([*net_benefit_curve(labels, risks, cuts)]) for name, risks in scored.scores.items()
        },
    }


def _reclassification(holdout: Scored, thresholds: Mapping[str, float]) -> Any:
    """Count hold-out patients whose flag would change against the live model, by outcome."""
    if CHAMPION not in holdout.scores:
        return NOT_EVALUATED
    now = holdout.scores[CHAMPION] >= thresholds[CHAMPION]
    then = holdout.scores[CANDIDATE] >= thresholds[CANDIDATE]
    positive = holdout.labels == 1
    return {
        name: {
            "newly_flagged": int(np.count_nonzero(then & ~now & rows)),
            "no_longer_flagged": int(np.count_nonzero(~then & now & rows)),
            "same": int(np.count_nonzero((then == now) & rows)),
        }
        for name, rows in (("with_condition", positive), ("without_condition", ~positive))
    }
