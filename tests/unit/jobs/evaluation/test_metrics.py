"""Counts at a threshold, and the terms whose means are scikit-learn's figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from clinrisk.jobs.evaluation import metrics

SIZES = st.integers(min_value=4, max_value=120)
SEEDS = st.integers(min_value=0, max_value=10_000)


def patients(seed: int, size: int, levels: int = 12) -> tuple[metrics.Labels, metrics.Floats]:
    """Few different scores make many ties; both outcomes are always there."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size)
    labels[:2] = (0, 1)
    return labels, rng.integers(0, levels + 1, size) / levels


@given(SEEDS, SIZES)
def test_what_patients_add_has_scikit_learns_figure_as_its_mean(seed: int, size: int) -> None:
    labels, scores = patients(seed, size)

    brier, loss = metrics.squared_errors(labels, scores), metrics.log_loss_terms(labels, scores)

    assert brier.mean() == pytest.approx(oracle.brier_score_loss(labels, scores), abs=1e-12)
    assert loss.mean() == pytest.approx(oracle.log_loss(labels, scores), abs=1e-9)


def test_what_a_patient_adds_is_known_by_hand() -> None:
    labels, scores = np.array([1, 0]), np.array([0.8, 0.5])

    assert metrics.squared_errors(labels, scores) == pytest.approx([0.04, 0.25])
    assert metrics.log_loss_terms(labels, scores) == pytest.approx([-np.log(0.8), np.log(2)])


@given(SEEDS, SIZES, st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_counts_at_a_threshold_agree_with_scikit_learn(seed: int, size: int, threshold: float) -> None:
    labels, scores = patients(seed, size)

    counts = metrics.confusion(labels, scores, threshold)

    expected = oracle.confusion_matrix(labels, scores >= threshold, labels=[0, 1])
    assert [[counts.tn, counts.fp], [counts.fn, counts.tp]] == expected.tolist()
    assert (counts.rows, counts.positives) == (size, labels.sum())


@pytest.mark.parametrize(("score", "flagged"), [(0.299999, 0), (0.3, 1), (0.300001, 1)])
def test_a_risk_at_the_threshold_is_flagged(score: float, flagged: int) -> None:
    assert metrics.confusion(np.array([1]), np.array([score]), 0.3).flagged == flagged


def test_the_roc_curve_encloses_the_area_that_scikit_learn_finds() -> None:
    labels, scores = patients(5, 150)

    curve = metrics.roc_points(labels, scores)

    assert curve[0] == (0.0, 0.0)
    assert curve[-1] == (1.0, 1.0)
    right, up = (np.array(axis) for axis in zip(*curve, strict=True))
    assert np.trapezoid(up, right) == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-12)


@pytest.mark.parametrize(("size", "points"), [(198, 199), (199, 200), (200, 200), (5000, 200)])
def test_a_long_roc_curve_is_thinned_to_200_points(size: int, points: int) -> None:
    labels = np.arange(size) % 2

    assert len(metrics.roc_points(labels, np.linspace(0.01, 0.99, size))) == points


def test_net_benefit_weighs_needless_actions_by_the_odds_of_the_threshold() -> None:
    counts = metrics.Confusion(tp=30, fp=20, fn=10, tn=40)

    assert metrics.net_benefit(counts, 0.2) == pytest.approx(30 / 100 - 0.25 * 20 / 100)
