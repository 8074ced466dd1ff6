"""Depth and number of trees chosen on the data, and risks that the choice cannot flatter.

Nested (Varma and Simon, 2006): the patients of an outer fold are scored by a model whose settings were chosen
without them. One trick makes that cheap enough for every training run: the model grown without folds f and g
is the inner model of f tested on g, and that of g tested on f, so five folds need ten inner models and not
twenty; and one booster of 70 trees, cut after 25 and 40, tries three numbers of trees.

Or the settings come from a tuning job, which has looked at the same patients: then nothing is searched here,
and the model's card names the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.training.training_plan import SEARCHED_DEPTHS, SEARCHED_ROUNDS
from clinrisk.errors import SettingMissing
from clinrisk.jobs.evaluation.metrics import log_loss_terms
from clinrisk.jobs.models import booster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels

TUNING_JOB = "tuning_job"


@dataclass(frozen=True)
class GridPoint:
    """One setting of the search."""

    max_depth: int
    num_round: int


@dataclass(frozen=True)
class SearchResult:
    """Out-of-fold risks, (repeats, patients), the final model's settings, and how they were found."""

    scores: Floats
    settings: dict[str, Any]
    facts: dict[str, Any]


def points_of(given: Mapping[str, str]) -> list[GridPoint]:
    """Read the grid from the hyperparameters, smallest model first; empty means that nothing is searched.

    What a tuning job has chosen is not searched again.

    >>> points_of({"search_max_depth": "3,2", "search_num_round": "50"})
    [GridPoint(max_depth=2, num_round=50), GridPoint(max_depth=3, num_round=50)]
    """
    if TUNING_JOB in given:
        return []
    try:
        depths, rounds = (_integers(given.get(name, "")) for name in (SEARCHED_DEPTHS, SEARCHED_ROUNDS))
    except ValueError as error:
        raise SettingMissing("The grid of the search is not a list of integers.") from error
    return [GridPoint(depth, count) for depth in depths for count in rounds]


def tuning_facts(given: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return which tuning job chose the settings, from how many trials; raises SettingMissing.

    >>> given = {"tuning_job": "t", "best_training_job": "t-2", "tuning_trials": "9", "tuning_log_loss": ".4"}
    >>> tuning_facts(given, {"eta": 0.1, "objective": "binary:logistic"})["settings"]
    {'eta': 0.1}
    """
    try:
        return {
            "job": given[TUNING_JOB],
            "best_training_job": given["best_training_job"],
            "trials": int(given["tuning_trials"]),
            "log_loss": float(given["tuning_log_loss"]),
            "settings": {name: settings[name] for name in sorted(booster.NUMERIC & settings.keys())},
        }
    except (KeyError, ValueError) as error:
        raise SettingMissing("The hyperparameters do not hold all that the tuning job found.") from error


def _integers(text: str) -> list[int]:
    return sorted({int(part) for part in text.split(",") if part})


def at(settings: Mapping[str, Any], point: GridPoint) -> dict[str, Any]:
    """Return the settings of one point."""
    return {**settings, "max_depth": point.max_depth, "num_round": point.num_round}


def nested(
    settings: Mapping[str, Any],
    points: Sequence[GridPoint],
    names: Sequence[str],
    *,
    features: Floats,
    labels: Labels,
    folds: NDArray[np.int64],
) -> SearchResult:
    """Score each patient by models whose settings and trees knew nothing of that patient, and choose for all.

    The log loss decides, summed over the inner folds; of equal points the smallest wins.
    """
    scores = np.empty((len(folds), len(labels)))
    losses = np.zeros(len(points))
    chosen = []
    for repeat, assigned in enumerate(folds):
        inner = _inner_losses(settings, points, names, features=features, labels=labels, assigned=assigned)
        losses += inner.sum(axis=0)
        for fold, best in enumerate(inner.argmin(axis=1)):
            held = assigned == fold
            grown = booster.grow(at(settings, points[best]), names, features[~held], labels[~held])
            scores[repeat, held] = booster.risks(grown, features[held], names)
            chosen.append(int(best))
    best = int(losses.argmin())
    rows = len(labels) * len(folds) * (int(folds.max()))
    facts = {
        "tried": [
            {
                "max_depth": point.max_depth,
                "num_round": point.num_round,
                "log_loss": round(float(loss) / rows, 6),
                "chosen_in_folds": chosen.count(position),
            }
            for position, (point, loss) in enumerate(zip(points, losses, strict=True))
        ],
        "chosen": best,
    }
    return SearchResult(scores, at(settings, points[best]), facts)


def _inner_losses(
    settings: Mapping[str, Any],
    points: Sequence[GridPoint],
    names: Sequence[str],
    *,
    features: Floats,
    labels: Labels,
    assigned: NDArray[np.int64],
) -> Floats:
    """Return the log loss of every point inside every outer fold, (folds, points)."""
    count = int(assigned.max()) + 1
    losses = np.zeros((count, len(points)))
    for first, second in combinations(range(count), 2):
        left = (assigned != first) & (assigned != second)
        for depth in sorted({point.max_depth for point in points}):
            tried = [position for position, point in enumerate(points) if point.max_depth == depth]
            longest = max(tried, key=lambda position: points[position].num_round)
            grown = booster.grow(at(settings, points[longest]), names, features[left], labels[left])
            for outer, tested in ((first, second), (second, first)):
                rows = assigned == tested
                for position in tried:
                    risks = booster.risks(grown, features[rows], names, trees=points[position].num_round)
                    losses[outer, position] += float(log_loss_terms(labels[rows], risks).sum())
    return losses
