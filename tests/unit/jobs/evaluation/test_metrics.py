"""Discrimination and accuracy of risks agree with scikit-learn, ties and all."""

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
def test_areas_agree_with_scikit_learn(seed: int, size: int) -> None:
    labels, scores = patients(seed, size)

    assert metrics.auc_score(labels, scores) == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-12)
    expected = oracle.average_precision_score(labels, scores)
    assert metrics.average_precision_score(labels, scores) == pytest.approx(expected, abs=1e-12)


@given(SEEDS, SIZES)
def test_accuracy_of_risks_agrees_with_scikit_learn(seed: int, size: int) -> None:
    labels, scores = patients(seed, size)

    assert metrics.brier_error(labels, scores) == pytest.approx(
        oracle.brier_score_loss(labels, scores), abs=1e-12
    )
    assert metrics.log_loss_error(labels, scores) == pytest.approx(oracle.log_loss(labels, scores), abs=1e-9)


@given(SEEDS, SIZES, st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_counts_at_a_threshold_agree_with_scikit_learn(seed: int, size: int, threshold: float) -> None:
    labels, scores = patients(seed, size)

    counts = metrics.confusion(labels, scores, threshold)

    expected = oracle.confusion_matrix(labels, scores >= threshold, labels=[0, 1])
    assert [[counts.tn, counts.fp], [counts.fn, counts.tp]] == expected.tolist()
    assert (counts.rows, counts.positives) == (size, labels.sum())


@given(SEEDS, SIZES)
def test_the_order_of_patients_changes_nothing(seed: int, size: int) -> None:
    labels, scores = patients(seed, size)
    order = np.random.default_rng(seed).permutation(size)

    assert metrics.auc_score(labels, scores) == pytest.approx(metrics.auc_score(labels[order], scores[order]))
    assert metrics.average_precision_score(labels, scores) == pytest.approx(
        metrics.average_precision_score(labels[order], scores[order])
    )


def test_the_roc_curve_encloses_the_area_that_scikit_learn_finds() -> None:
    labels, scores = patients(5, 150)

    curve = metrics.roc_points(labels, scores)

    assert curve[0] == (0.0, 0.0)
    assert curve[-1] == (1.0, 1.0)
    across, up = (np.array(axis) for axis in zip(*curve, strict=True))
    assert np.trapezoid(up, across) == pytest.approx(oracle.roc_auc_score(labels, scores), abs=1e-12)


def test_net_benefit_weighs_needless_actions_by_the_odds_of_the_threshold() -> None:
    counts = metrics.Confusion(tp=30, fp=20, fn=10, tn=40)

    assert metrics.net_benefit(counts, 0.2) == pytest.approx(30 / 100 - 0.25 * 20 / 100)
