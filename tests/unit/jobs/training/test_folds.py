"""Folds are stratified, seeded, and never let a model score a patient it learned from."""

from __future__ import annotations

import numpy as np
import pytest

from clinrisk.errors import NotEnoughData
from clinrisk.jobs.training.folds import equal_rows, same_patient, stratified_folds


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


def test_equal_rows_share_a_fold_and_rows_without_an_equal_stay_where_they_were() -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.random((60, 3)), np.array([0, 1] * 30)
    features[5, 1] = np.nan
    twice, outcomes = np.vstack([features, features]), np.tile(labels, 2)

    [alone] = stratified_folds(labels, 7, 1)
    [again] = stratified_folds(labels, 7, 1, equal_rows(features))
    [doubled] = stratified_folds(outcomes, 7, 1, equal_rows(twice))

    assert np.array_equal(alone, again)
    assert np.array_equal(doubled, np.tile(alone, 2))


def test_zero_and_minus_zero_are_one_value_and_no_rows_are_no_groups() -> None:
    assert equal_rows(np.array([[0.0, 1.0], [-0.0, 1.0]])).tolist() == [0, 0]
    assert equal_rows(np.empty((0, 3))).tolist() == []


def test_copies_of_five_patients_are_five_patients() -> None:
    features = np.repeat(np.arange(6.0), 10)[:, None]
    labels = np.repeat([0, 1], 30)

    with pytest.raises(NotEnoughData, match="at least 5"):
        stratified_folds(labels, 0, 1, equal_rows(features))


def test_rows_that_so_few_inputs_make_equal_by_chance_are_different_patients() -> None:
    coarse, fine = np.arange(200.0)[:, None] % 19, np.arange(200.0)[:, None] % 20

    assert same_patient(coarse).tolist() == list(range(200))
    assert same_patient(fine).tolist() == equal_rows(fine).tolist()
