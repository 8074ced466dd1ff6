"""Factors add up the flags of a column and name it in words, never in values."""

from __future__ import annotations

import numpy as np
import pytest

from clinrisk import use_cases
from clinrisk.jobs.models import factors

USE_CASE = use_cases.get("heart")


def contributions(**by_feature: float) -> factors.Floats:
    row = np.zeros((1, len(USE_CASE.feature_names) + 1))
    for name, value in by_feature.items():
        row[0, USE_CASE.feature_names.index(name)] = value
    return row


def test_the_flags_of_one_column_are_one_factor() -> None:
    row = contributions(cp_1=0.2, cp_4=0.5, age=-0.6, chol=0.1)

    assert factors.top_factors(row, USE_CASE) == [
        ("chest pain (raises the risk)", "age (lowers the risk)", "serum cholesterol (raises the risk)")
    ]


def test_columns_that_moved_nothing_are_not_named() -> None:
    assert factors.top_factors(contributions(age=0.4), USE_CASE) == [("age (raises the risk)", "", "")]
    assert factors.top_factors(np.zeros((2, len(USE_CASE.feature_names) + 1)), USE_CASE) == [("", "", "")] * 2


def test_drivers_share_one_whole_and_the_largest_comes_first() -> None:
    rows = np.vstack([contributions(age=0.4, cp_4=-0.4), contributions(age=-0.8)])

    found = factors.drivers(rows, USE_CASE)

    assert [(driver["column"], driver["share"]) for driver in found[:2]] == [("age", 0.75), ("cp", 0.25)]
    assert sum(float(str(driver["share"])) for driver in found) == pytest.approx(1)


def test_a_model_that_uses_nothing_has_no_drivers_and_no_crash() -> None:
    found = factors.drivers(np.zeros((3, len(USE_CASE.feature_names) + 1)), USE_CASE)

    assert {driver["share"] for driver in found} == {0.0}
