"""What follows from absent inputs, in the words that a clinician reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from clinrisk import use_cases
from clinrisk.jobs.models.codes import LEAST_PATIENTS, has_unfamiliar, unfamiliar
from clinrisk.jobs.scoring.doubts import Absence, absences, cautions, named, outside, reaches_every_band

if TYPE_CHECKING:
    from collections.abc import Sequence

HEART = use_cases.get("heart")
NAMES = [column.name for column in HEART.columns]
CARD: dict[str, Any] = {
    "absence": dict.fromkeys(NAMES, 0) | {"slope": 30, "chol": 29},
    "least_absent": 30,
    "drive": dict.fromkeys(NAMES, 0.05) | {"ca": 0.25, "thal": 0.2},
}


def lacking(*names: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.array([[name in names for name in NAMES]])


def test_a_patient_of_whom_all_was_measured_raises_no_doubt() -> None:
    assert absences(lacking(), HEART, CARD) == [Absence("", "", "")]


def test_an_absence_that_enough_patients_taught_is_named_and_no_doubt() -> None:
    assert absences(lacking("slope"), HEART, CARD) == [Absence("ST segment at peak exercise", "", "")]
    [strange] = absences(lacking("slope", "chol"), HEART, CARD)
    assert strange.not_measured == "serum cholesterol; ST segment at peak exercise"
    assert strange.doubt == "Uncertain: too few training patients lacked serum cholesterol."


@pytest.mark.parametrize(("names", "stated"), [(("ca",), True), (("ca", "fbs"), False)])
def test_exactly_the_least_share_of_the_drive_is_enough(names: tuple[str, ...], *, stated: bool) -> None:
    [found] = absences(lacking(*names), HEART, CARD)

    assert (found.refusal == "") == stated
    if not stated:
        assert found.refusal == (
            "No risk is stated: of what drives the model 70% was measured, and at least 75% is needed."
        )


def test_a_card_without_drive_and_absence_takes_every_column_for_equal_and_no_absence_for_learned() -> None:
    two, four = absences(np.vstack([lacking("ca", "thal"), lacking("ca", "thal", "fbs", "chol")]), HEART, {})

    assert two.refusal == ""
    assert "lacked major vessels coloured by fluoroscopy, thallium scan." in two.doubt
    assert "69% was measured" in four.refusal


def test_a_use_case_may_ask_for_less() -> None:
    assert not absences(lacking("ca", "thal"), replace(HEART, least_measured=0.5), CARD)[0].refusal


def test_an_interval_is_too_wide_from_the_lowest_into_the_highest_band() -> None:
    low, high = np.array([0.19, 0.2, 0.19]), np.array([0.5, 0.9, 0.49])

    assert reaches_every_band(low, high, HEART).tolist() == [True, False, False]


def test_every_doubt_is_named_and_a_refusal_alone() -> None:
    doubtful, refused = Absence("a", "", "Uncertain: first."), Absence("a", "No risk is stated.", "")

    found = cautions([doubtful, refused], ["age", "age"], np.array([True, True]), HEART)

    doubts = (
        "Uncertain: first. Uncertain: unlike what the training patients had: age. "
        "Uncertain: the interval reaches from low to high."
    )
    assert found == [doubts, "No risk is stated."]


def patients(**of: Sequence[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Make heart patients by their inputs; what is not given was not measured."""
    table = np.full((len(next(iter(of.values()))), len(HEART.feature_names)), np.nan)
    for name, values in of.items():
        table[:, HEART.feature_names.index(name)] = values
    return table


def test_a_code_that_fewer_than_five_training_patients_had_is_unlike_them() -> None:
    few = LEAST_PATIENTS - 1
    training = patients(
        thal_3=[1] * 20 + [0] * (2 * few + 1), thal_6=[0] * 20 + [1] * few + [0] * (few + 1),
        thal_7=[0] * (20 + few) + [1] * (few + 1), sex=[1] * (20 + 2 * few) + [0],
    )  # fmt: skip
    codes = unfamiliar(training, HEART)
    assert (codes["thal"], codes["sex"]) == ([1], [0])
    batch = patients(
        thal_3=[1, 0, 0, np.nan], thal_6=[0, 1, 0, np.nan], thal_7=[0, 0, 1, np.nan], sex=[1, 1, 1, 0]
    )
    assert named(has_unfamiliar(batch, codes, HEART), HEART) == ["", "thallium scan", "", "sex"]
    assert not has_unfamiliar(batch, {}, HEART).any()


def test_a_number_is_outside_beyond_the_training_patients_and_where_none_of_them_had_one() -> None:
    batch = patients(age=[29, 30, 60, 61, np.nan], ca=[np.nan] * 4 + [3])
    assert named(outside(batch, {"age": [30.0, 60.0]}, HEART), HEART) == [
        *("age", "", "", "age"),
        "major vessels coloured by fluoroscopy",
    ]
