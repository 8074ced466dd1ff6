"""The threshold finds the stated share of cases, and net benefit is what its authors defined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinrisk.errors import NotEnoughData
from clinrisk.jobs.evaluation import metrics, thresholds


@given(st.integers(0, 10_000), st.integers(5, 400), st.sampled_from([0.5, 0.8, 0.85, 0.95, 1.0]))
def test_at_least_the_stated_share_of_cases_is_found_and_hardly_more(
    seed: int, size: int, recall: float
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size)
    labels[0] = 1
    scores = rng.beta(1, 12, size) + 1e-3
    scores = np.minimum(scores, 0.99)

    threshold = thresholds.choose_threshold(labels, scores, recall)

    counts = metrics.confusion(labels, scores, threshold)
    assert counts.tp / counts.positives >= recall - 1e-9
    higher = np.sort(scores[labels == 1])[::-1][max(0, int(np.ceil(recall * counts.positives - 1e-9)) - 1)]
    assert threshold <= higher <= threshold * 1.011


def test_without_a_case_no_threshold_is_made_up() -> None:
    with pytest.raises(NotEnoughData, match="no threshold"):
        thresholds.choose_threshold(np.zeros(5, dtype=np.int64), np.full(5, 0.2), 0.8)


def test_the_net_benefit_curve_agrees_with_the_definition_at_every_threshold() -> None:
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, 300), rng.random(300)
    everyone = np.ones(300)

    curve = thresholds.net_benefit_curve(labels, scores, [0.05, 0.2, 0.5])

    for cut, all_treated, model, low, high in curve:
        each = np.where(scores >= cut, np.where(labels == 1, 1.0, -cut / (1 - cut)), 0.0)
        reach = 1.959964 * each.std() / np.sqrt(300)
        assert (low, high) == pytest.approx((model - reach, model + reach), abs=1e-6)
        assert model == pytest.approx(metrics.net_benefit(metrics.confusion(labels, scores, cut), cut))
        assert all_treated == pytest.approx(
            metrics.net_benefit(metrics.confusion(labels, everyone, cut), cut)
        )


def test_the_drawn_range_surrounds_the_threshold_and_stays_below_one() -> None:
    for threshold in (0.001, 0.05, 0.4, 0.95):
        cuts = thresholds.threshold_range(threshold)
        assert cuts[0] < threshold < cuts[-1] < 1


@pytest.mark.parametrize(
    ("recall", "threshold"), [(0.5, 0.6), (0.51, 0.4), (0.75, 0.4), (0.76, 0.219), (1.0, 0.219)]
)
def test_the_threshold_is_the_score_of_the_last_case_that_is_needed(recall: float, threshold: float) -> None:
    labels = np.array([1, 1, 1, 1, 0, 0])
    scores = np.array([0.8, 0.6, 0.4, 0.2199, 0.9, 0.1])

    assert thresholds.choose_threshold(labels, scores, recall) == threshold
