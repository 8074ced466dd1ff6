"""Patients who may be there twice are counted: equal rows, and rows that differ by next to nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clinrisk.jobs.training.duplicates import duplicates_of, nearly_equal
from tests.unit.jobs.models.known_risks import HEART, patients_of_known_risk

if TYPE_CHECKING:
    from clinrisk.jobs.evaluation.metrics import Floats

PATIENTS = patients_of_known_risk(200, seed=1)[0]
AGE, SEX, CHOL = (HEART.feature_names.index(name) for name in ("age", "sex", "chol"))


def with_one_more(column: int, change: float) -> Floats:
    again = PATIENTS[17].copy()
    again[column] += change
    return np.vstack([PATIENTS, again])


def test_patients_of_chance_are_no_duplicates() -> None:
    assert duplicates_of(PATIENTS, HEART) == {"equal": 0, "nearly_equal": 0}
    assert duplicates_of(PATIENTS[:1], HEART) == {"equal": 0, "nearly_equal": 0}


@pytest.mark.parametrize(("change", "pair"), [(0.4, True), (-0.4, True), (0.6, False)])
def test_half_a_year_of_age_is_nearly_nothing(change: float, *, pair: bool) -> None:
    found = nearly_equal(with_one_more(AGE, change), HEART)

    assert np.flatnonzero(found).tolist() == ([17, 200] if pair else [])


def test_another_code_or_another_gap_is_another_patient() -> None:
    other = with_one_more(SEX, 0)
    other[-1, SEX] = 1 - other[-1, SEX]
    assert duplicates_of(other, HEART) == {"equal": 0, "nearly_equal": 0}
    other = with_one_more(CHOL, np.nan)
    assert duplicates_of(other, HEART) == {"equal": 0, "nearly_equal": 0}


def test_equal_rows_are_counted_as_equal_and_are_no_near_pair() -> None:
    assert duplicates_of(with_one_more(AGE, 0), HEART) == {"equal": 1, "nearly_equal": 0}
