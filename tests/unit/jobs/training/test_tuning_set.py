"""A tuning job's choice is taken over, not searched again, and everything says whose choice it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from pyarrow import parquet
from sklearn.metrics import log_loss

from clinrisk import use_cases
from clinrisk.core.training.run_settings import SEED, tuning_of
from clinrisk.core.training.training_plan import TrainingPlan
from clinrisk.jobs.models import booster
from clinrisk.jobs.patient_tables import read_scores, read_set
from tests.unit.jobs.conftest import synthetic

if TYPE_CHECKING:
    from tests.unit.jobs.conftest import Laboratory

CHOSEN = {"max_depth": "2", "num_round": "9", "eta": "0.25", "subsample": "0.7"}
FOUND = {
    "tuning_job": "heart-abc-0",
    "best_training_job": "heart-abc-0-004-1234abcd",
    "tuning_trials": "12",
    "tuning_log_loss": "0.41234",
    "_tuning_objective_metric": "validation:logloss",
}


@pytest.fixture
def tuned(laboratory: Laboratory) -> Laboratory:
    """A laboratory that was assembled for a tuning job and trained with what that chose."""
    laboratory.store(synthetic(laboratory.use_case, 320))
    laboratory.monkeypatch.setenv("HYPERPARAMETER_SEARCH", "tuning")
    assert laboratory.assemble() == 0
    grid = {"search_max_depth": "1,3", "search_num_round": "5,7"}
    assert laboratory.train("xgboost", **grid, **CHOSEN, **FOUND) == 0
    assert laboratory.train("logistic") == 0
    return laboratory


def card_of(laboratory: Laboratory) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((laboratory.root / "xgboost/model/clinrisk/model.json").read_text())
    return card


def channel(laboratory: Laboratory, name: str) -> Any:
    path = laboratory.outputs("assemble", "set") / "tuning" / name / f"{name}.parquet"
    table = parquet.read_table(path)
    return table.column_names, np.column_stack([column.to_numpy() for column in table.columns])


def test_the_trials_get_the_training_patients_and_nobody_who_is_held_out(tuned: Laboratory) -> None:
    folder = tuned.outputs("assemble", "set")
    training = read_set(folder / "training.csv", tuned.use_case)
    names, train = channel(tuned, "train")
    _, validation = channel(tuned, "validation")
    assert names == ["label", *tuned.use_case.feature_names]

    expected = np.column_stack([training.labels, training.features])
    given = np.vstack([train, validation])
    for table in (expected, given):
        table[np.isnan(table)] = -1e9
    assert sorted(map(tuple, given.tolist())) == sorted(map(tuple, expected.tolist()))
    assert len(validation) / len(given) == pytest.approx(0.2, abs=0.01)
    assert validation[:, 0].mean() == pytest.approx(train[:, 0].mean(), abs=0.02)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["tuning"]["validation"]["rows"] == len(validation)


def test_what_is_missing_stays_missing(tuned: Laboratory) -> None:
    _, train = channel(tuned, "train")
    _, validation = channel(tuned, "validation")
    manifest = json.loads((tuned.outputs("assemble", "set") / "manifest.json").read_text())
    missing = sum(manifest["parts"]["training"]["missing"].values())
    assert missing > 0
    assert np.isnan(train).sum() + np.isnan(validation).sum() == missing


def test_without_the_switch_no_patient_is_written_twice(trained: Laboratory) -> None:
    folder = trained.outputs("assemble", "set")
    assert not (folder / "tuning").exists()
    assert "tuning" not in json.loads((folder / "manifest.json").read_text())


def test_the_choice_is_served_as_it_is_and_searched_no_more(tuned: Laboratory) -> None:
    search = card_of(tuned)["search"]
    assert (search["tried"], search["chosen"]) == ([], None)
    assert search["tuning"]["trials"] == 12
    assert search["tuning"]["settings"] == {"eta": 0.25, "max_depth": 2, "num_round": 9, "subsample": 0.7}
    path = tuned.root / "xgboost/model/xgboost-model"
    assert booster.load(path, tuned.use_case.feature_names).num_boosted_rounds() == 9


def test_out_of_fold_risks_come_from_models_that_did_not_learn_from_the_patient(tuned: Laboratory) -> None:
    training = read_set(tuned.outputs("assemble", "set") / "training.csv", tuned.use_case)
    grown = booster.load(tuned.root / "xgboost/model/xgboost-model", tuned.use_case.feature_names)
    known = booster.risks(grown, training.features, tuned.use_case.feature_names)
    scores = read_scores(tuned.root / "xgboost/output/data/out_of_fold.csv")["score"].to_numpy()
    assert log_loss(training.labels, known) < log_loss(training.labels, scores) - 0.02


def test_the_evidence_names_the_job_the_trials_and_what_the_choice_flatters(tuned: Laboratory) -> None:
    assert tuned.evaluate() == 0

    document = json.loads((tuned.outputs("evaluate", "evaluation") / "evaluation.json").read_text())
    schema = json.loads((Path(__file__).parents[4] / "docs/evaluation.schema.json").read_text())
    jsonschema.validate(document, schema)
    told = document["search"]["tuning"]
    assert (told["job"], told["trials"], told["log_loss"]) == ("heart-abc-0", 12, 0.41234)
    assert told["patients"] == pytest.approx(document["counts"]["training"]["rows"] / 5, abs=1)
    page = (tuned.outputs("evaluate", "report") / "report.html").read_text()
    chosen = ("tuning job heart-abc-0", "eta 0.25, max_depth 2, num_round 9", "12 trials", "0.4123")
    assert all(
        fact in page for fact in (*chosen, f"{told['patients']} of the training", "trust the hold-out")
    )
    assert "whose settings were chosen without" not in page
    card = (tuned.outputs("evaluate", "report") / "model-card.html").read_text()
    assert "chosen by a tuning job from 12 trials" in card


def test_a_choice_made_on_another_set_is_refused(trained: Laboratory) -> None:
    assert trained.train("xgboost", **CHOSEN, **FOUND) == 0
    assert trained.evaluate() == 1
    assert trained.failure("evaluate") == (
        "The settings come from a tuning job that this training set was not made for."
    )


def test_a_choice_that_is_half_told_is_refused(trained: Laboratory) -> None:
    half = {name: value for name, value in FOUND.items() if name != "tuning_trials"}
    assert trained.train("xgboost", **CHOSEN, **half) == 1
    assert trained.failure("xgboost") == "The hyperparameters do not hold all that the tuning job found."


@pytest.mark.parametrize("name", [name for name in use_cases.names() if not use_cases.get(name).external])
def test_what_is_fixed_and_what_is_searched_are_settings_of_xgboost_and_of_nothing_else(name: str) -> None:
    use_case = use_cases.get(name)
    plan = TrainingPlan(name, f"{name}-1", "", (), use_case.feature_digest, seed=SEED)
    tuning = tuning_of(use_case, plan)
    ranges = [one for kind in tuning["ranges"].values() for one in kind]
    searched = {one["Name"] for one in ranges}
    assert searched <= booster.NUMERIC
    assert not searched & tuning["fixed"].keys()
    told = {"objective", "eval_metric", "tree_method", "seed", "monotone_constraints"}
    assert tuning["fixed"].keys() <= told | booster.NUMERIC
    signs = tuning["fixed"]["monotone_constraints"].strip("()").split(",")
    assert len(signs) == len(use_case.feature_names)
    assert {int(sign) for sign in signs} <= {-1, 0, 1}
    for one in ranges:
        assert float(one["MinValue"]) < float(one["MaxValue"])
        # Every end of a range is a setting that the training job accepts.
        booster.settings_of({one["Name"]: one["MinValue"]})
        booster.settings_of({one["Name"]: one["MaxValue"]})
