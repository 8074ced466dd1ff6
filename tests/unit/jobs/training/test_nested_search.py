"""The search chooses on the data and cannot flatter the figures; its settings are those that are served."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from clinrisk import use_cases
from clinrisk.errors import SettingMissing
from clinrisk.jobs.models import booster
from clinrisk.jobs.training import nested_search
from clinrisk.jobs.training.folds import stratified_folds

if TYPE_CHECKING:
    from clinrisk.jobs.evaluation.metrics import Floats, Labels
    from tests.unit.jobs.conftest import Laboratory

NAMES = ("one", "two", "three")
SETTINGS = booster.settings_of({"eta": "0.3", "seed": "1"})
POINTS = nested_search.points_of({"search_max_depth": "1,3", "search_num_round": "4,12"})


def patients(seed: int, size: int = 160, skill: float = 1.5) -> tuple[Floats, Labels]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(size, 3))
    labels = (rng.random(size) < 1 / (1 + np.exp(-skill * features[:, 0]))).astype(np.int64)
    return features, labels


def test_each_fold_is_scored_by_the_settings_chosen_without_it() -> None:
    """The slow way round: an inner cross-validation per outer fold, each model grown for itself."""
    features, labels = patients(1)
    folds = stratified_folds(labels, 0, 1)

    found = nested_search.nested(SETTINGS, POINTS, NAMES, features=features, labels=labels, folds=folds)

    [assigned] = folds
    for outer in range(5):
        losses = []
        for point in POINTS:
            total = 0.0
            for inner in set(range(5)) - {outer}:
                left = (assigned != outer) & (assigned != inner)
                grown = booster.grow(nested_search.at(SETTINGS, point), NAMES, features[left], labels[left])
                rows = assigned == inner
                risks = booster.risks(grown, features[rows], NAMES)
                total += log_loss(labels[rows], risks) * int(rows.sum())
            losses.append(total)
        held = assigned == outer
        best = nested_search.at(SETTINGS, POINTS[int(np.argmin(losses))])
        grown = booster.grow(best, NAMES, features[~held], labels[~held])
        expected = booster.risks(grown, features[held], NAMES)
        assert found.scores[0, held] == pytest.approx(expected, abs=1e-7)


def test_the_search_finds_nothing_in_shuffled_labels() -> None:
    areas = []
    for seed in range(6):
        features, labels = patients(seed, skill=0.0)
        folds = stratified_folds(labels, seed, 2)
        scores = nested_search.nested(
            SETTINGS, POINTS, NAMES, features=features, labels=labels, folds=folds
        ).scores
        areas.append(roc_auc_score(labels, scores.mean(axis=0)))

    assert np.mean(areas) < 0.53


def test_the_chosen_settings_are_told_and_served(trained: Laboratory) -> None:
    assert trained.train("xgboost", search_max_depth="1,2", search_num_round="5,9") == 0

    card = json.loads((trained.root / "xgboost/model/clinrisk/model.json").read_text())
    best = card["search"]["tried"][card["search"]["chosen"]]
    assert best["log_loss"] == min(point["log_loss"] for point in card["search"]["tried"])
    assert sum(point["chosen_in_folds"] for point in card["search"]["tried"]) == 5 * card["cv_repeats"]
    names = trained.use_case.feature_names
    grown = booster.load(trained.root / "xgboost/model/xgboost-model", names)
    assert grown.num_boosted_rounds() == best["num_round"]


def test_a_grid_that_is_no_grid_is_refused() -> None:
    assert nested_search.points_of({}) == []
    with pytest.raises(SettingMissing):
        nested_search.points_of({"search_max_depth": "deep", "search_num_round": "5"})


@pytest.mark.parametrize("name", use_cases.names())
def test_monotone_inputs_exist_and_point_somewhere(name: str) -> None:
    use_case = use_cases.get(name)
    assert set(use_case.monotone) <= set(use_case.feature_names)
    assert set(use_case.monotone.values()) <= {-1, 1}


def test_where_a_use_case_says_so_a_rise_can_only_raise_the_risk(trained: Laboratory) -> None:
    names = trained.use_case.feature_names
    grown = booster.load(trained.root / "xgboost/model/xgboost-model", names)
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.uniform(f.low, f.high, 50) for f in trained.use_case.features])
    for name, direction in trained.use_case.monotone.items():
        feature, column = trained.use_case.feature(name), names.index(name)
        steps = []
        for value in np.linspace(feature.low, feature.high, 15):
            moved = table.copy()
            moved[:, column] = value
            steps.append(booster.risks(grown, moved, names))
        assert np.all(direction * np.diff(np.array(steps), axis=0) >= -1e-7)
