"""Calibration agrees with scikit-learn's unpenalised fit, and says nothing where there is nothing to say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from clinrisk.core.evaluation.estimates import wilson
from clinrisk.jobs.evaluation import calibration
from clinrisk.jobs.models.recalibration import log_odds


def miscalibrated(seed: int, size: int = 2000) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Risks whose log odds are twice too large and half a unit too high."""
    rng = np.random.default_rng(seed)
    true = rng.normal(-1, 1, size)
    labels = (rng.random(size) < expit(true)).astype(np.int64)
    return labels, expit(2 * true + 0.5)


def test_slope_agrees_with_scikit_learn() -> None:
    labels, scores = miscalibrated(11)
    margins = log_odds(scores)[:, None]
    fitted = LogisticRegression(C=1e15, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(
        margins, labels
    )

    found = calibration.calibration_slope(labels, scores)

    assert found is not None
    assert found.value == pytest.approx(fitted.coef_[0, 0], abs=1e-9)
    assert found.low < 0.5 < found.high
    # The Wald interval is the textbook one: from the inverse of the information matrix.
    inputs = np.column_stack([margins, np.ones(len(labels))])
    risks = fitted.predict_proba(margins)[:, 1]
    covariance = np.linalg.inv((inputs * (risks * (1 - risks))[:, None]).T @ inputs)
    assert found.high - found.low == pytest.approx(2 * 1.959964 * math.sqrt(covariance[0, 0]), rel=1e-5)


def test_intercept_makes_expected_cases_equal_observed_ones() -> None:
    labels, scores = miscalibrated(2)
    margins = log_odds(scores)
    root = brentq(lambda shift: float(np.sum(expit(margins + shift)) - labels.sum()), -10, 10, xtol=1e-13)

    found = calibration.calibration_intercept(labels, scores)

    assert found is not None
    assert found.value == pytest.approx(root, abs=1e-9)


def test_observed_to_expected_is_a_plain_ratio_with_an_interval_around_it() -> None:
    labels, scores = miscalibrated(3)

    found = calibration.observed_to_expected(labels, scores)

    assert found is not None
    assert found.value == pytest.approx(labels.sum() / scores.sum())
    assert found.low < found.value < found.high


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4]),
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3]),
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
    ],
    ids=["one outcome only", "constant risks", "separated outcomes"],
)
def test_without_information_there_is_no_slope(labels: list[int], scores: list[float]) -> None:
    assert calibration.calibration_slope(np.array(labels), np.array(scores)) is None


def test_points_hold_every_patient_once_and_rise_in_risk() -> None:
    labels, scores = miscalibrated(4, 503)

    points = calibration.calibration_points(labels, scores)

    assert sum(point.rows for point in points) == 503
    assert [point.risk for point in points] == sorted(point.risk for point in points)


def test_the_smoothed_curve_follows_a_calibrated_model() -> None:
    rng = np.random.default_rng(5)
    scores = rng.uniform(0.05, 0.6, 20_000)
    labels = (rng.random(20_000) < scores).astype(np.int64)

    curve = calibration.smoothed_curve(labels, scores)

    assert max(abs(risk - observed) for risk, observed, _, _ in curve[4:-4]) < 0.03
    assert all(low < observed < high for _, observed, low, high in curve)


def test_the_band_of_the_smoothed_curve_covers_the_truth_as_often_as_it_says() -> None:
    inside = total = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        scores = 1 / (1 + np.exp(-rng.normal(-1, 0.8, 400)))
        labels = (rng.random(400) < scores).astype(np.int64)
        curve = calibration.smoothed_curve(labels, scores)[8:-8]
        inside += sum(low <= risk <= high for risk, _, low, high in curve)
        total += len(curve)

    assert 0.92 <= inside / total <= 0.99


def test_the_order_of_the_patients_does_not_move_a_point() -> None:
    labels, scores = miscalibrated(6, 400)
    scores = np.round(scores, 1)
    order = np.random.default_rng(0).permutation(400)

    first, second = (
        [(point.rows, point.observed, round(point.risk, 12)) for point in found]
        for found in (
            calibration.calibration_points(labels, scores),
            calibration.calibration_points(labels[order], scores[order]),
        )
    )

    assert first == second


def test_constant_risks_have_no_curve() -> None:
    assert calibration.smoothed_curve(np.array([0, 1] * 50), np.full(100, 0.5)) == []


@pytest.mark.parametrize(
    ("labels", "scores"),
    [([0, 0, 1, 1], [0.1, 0.2, 0.2, 0.9]), ([1, 1, 0, 0], [0.1, 0.2, 0.2, 0.9])],
    ids=["the highest other and the lowest case alike", "the other way round"],
)
def test_outcomes_that_touch_at_one_risk_are_separated_too(labels: list[int], scores: list[float]) -> None:
    assert calibration.fit_line(np.array(labels), np.array(scores)) is None


def test_risks_of_0_beside_others_have_the_slope_of_their_shares() -> None:
    labels = np.array([1, 0, 0, 0] * 10 + [1, 0] * 10)
    scores = np.array([0.0] * 40 + [0.1] * 20)

    line = calibration.fit_line(labels, scores)

    assert line is not None
    low, high = log_odds(np.array([0.0, 0.1]))
    assert line[0] == pytest.approx((math.log(1) - math.log(1 / 3)) / (high - low), abs=1e-9)


def test_a_point_is_a_mean_risk_and_a_share_with_wilsons_interval() -> None:
    labels = np.array([0] * 15 + [1] * 5 + [0] * 8 + [1] * 12)
    scores = np.array([0.2] * 20 + [0.7] * 20)

    first, second = calibration.calibration_points(labels, scores)

    assert (first.rows, second.rows) == (20, 20)
    assert (first.risk, second.risk) == pytest.approx((0.2, 0.7))
    assert (first.observed, second.observed) == (wilson(5, 20), wilson(12, 20))
    assert calibration.calibration_points(labels[:0], scores[:0]) == []
