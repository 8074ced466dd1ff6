"""Factors add up the flags of a column and name it in words, never in values."""

from __future__ import annotations

import numpy as np
import pytest

from clinrisk import use_cases
from clinrisk.jobs.models import factors

USE_CASE = use_cases.get("heart")
MEASURED = np.zeros((1, len(USE_CASE.columns)), dtype=bool)


def contributions(**by_feature: float) -> factors.Floats:
    row = np.zeros((1, len(USE_CASE.feature_names) + 1))
    for name, value in by_feature.items():
        row[0, USE_CASE.feature_names.index(name)] = value
    return row


def test_the_flags_of_one_column_are_one_factor() -> None:
    row = contributions(cp_1=0.2, cp_4=0.5, age=-0.6, chol=0.1)

    assert factors.top_factors(row, MEASURED, USE_CASE) == [
        ("chest pain (raises the risk)", "age (lowers the risk)", "serum cholesterol (raises the risk)")
    ]


def test_columns_that_moved_nothing_are_not_named() -> None:
    assert factors.top_factors(contributions(age=0.4), MEASURED, USE_CASE) == [
        ("age (raises the risk)", "", "")
    ]
    nothing = np.zeros((2, len(USE_CASE.feature_names) + 1))
    assert factors.top_factors(nothing, np.tile(MEASURED, (2, 1)), USE_CASE) == [("", "", "")] * 2


def test_what_was_not_measured_is_no_factor_however_strongly_the_trees_react() -> None:
    row = contributions(oldpeak=3.0, age=-0.6)
    absent = np.array([[column.name == "oldpeak" for column in USE_CASE.columns]])

    assert factors.top_factors(row, absent, USE_CASE) == [("age (lowers the risk)", "", "")]


def test_drivers_share_one_whole_and_the_largest_comes_first() -> None:
    rows = np.vstack([contributions(age=0.4, cp_4=-0.4), contributions(age=-0.8)])

    found = factors.drivers(rows, USE_CASE)

    assert [(driver["column"], driver["share"]) for driver in found[:2]] == [("age", 0.75), ("cp", 0.25)]
    assert sum(float(str(driver["share"])) for driver in found) == pytest.approx(1)


def test_a_model_that_uses_nothing_has_no_drivers_and_no_crash() -> None:
    found = factors.drivers(np.zeros((3, len(USE_CASE.feature_names) + 1)), USE_CASE)

    assert {driver["share"] for driver in found} == {0.0}
