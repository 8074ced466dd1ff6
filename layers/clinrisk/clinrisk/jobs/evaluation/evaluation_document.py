"""evaluation.json: all that is claimed about a candidate, as one JSON document.

Labels, scores and groups in, the document out; its schema is docs/evaluation.schema.json. Out-of-fold scores
of the training patients carry the main figures; hold-out patients, whom no model has seen, are the check.
The same inputs and seed give the same document.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.training.promotion import CANDIDATE, CHAMPION, requirements
from clinrisk.jobs.evaluation.calibration import calibration_points, smoothed_curve
from clinrisk.jobs.evaluation.group_figures import (
    MINIMUM_EVENTS,
    MINIMUM_ROWS,
    counts_of,
    gaps,
    group_tables,
    intersections,
    membership,
)
from clinrisk.jobs.evaluation.metrics import roc_points
from clinrisk.jobs.evaluation.model_figures import all_figures
from clinrisk.jobs.evaluation.paired_differences import known, paired, reclassified
from clinrisk.jobs.evaluation.thresholds import choose_threshold, net_benefit_curve, threshold_range
from clinrisk.jobs.training.folds import FOLDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels
    from clinrisk.use_cases.base import UseCase

DRAWS = 1000
DOCUMENT_VERSION = 3


@dataclass(frozen=True)
class ScoredPatients:
    """Patients with their outcome, their groups, and the risk that each model gave them."""

    labels: Labels
    groups: Mapping[str, NDArray[np.str_]]
    scores: Mapping[str, Floats]
    """Per model: xgboost, logistic, floor, and champion where there is one (NaN where it has no risk)."""


@dataclass(frozen=True)
class ComparedChampion:
    """The champion that a candidate is held against, and why where it cannot be."""

    live_version: int
    run_id: str
    threshold: float
    same_features: bool = True
    why_not: str = ""
    """Why no patient has a score of it, in words; empty where some do."""


def evaluation_of(
    use_case: UseCase,
    out_of_fold: ScoredPatients,
    holdout: ScoredPatients,
    *,
    champion: ComparedChampion | None = None,
    holdout_uses: int = 1,
    repeats: int = 1,
    seed: int = 0,
    draws: int = DRAWS,
) -> dict[str, Any]:
    """Return the evaluation but for what only the job knows (run id, digests, drivers)."""
    recall = use_case.action.recall
    thresholds = {
        name: choose_threshold(out_of_fold.labels, scores, recall)
        for name, scores in out_of_fold.scores.items()
        if name != CHAMPION
    }
    if champion is not None:
        thresholds[CHAMPION] = champion.threshold
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
            "draws": draws,
            "seed": seed,
            "minimum_rows": MINIMUM_ROWS,
            "minimum_events": MINIMUM_EVENTS,
        },
        "counts": {
            part: {"rows": len(scored.labels), "positives": int(scored.labels.sum())}
            for part, scored in (("training", out_of_fold), ("holdout", holdout))
        },
        "models": _models(out_of_fold, thresholds, draws, seed),
        "holdout": _models(holdout, thresholds, draws, seed),
        "comparison": _comparison(out_of_fold, thresholds),
        "holdout_comparison": _comparison(holdout, thresholds),
        "champion": _champion(champion, out_of_fold, holdout),
        "looks": holdout_uses,
    }
    threshold, candidate = thresholds[CANDIDATE], out_of_fold.scores[CANDIDATE]
    memberships = [membership(a.name, a.group_names, out_of_fold.groups[a.name]) for a in use_case.protected]
    crossed = intersections(memberships)
    for part, divisions in (("groups", memberships), ("intersections", crossed)):
        document[part] = group_tables(
            out_of_fold.labels, candidate, threshold, divisions, draws=draws, seed=seed
        )
    document["gaps"] = _gaps(document["groups"], draws, np.random.default_rng(seed))
    document["curves"] = _curves(out_of_fold, threshold)
    document["reclassification"] = _reclassification(out_of_fold, holdout, thresholds)
    lines = requirements(document, use_case.bar)
    document["requirements"] = [{"asked": line.asked, "found": line.found, "met": line.met} for line in lines]
    document["unmet"] = [f"{line.asked} (found {line.found})" for line in lines if not line.met]
    return document


def _models(scored: ScoredPatients, thresholds: Mapping[str, float], draws: int, seed: int) -> dict[str, Any]:
    """Return every model's figures; each model is judged at its own threshold for the same recall."""
    found = {}
    for name, scores in scored.scores.items():
        rows = known(scores)
        if name == CHAMPION and not rows.any():
            continue
        # Every model starts from the same seed: its intervals do not depend on which other models there are.
        rng = np.random.default_rng(seed)
        figures = all_figures(scored.labels[rows], scores[rows], thresholds[name], draws, rng)
        found[name] = {"threshold": thresholds[name], **figures}
    return found


def _comparison(scored: ScoredPatients, thresholds: Mapping[str, float]) -> dict[str, Any]:
    """Return, for each other model, the candidate's figures minus its own on the same patients."""
    candidate = scored.scores[CANDIDATE]
    return {
        f"{CANDIDATE}_vs_{name}": paired(
            scored.labels, candidate, scores, thresholds[CANDIDATE], thresholds[name]
        )
        for name, scores in scored.scores.items()
        if name != CANDIDATE
    }


def _champion(
    champion: ComparedChampion | None, out_of_fold: ScoredPatients, holdout: ScoredPatients
) -> dict[str, Any] | None:
    """Say which model is live and how many patients it could be compared on; None when nothing is live."""
    if champion is None:
        return None
    compared = {
        part: int(np.count_nonzero(known(scored.scores[CHAMPION]))) if CHAMPION in scored.scores else 0
        for part, scored in (("training", out_of_fold), ("holdout", holdout))
    }
    return {
        "live_version": champion.live_version,
        "run_id": champion.run_id,
        "threshold": champion.threshold,
        "same_features": champion.same_features,
        "compared": compared,
        "why_not": champion.why_not,
    }


def _gaps(groups: Mapping[str, Any], draws: int, rng: Generator) -> dict[str, Any]:
    """Return each protected attribute's gaps between its groups."""
    return {
        attribute: gaps({name: counts_of(group) for name, group in table.items()}, draws, rng)
        for attribute, table in groups.items()
    }


def _rounded(points: list[tuple[float, ...]]) -> list[list[float]]:
    """Round a drawn curve: a screen shows no more, and the page stays small."""
    return [[round(value, 5) for value in point] for point in points]


def _curves(scored: ScoredPatients, threshold: float) -> dict[str, Any]:
    """Return the candidate's curves as points to draw."""
    labels, scores = scored.labels, scored.scores[CANDIDATE]
    cuts = threshold_range(threshold)
    drawn = {
        name: (labels[known(risks)], risks[known(risks)])
        for name, risks in scored.scores.items()
        if known(risks).any()
    }
    return {
        "roc": {
            name: _rounded([*roc_points(known_labels, risks)])
            for name, (known_labels, risks) in drawn.items()
            if 0 < known_labels.sum() < len(known_labels)
        },
        "calibration": {
            "points": [
                {"rows": point.rows, "risk": round(point.risk, 6), "observed": point.observed.as_list()}
                for point in calibration_points(labels, scores)
            ],
            "smoothed": _rounded([*smoothed_curve(labels, scores)]),
        },
        "net_benefit": {
            name: _rounded([*net_benefit_curve(known_labels, risks, cuts)])
            for name, (known_labels, risks) in drawn.items()
        },
    }


def _reclassification(
    out_of_fold: ScoredPatients, holdout: ScoredPatients, thresholds: Mapping[str, float]
) -> Any:
    """Count the patients whose flag would change against the live model: learned from, and held out."""
    found = {
        part: reclassified(
            scored.labels,
            scored.scores[CANDIDATE],
            scored.scores[CHAMPION],
            thresholds[CANDIDATE],
            thresholds[CHAMPION],
        )
        for part, scored in (("training", out_of_fold), ("holdout", holdout))
        if CHAMPION in scored.scores and known(scored.scores[CHAMPION]).any()
    }
    return found or NOT_EVALUATED
