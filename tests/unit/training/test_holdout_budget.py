"""A run uses the hold-out once, until more than half of today's hold-out patients are new."""

from __future__ import annotations

import pytest

from clinrisk.core.training.holdout_budget import HoldoutUse, spent


def test_a_repeated_run_counts_once() -> None:
    assert spent([HoldoutUse("a", 300), HoldoutUse("a", 300), HoldoutUse("b", 300)], rows=300) == 2


@pytest.mark.parametrize(("rows", "counted"), [(599, 1), (600, 0), (601, 0)])
def test_a_use_no_longer_counts_once_the_labelled_rows_have_doubled(rows: int, counted: int) -> None:
    assert spent([HoldoutUse("a", 300)], rows=rows) == counted


def test_nothing_used_is_nothing_spent() -> None:
    assert spent([], rows=300) == 0
