"""Intervals agree with scipy and with DeLong's definition; test_paired_differences has the resampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from clinrisk.core.evaluation.estimates import wilson, z_value
from clinrisk.jobs.evaluation import intervals, metrics


def cohort(
    seed: int, size: int, separation: float = 1.2
) -> tuple[metrics.Labels, metrics.Floats, metrics.Floats]:
    """Two models of different worth on the same patients."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(size) < 0.35).astype(np.int64)
    signal = rng.normal(size=size) + separation * labels
    noisier = signal + rng.normal(size=size)
    return labels, 1 / (1 + np.exp(-signal)), 1 / (1 + np.exp(-noisier))


def test_delong_is_the_variance_of_pairwise_comparisons() -> None:
    labels, scores, _ = cohort(1, 60)
    scores = np.round(scores, 1)
    sick, well = scores[labels == 1], scores[labels == 0]
    wins = np.array([[1.0 if s > w else 0.5 if s == w else 0.0 for w in well] for s in sick])
    variance = wins.mean(axis=1).var(ddof=1) / len(sick) + wins.mean(axis=0).var(ddof=1) / len(well)

    found = intervals.delong(labels, scores)

    assert found.value == pytest.approx(wins.mean(), abs=1e-12)
    assert found.high - found.low == pytest.approx(2 * z_value() * math.sqrt(variance), abs=1e-12)


def test_a_model_compared_with_itself_differs_by_nothing_at_all() -> None:
    labels, scores, _ = cohort(4, 200)

    assert intervals.delong_difference(labels, scores, scores).as_list() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("area", [0.0, 1.0])
def test_a_perfect_ranking_of_few_patients_is_not_certain(area: float) -> None:
    labels = np.array([0] * 40 + [1] * 20)
    scores = labels.astype(float) if area else 1.0 - labels

    found = intervals.delong(labels, scores)

    assert found == wilson(20 if area else 0, 20)
    assert 0.1 < found.high - found.low < 0.2


@pytest.mark.slow
def test_delong_covers_the_true_area_as_often_as_it_says() -> None:
    true_area = 0.8019  # of two normal distributions 1.2 standard deviations apart
    covered = 0
    for seed in range(300):
        labels, scores, _ = cohort(seed, 250)
        found = intervals.delong(labels, scores)
        covered += found.low <= true_area <= found.high

    assert 0.91 <= covered / 300 <= 0.985


@pytest.mark.parametrize("rows", [400, intervals.CELL_LIMIT + 5])
def test_resamples_have_as_many_patients_and_the_same_shares_on_average(rows: int) -> None:
    labels, scores, _ = cohort(6, rows)
    cells = intervals.pool(labels, np.round(scores, 2))

    positives, negatives = intervals.resample(cells, 400, np.random.default_rng(7))

    assert set((positives + negatives).sum(axis=1).tolist()) == {float(rows)}
    assert positives.sum(axis=1).mean() == pytest.approx(labels.sum(), rel=0.03)
    assert positives.sum(axis=1).std() == pytest.approx(
        math.sqrt(rows * labels.mean() * (1 - labels.mean())), rel=0.15
    )


def test_pooling_many_scores_loses_no_patient_and_hardly_any_area() -> None:
    labels, scores, _ = cohort(8, 30_000)

    cells = intervals.pool(labels, scores, limit=1000, cells=1000)

    assert 900 <= len(cells.scores) <= 1000
    assert cells.rows == 30_000
    assert np.all(np.diff(cells.scores) < 0)
    spread = np.repeat(cells.scores, cells.positives + cells.negatives)
    truth = np.concatenate(
        [[1] * p + [0] * n for p, n in zip(cells.positives, cells.negatives, strict=True)]
    ).astype(np.int64)
    assert roc_auc_score(truth, spread) == pytest.approx(roc_auc_score(labels, scores), abs=2e-3)


def test_percentiles_ignore_undefined_replicates() -> None:
    replicates = np.array([np.nan, *np.linspace(0, 1, 1001)])

    assert intervals.percentile(0.5, replicates).as_list() == pytest.approx([0.5, 0.025, 0.975])
    assert intervals.percentile(0.5, np.array([np.nan])).as_list() == [0.5, 0.5, 0.5]


def test_a_mean_has_the_standard_error_of_its_terms() -> None:
    found = intervals.mean(np.array([0.0, 0.0, 1.0, 1.0]))

    error = math.sqrt(1 / 3) / 2
    assert found.as_list() == pytest.approx([0.5, 0.5 - 1.959964 * error, 0.5 + 1.959964 * error], abs=1e-6)
    assert intervals.mean(np.array([0.3])).as_list() == [0.3, 0.3, 0.3]
