"""evaluation.json: all that is claimed about a candidate, as one JSON document.

Labels, scores and groups in, the document out; its schema is docs/evaluation.schema.json. Out-of-fold scores
of the training patients carry the main figures; hold-out patients, whom no model has seen, are the check.
The same inputs and seed give the same document.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.training.promotion import CANDIDATE, CHAMPION, FIRST_RELEASED, requirements, unproven
from clinrisk.jobs.evaluation.calibration import calibration_points, risk_histogram, smoothed_curve
from clinrisk.jobs.evaluation.group_figures import (
    MINIMUM_EVENTS,
    MINIMUM_ROWS,
    counts_of,
    gaps,
    group_comparison,
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
DOCUMENT_VERSION = 4
# Groups of rising risk in a small picture: fewer patients, fewer points.
HOLDOUT_POINTS, GROUP_POINTS = 5, 4


@dataclass(frozen=True)
class ScoredPatients:
    """Patients with their outcome, their groups, and the risk that each model gave them."""

    labels: Labels
    groups: Mapping[str, NDArray[np.str_]]
    scores: Mapping[str, Floats]
    """Per model: xgboost, logistic, floor, and the released ones if any (NaN where without a risk)."""


@dataclass(frozen=True)
class ReleasedModel:
    """A released model that a candidate is held against, and why where it cannot be."""

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
    released: Mapping[str, ReleasedModel] | None = None,
    holdout_uses: int = 1,
    repeats: int = 1,
    seed: int = 0,
    draws: int = DRAWS,
) -> dict[str, Any]:
    """Return the evaluation but for what only the job knows (run id, digests, drivers).

    `released` are the models named CHAMPION and FIRST_RELEASED, each among the scores, where there are any.
    """
    recall = use_case.action.recall
    given = released or {}
    thresholds = {
        name: given[name].threshold if name in given else choose_threshold(out_of_fold.labels, scores, recall)
        for name, scores in out_of_fold.scores.items()
    }
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
        "comparison": _comparison(out_of_fold, thresholds[CANDIDATE]),
        "holdout_comparison": _comparison(holdout, thresholds[CANDIDATE]),
        CHAMPION: _released(CHAMPION, given.get(CHAMPION), out_of_fold, holdout),
        FIRST_RELEASED: _released(FIRST_RELEASED, given.get(FIRST_RELEASED), out_of_fold, holdout),
        "looks": holdout_uses,
    }
    threshold, candidate = thresholds[CANDIDATE], out_of_fold.scores[CANDIDATE]
    memberships = [membership(a.name, a.group_names, out_of_fold.groups[a.name]) for a in use_case.protected]
    crossed = intersections(memberships)
    for part, divisions in (("groups", memberships), ("intersections", crossed)):
        document[part] = group_tables(
            out_of_fold.labels, candidate, threshold, divisions, draws=draws, seed=seed
        )
    document["group_comparison"] = {
        f"{CANDIDATE}_vs_{name}": group_comparison(
            out_of_fold.labels,
            (candidate, out_of_fold.scores[name]),
            (threshold, thresholds[name]),
            memberships,
        )
        for name in given
    }
    document["gaps"] = _gaps(document["groups"], draws, np.random.default_rng(seed))
    document["curves"] = _curves(out_of_fold, threshold)
    document["curves"] |= {
        "calibration_holdout": _calibration(holdout.labels, holdout.scores[CANDIDATE], HOLDOUT_POINTS),
        "calibration_groups": _calibration_of_groups(out_of_fold, document["groups"]),
        "risks": risk_histogram(out_of_fold.labels, candidate),
    }
    document["reclassification"] = _reclassification(out_of_fold, holdout, thresholds)
    lines = requirements(document, use_case.bar)
    document["requirements"] = [{"asked": line.asked, "found": line.found, "met": line.met} for line in lines]
    document["unmet"] = [f"{line.asked} (found {line.found})" for line in lines if not line.met]
    document["unproven"] = [
        asdict(item) | {"doubts": list(item.doubts)} for item in unproven(document, use_case)
    ]
    return document


def _models(scored: ScoredPatients, thresholds: Mapping[str, float], draws: int, seed: int) -> dict[str, Any]:
    """Return every model's figures, all at the candidate's threshold, with the one it would use itself."""
    found = {}
    for name, scores in scored.scores.items():
        rows = known(scores)
        if not rows.any() and len(rows):
            continue
        # Every model starts from the same seed: its intervals do not depend on which other models there are.
        rng = np.random.default_rng(seed)
        figures = all_figures(scored.labels[rows], scores[rows], thresholds[CANDIDATE], draws, rng)
        found[name] = {"own_threshold": thresholds[name], **figures}
    return found


def _comparison(scored: ScoredPatients, threshold: float) -> dict[str, Any]:
    """Return, for each other model, the candidate's figures minus its own on the same patients."""
    candidate = scored.scores[CANDIDATE]
    return {
        f"{CANDIDATE}_vs_{name}": paired(scored.labels, candidate, scores, threshold, threshold)
        for name, scores in scored.scores.items()
        if name != CANDIDATE
    }


def _released(
    name: str, model: ReleasedModel | None, out_of_fold: ScoredPatients, holdout: ScoredPatients
) -> dict[str, Any] | None:
    """Say which model it is and on how many patients it could be compared; None where there is none."""
    if model is None:
        return None
    compared = {
        part: int(np.count_nonzero(known(scored.scores[name]))) if name in scored.scores else 0
        for part, scored in (("training", out_of_fold), ("holdout", holdout))
    }
    return {
        "live_version": model.live_version,
        "run_id": model.run_id,
        "threshold": model.threshold,
        "same_features": model.same_features,
        "compared": compared,
        "why_not": model.why_not,
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
        "calibration": _calibration(labels, scores),
        "net_benefit": {
            name: _rounded([*net_benefit_curve(known_labels, risks, cuts)])
            for name, (known_labels, risks) in drawn.items()
        },
    }


def _calibration(labels: Labels, scores: Floats, groups: int = 10) -> dict[str, Any]:
    """Return groups of rising risk with their intervals, and the smoothed curve."""
    return {
        "points": [
            {"rows": point.rows, "risk": round(point.risk, 6), "observed": point.observed.as_list()}
            for point in calibration_points(labels, scores, groups)
        ],
        "smoothed": _rounded([*smoothed_curve(labels, scores)]) if len(labels) else [],
    }


def _calibration_of_groups(scored: ScoredPatients, tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the calibration of each group in which observed : expected could be evaluated."""
    return {
        attribute: {
            group: _calibration(scored.labels[rows], scored.scores[CANDIDATE][rows], GROUP_POINTS)
            for group, figures in table.items()
            if figures["observed_to_expected"] != NOT_EVALUATED
            for rows in [scored.groups[attribute] == group]
        }
        for attribute, table in tables.items()
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
