"""What an absent input means is learned from copies; a column that many lack teaches its absence itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clinrisk import use_cases
from clinrisk.jobs.models import absence, booster
from tests.unit.jobs.models.known_risks import BLANKS, HEART, SETTINGS, patients_of_known_risk

STROKE = use_cases.get("stroke")


def test_a_column_of_codes_is_absent_as_one() -> None:
    features = np.zeros((2, len(HEART.feature_names)))
    features[1, absence.positions_of(HEART)["cp"]] = np.nan

    found = absence.not_measured(features, HEART)

    assert found.sum() == 1
    assert found[1, [column.name for column in HEART.columns].index("cp")]
    assert absence.absence(features, HEART) == {
        column.name: int(column.name == "cp") for column in HEART.columns
    }


def test_thirty_patients_without_a_column_teach_its_absence() -> None:
    assert absence.unlearned({"age": 0, "bmi": 29, "chol": 30}) == ["age", "bmi"]


def test_columns_that_enough_patients_lack_and_essential_ones_are_not_blanked() -> None:
    features = np.zeros((100, len(STROKE.feature_names)))
    names = STROKE.feature_names
    features[: absence.LEAST_ABSENT, names.index("bmi")] = np.nan

    def blanked_features() -> set[str]:
        return {names[position] for column in absence.blanks_of(features, STROKE) for position, _ in column}

    assert not blanked_features() & {"bmi", "bmi_missing", "age"}
    assert {"hypertension", "avg_glucose_level", "work_type_children"} <= blanked_features()
    features[0, names.index("bmi")] = 20.0
    assert {"bmi", "bmi_missing"} <= blanked_features()


def test_a_blanked_column_looks_as_ingest_leaves_an_absent_one() -> None:
    features = np.zeros((400, len(STROKE.feature_names)))

    copy = absence.blanked(features, absence.blanks_of(features, STROKE), np.random.default_rng(0))

    bmi, flag = copy[:, STROKE.feature_names.index("bmi")], copy[:, STROKE.feature_names.index("bmi_missing")]
    assert np.array_equal(np.isnan(bmi), flag == 1)
    assert 0.4 < np.isnan(bmi).mean() < 0.6
    smoking = copy[:, absence.positions_of(STROKE)["smoking_status"]]
    assert np.array_equal(np.isnan(smoking).any(axis=1), np.isnan(smoking).all(axis=1))
    assert not np.isnan(features).any()


@pytest.mark.parametrize(("rows", "copies"), [(100, 9), (1_000, 3), (50_000, 1)])
def test_few_patients_are_copied_more_often_than_many(rows: int, copies: int) -> None:
    features, labels = np.zeros((rows, len(HEART.feature_names))), np.arange(rows) % 2

    table, doubled, weights = absence.with_copies(features, labels, BLANKS, seed=1)

    assert len(table) == len(doubled) == len(weights) == (copies + 1) * rows
    assert np.array_equal(table[:rows], features)
    assert np.array_equal(doubled[-rows:], labels)
    assert weights.sum() == pytest.approx(rows)
    assert weights[0] == pytest.approx(3 * weights[-1])


def test_blanking_one_input_leaves_the_mean_risk_where_it_was() -> None:
    """Without copies the default branch moves it by several hundredths, one way or the other."""
    features, labels, _ = patients_of_known_risk(1_000, seed=1)
    new, _, _ = patients_of_known_risk(1_000, seed=2)
    shifts: dict[str, list[float]] = {}
    for name, settings in (("copies", SETTINGS), ("default branch", {**SETTINGS, "blanked": ()})):
        model = booster.grow(settings, HEART.feature_names, features, labels)
        mean = booster.risks(model, new, HEART.feature_names).mean()
        shifts[name] = []
        for column in ("oldpeak", "exang", "thalach"):
            blank = new.copy()
            blank[:, absence.positions_of(HEART)[column]] = np.nan
            shifts[name].append(abs(booster.risks(model, blank, HEART.feature_names).mean() - mean))
    assert max(shifts["copies"]) < 0.03
    assert min(shifts["default branch"]) > 0.05


def test_a_model_of_no_columns_to_blank_is_the_model_of_the_patients_alone() -> None:
    features, labels, _ = patients_of_known_risk(200, seed=1)
    without = {name: value for name, value in SETTINGS.items() if name != "blanked"}

    plain = booster.grow(without, HEART.feature_names, features, labels)
    empty = booster.grow({**SETTINGS, "blanked": ()}, HEART.feature_names, features, labels)

    assert plain.save_raw("ubj") == empty.save_raw("ubj")


def test_a_column_nobody_has_is_no_obstacle() -> None:
    features, labels, _ = patients_of_known_risk(200, seed=1)
    features[:, absence.positions_of(HEART)["ca"]] = np.nan
    use_case = replace(HEART, least_measured=0.5)

    settings = {**SETTINGS, "blanked": absence.blanks_of(features, use_case)}

    assert np.isfinite(
        booster.risks(
            booster.grow(settings, HEART.feature_names, features, labels), features, HEART.feature_names
        )
    ).all()
