"""Trees depend on their seed alone, and score no patient that they learned from."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from clinrisk.errors import FeatureMismatch, SettingMissing
from clinrisk.jobs.models import booster
from clinrisk.jobs.training.folds import stratified_folds

NAMES = ("age", "chol")
SETTINGS = booster.settings_of({"max_depth": "2", "num_round": "8", "seed": "1"})


def patients(size: int = 120) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(0)
    table = rng.normal(size=(size, 2))
    return table, (rng.random(size) < 1 / (1 + np.exp(-table[:, 0]))).astype(np.int64)


def test_out_of_fold_risks_come_from_trees_of_the_other_folds() -> None:
    table, labels = patients()
    folds = stratified_folds(labels, 0, 2)

    found = booster.out_of_fold(SETTINGS, NAMES, table, labels, folds)

    assert found.shape == (2, 120)
    for repeat, assigned in enumerate(folds):
        held = assigned == 3
        grown = booster.grow(SETTINGS, NAMES, table[~held], labels[~held])
        assert found[repeat, held].tolist() == booster.risks(grown, table[held], NAMES).tolist()


def test_contributions_add_up_to_the_log_odds_also_of_nobody() -> None:
    table, labels = patients()
    grown = booster.grow(SETTINGS, NAMES, table, labels)

    risks = booster.risks(grown, table, NAMES)

    found = booster.contributions(grown, table, NAMES)
    assert found.sum(axis=1) == pytest.approx(np.log(risks / (1 - risks)), abs=1e-4)
    assert booster.contributions(grown, table[:0], NAMES).shape == (0, 3)


def test_settings_are_numbers_where_they_should_be() -> None:
    found = booster.settings_of({"eta": "0.1", "max_depth": "3", "monotone_constraints": "(1,0)"})

    assert (found["eta"], found["max_depth"], found["num_round"], found["seed"]) == (0.1, 3, 200, 0)
    assert found["monotone_constraints"] == "(1,0)"
    with pytest.raises(SettingMissing):
        booster.settings_of({"max_depth": "deep"})


def test_a_booster_of_other_features_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    table, labels = patients()
    booster.save(booster.grow(SETTINGS, NAMES, table, labels), tmp_path / "model")

    assert booster.load(tmp_path / "model", NAMES).num_boosted_rounds() == 8
    with pytest.raises(FeatureMismatch):
        booster.load(tmp_path / "model", NAMES[::-1])


def test_a_job_that_only_scores_does_not_import_scikit_learn_and_another_still_can() -> None:
    lines = (
        "import sys, clinrisk.jobs.scoring.present",
        "print('sklearn' in sys.modules)",
        "import sklearn.metrics",
        "print('sklearn' in sys.modules)",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
