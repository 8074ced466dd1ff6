"""Folds are stratified, seeded, and never let a model score a patient it learned from."""

from __future__ import annotations

import numpy as np
import pytest

from clinrisk.errors import NotEnoughData
from clinrisk.jobs.training.folds import stratified_folds


def test_every_fold_has_its_share_of_each_outcome() -> None:
    labels = np.array([1] * 23 + [0] * 80)

    for assigned in stratified_folds(labels, seed=3, repeats=4):
        sizes = np.bincount(assigned)
        cases = np.bincount(assigned, weights=labels)
        assert sizes.max() - sizes.min() <= 1
        assert cases.max() - cases.min() <= 1


def test_the_seed_decides() -> None:
    labels = np.array([1, 0] * 30)

    assert np.array_equal(stratified_folds(labels, 1, 2), stratified_folds(labels, 1, 2))
    assert not np.array_equal(stratified_folds(labels, 1, 2), stratified_folds(labels, 2, 2))


def test_fewer_cases_than_folds_is_not_enough() -> None:
    with pytest.raises(NotEnoughData, match="at least 5"):
        stratified_folds(np.array([1] * 4 + [0] * 50), seed=0, repeats=1)


def test_five_of_each_outcome_are_enough_and_each_is_held_out_once() -> None:
    labels = np.array([1] * 5 + [0] * 5)

    [assigned] = stratified_folds(labels, seed=0, repeats=1)

    assert sorted(assigned[labels == 1].tolist()) == [0, 1, 2, 3, 4]
    assert sorted(assigned[labels == 0].tolist()) == [0, 1, 2, 3, 4]


def test_the_assignment_of_a_seed_is_fixed_for_ever() -> None:
    labels = np.array([1, 0, 0] * 5)

    assert stratified_folds(labels, 0, 1).tolist() == [[0, 2, 4, 4, 2, 4, 1, 0, 0, 2, 1, 3, 3, 3, 1]]
