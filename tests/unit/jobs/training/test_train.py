"""Training leaves what the server may load, the same bytes each time, and honest out-of-fold scores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
import xgboost
from pyarrow import csv
from sklearn.metrics import roc_auc_score

from clinrisk.jobs.models import booster
from clinrisk.jobs.patient_tables import read_set
from tests.unit.jobs.conftest import synthetic

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.jobs.conftest import Laboratory


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("algorithm", ["xgboost", "logistic"])
def test_the_same_set_and_seed_give_the_same_bytes(trained: Laboratory, algorithm: str) -> None:
    folders = [trained.root / algorithm / name for name in ("model", "output/data")]
    before = [files_below(folder) for folder in folders]

    assert trained.train(algorithm) == 0

    assert [files_below(folder) for folder in folders] == before


def test_another_seed_gives_another_model(trained: Laboratory) -> None:
    before = (trained.root / "xgboost/model/xgboost-model").read_bytes()

    assert trained.train("xgboost", seed="4") == 0

    assert (trained.root / "xgboost/model/xgboost-model").read_bytes() != before


def test_the_server_finds_one_booster_at_the_top_and_nothing_else(trained: Laboratory) -> None:
    top = [path.name for path in (trained.root / "xgboost/model").iterdir() if path.is_file()]

    assert top == ["xgboost-model"]
    # As the image's server loads it: from a path without an extension.
    served = xgboost.Booster(model_file=trained.root / "xgboost/model/xgboost-model")
    names = trained.use_case.feature_names
    patients = read_set(trained.outputs("assemble", "set") / "holdout.csv", trained.use_case)
    ours = booster.load(trained.root / "xgboost/model/xgboost-model", names)
    expected = booster.risks(ours, patients.features, names)
    assert served.num_boosted_rounds() == 20
    # The server sends no feature names along.
    found = served.predict(xgboost.DMatrix(patients.features), validate_features=False)
    assert found.tolist() == pytest.approx(expected.tolist())


def test_the_baseline_leaves_json_only(trained: Laboratory) -> None:
    found = sorted(files_below(trained.root / "logistic/model"))

    assert found == ["clinrisk/floor.json", "clinrisk/logistic.json", "clinrisk/model.json"]
    floor = json.loads((trained.root / "logistic/model/clinrisk/floor.json").read_text())
    assert floor["features"] == ["age"]


def test_out_of_fold_scores_cover_every_training_patient_and_beat_chance(trained: Laboratory) -> None:
    training = read_set(trained.outputs("assemble", "set") / "training.csv", trained.use_case)
    for algorithm in ("xgboost", "logistic"):
        options = csv.ConvertOptions(column_types={"record_id": pa.string()})
        table = csv.read_csv(
            trained.root / algorithm / "output/data/out_of_fold.csv", convert_options=options
        )
        assert table["record_id"].to_pylist() == training.record_ids.tolist()
        assert set(table["fold"].to_pylist()) == {0, 1, 2, 3, 4}
        area = roc_auc_score(training.labels, table["score"].to_numpy().astype(np.float64))
        assert 0.6 < area < 0.9


def test_out_of_fold_scores_of_shuffled_labels_are_worth_nothing(laboratory: Laboratory) -> None:
    records = synthetic(laboratory.use_case, 600)
    shuffled = np.random.default_rng(0).permutation([record["label"] for record in records])
    laboratory.store([r | {"label": int(label)} for r, label in zip(records, shuffled, strict=True)])
    assert laboratory.assemble() == 0
    assert laboratory.train("xgboost") == 0

    table = csv.read_csv(laboratory.root / "xgboost/output/data/out_of_fold.csv")

    assert roc_auc_score(table["label"].to_numpy(), table["score"].to_numpy()) < 0.6


def test_no_patients_own_value_is_in_the_ranges(trained: Laboratory) -> None:
    card = json.loads((trained.root / "xgboost/model/clinrisk/model.json").read_text())
    training = read_set(trained.outputs("assemble", "set") / "training.csv", trained.use_case)

    for name, (low, high) in card["ranges"].items():
        feature = trained.use_case.feature(name)
        values = training.features[:, trained.use_case.feature_names.index(name)]
        assert low <= np.nanmin(values)
        assert high >= np.nanmax(values)
        cells = (np.array([low, high]) - feature.low) / (feature.high - feature.low) * 100
        assert np.allclose(cells, cells.round())


@pytest.mark.parametrize(
    ("hyperparameters", "sentence"),
    [
        ({"algorithm": "forest"}, "The hyperparameter algorithm must be xgboost or logistic."),
        ({"eta": "fast"}, "A hyperparameter of XGBoost is not a number."),
        (
            {"feature_digest": "0" * 64},
            "The hyperparameters were made for other features than this code has.",
        ),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(
    trained: Laboratory, hyperparameters: dict[str, str], sentence: str
) -> None:
    assert trained.train("xgboost", **hyperparameters) == 1
    assert trained.failure("xgboost") == sentence


def test_an_unexpected_error_names_its_class_and_place_but_no_value(trained: Laboratory) -> None:
    path = trained.outputs("assemble", "set") / "training.csv"
    path.write_text(path.read_text().replace('"male"', '"male",canary-4711', 1))

    assert trained.train("xgboost") == 1

    said = trained.failure("xgboost")
    assert said.startswith("The train job stopped on an unexpected ArrowInvalid at jobs/patient_tables.py:")
    assert "canary" not in said


def test_the_card_says_who_lacked_what_and_what_that_does_to_the_risks(trained: Laboratory) -> None:
    card = json.loads((trained.root / "xgboost/model/clinrisk/model.json").read_text())
    patients = read_set(trained.outputs("assemble", "set") / "training.csv", trained.use_case)
    columns = {column.name for column in trained.use_case.columns}

    missing = np.isnan(patients.features[:, trained.use_case.feature_names.index("ca")]).sum()
    assert card["absence"] == dict.fromkeys(columns, 0) | {"ca": missing}
    assert card["least_absent"] == 30
    assert card["drive"].keys() == columns
    assert sum(card["drive"].values()) == pytest.approx(1, abs=1e-4)
    assert card["absence_effect"].keys() == columns - set(trained.use_case.essential)
    # The outcomes were drawn from age, exercise angina and the thallium scan.
    losses = {column: effect["log_loss"] for column, effect in card["absence_effect"].items()}
    assert max(losses, key=lambda column: losses[column]) in {"exang", "thal"}
    assert all(abs(effect["mean_risk"]) < 0.06 for effect in card["absence_effect"].values())
    assert len(list((trained.root / "xgboost/model/clinrisk/refits").glob("*.ubj"))) == 20
