"""Bootstrap intervals drawn from counts are those of resampling the patients, and cover the truth."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.metrics import average_precision_score

from clinrisk.core.evaluation.estimates import wilson
from clinrisk.jobs.evaluation import bootstrap
from clinrisk.jobs.evaluation.group_figures import group_figures
from clinrisk.jobs.evaluation.metrics import Confusion, Floats, Labels, confusion

THRESHOLD = 0.3


def cohort(seed: int, size: int, prevalence: float = 0.2) -> tuple[Labels, Floats]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(size) < prevalence).astype(np.int64)
    return labels, 1 / (1 + np.exp(-(rng.normal(-1.2, 1, size) + 1.3 * labels)))


def by_rows(labels: Labels, scores: Floats, draws: int) -> dict[str, Floats]:
    """The plain bootstrap: rows drawn with replacement, the figure of each draw."""
    rng = np.random.default_rng(99)
    areas, f1s = [], []
    for _ in range(draws):
        rows = rng.integers(0, len(labels), len(labels))
        areas.append(average_precision_score(labels[rows], scores[rows]))
        drawn = confusion(labels[rows], scores[rows], THRESHOLD)
        f1s.append(2 * drawn.tp / (2 * drawn.tp + drawn.fp + drawn.fn))
    ends = [0.025, 0.975]
    return {"average_precision": np.quantile(areas, ends), "f1": np.quantile(f1s, ends)}


@pytest.mark.parametrize(
    ("size", "prevalence"),
    [(120, 0.3), (700, 0.2), (2500, 0.05)],
    ids=["few patients", "a group of usual size", "pooled scores of a rare condition"],
)
def test_a_groups_intervals_are_those_of_resampling_its_rows(size: int, prevalence: float) -> None:
    labels, scores = cohort(1, size, prevalence)
    expected = by_rows(labels, scores, 800)

    found = group_figures(labels, scores, THRESHOLD, 2500, np.random.default_rng(2))

    assert found["average_precision"][0] == pytest.approx(
        oracle.average_precision_score(labels, scores), abs=1e-12
    )
    assert found["f1"][0] == pytest.approx(oracle.f1_score(labels, scores >= THRESHOLD), abs=1e-12)
    for name, ends in expected.items():
        # The oracle's own ends move by about a twentieth of the width from one thousand draws to the next.
        assert found[name][1:] == pytest.approx(ends, abs=0.08 * (ends[1] - ends[0]))


def test_the_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    labels, scores = cohort(3, 400_000)
    truth = (
        oracle.average_precision_score(labels, scores),
        oracle.f1_score(labels, scores >= THRESHOLD),
    )
    covered = np.zeros(2)
    for seed in range(200):
        labels, scores = cohort(seed, 300)
        rng = np.random.default_rng(seed)
        intervals = (
            bootstrap.average_precision(labels, scores, 400, rng),
            bootstrap.f1(confusion(labels, scores, THRESHOLD), 400, rng),
        )
        covered += [
            found is not None and found.low <= true <= found.high
            for found, true in zip(intervals, truth, strict=True)
        ]

    assert np.all(covered / 200 >= 0.90), covered
    assert np.all(covered / 200 <= 0.99), covered


@pytest.mark.parametrize(
    "counts", [Confusion(0, 12, 10, 40), Confusion(10, 0, 0, 40)], ids=["none found", "none missed"]
)
def test_f1_is_not_certain_because_all_resamples_agree(counts: Confusion) -> None:
    found = bootstrap.f1(counts, 200, np.random.default_rng(0))

    assert found is not None
    assert found.low <= found.value <= found.high
    assert found.high - found.low > 0.1


def test_f1_of_nobody_is_none() -> None:
    assert bootstrap.f1(Confusion(0, 0, 0, 40), 200, np.random.default_rng(0)) is None


def test_a_perfect_ranking_is_not_certain() -> None:
    labels = np.array([0] * 30 + [1] * 12)

    found = bootstrap.average_precision(labels, labels.astype(float), 200, np.random.default_rng(0))

    assert found == wilson(12, 12)


def test_the_order_of_the_patients_changes_nothing_even_where_scores_are_pooled_and_tied() -> None:
    labels, scores = cohort(5, 30_000)
    scores = np.round(scores, 3)
    order = np.random.default_rng(1).permutation(len(labels))

    first, second = (
        bootstrap.average_precision(
            labels[rows], scores[rows], 50, np.random.default_rng(0), limit=200, cells=64
        )
        for rows in (np.arange(len(labels)), order)
    )

    assert first == second
