"""Risks are corrected only where that is shown to help patients who took no part in the fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from clinrisk.jobs.models.recalibration import Recalibration, of_model
from clinrisk.jobs.training.fit_recalibration import fit_recalibration, recalibrated
from clinrisk.jobs.training.folds import stratified_folds


def patients(seed: int, sharpened: float, size: int = 2000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Labels, (repeats, patients) risks whose log odds are `sharpened` times too far out, and folds."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(-1, 1, size)
    labels = (rng.random(size) < 1 / (1 + np.exp(-margins))).astype(np.int64)
    noise = rng.normal(0, 0.05, (2, size))
    return labels, 1 / (1 + np.exp(-(margins * sharpened + noise))), stratified_folds(labels, seed, 2)


def test_right_risks_are_left_alone() -> None:
    kept = sum(recalibrated(*patients(seed, 1.0)).kept != Recalibration() for seed in range(20))

    assert kept <= 1


def test_extreme_risks_are_corrected_and_the_out_of_fold_risks_with_them() -> None:
    labels, risks, folds = patients(1, 2.5)

    found = recalibrated(labels, risks, folds)

    assert found.kept.slope == pytest.approx(0.4, abs=0.06)
    assert found.gain[1] > 0
    assert log_loss(labels, found.scores) < log_loss(labels, risks.mean(axis=0))
    assert found.as_json()["kept"] is True


def test_a_correction_never_changes_the_order_of_patients() -> None:
    labels, risks, _ = patients(2, 2.5)
    kept = fit_recalibration(labels, risks[0])

    assert roc_auc_score(labels, kept.apply(risks[0])) == pytest.approx(
        roc_auc_score(labels, risks[0]), abs=1e-12
    )


def test_the_line_is_that_of_scikit_learn() -> None:
    labels, risks, _ = patients(3, 1.7)
    margins = np.log(risks[0] / (1 - risks[0]))

    found = fit_recalibration(labels, risks[0])

    oracle = LogisticRegression(C=1e12, tol=1e-12, max_iter=10_000).fit(margins[:, None], labels)
    assert found.slope == pytest.approx(oracle.coef_[0, 0], abs=1e-6)
    assert found.intercept == pytest.approx(oracle.intercept_[0], abs=1e-6)


@pytest.mark.parametrize("labels", [np.zeros(60, dtype=np.int64), np.ones(60, dtype=np.int64)])
def test_nothing_is_corrected_where_nothing_can_be_fitted(labels: np.ndarray) -> None:  # type: ignore[type-arg]
    assert fit_recalibration(labels, np.linspace(0.1, 0.9, 60)) == Recalibration()
    assert fit_recalibration(np.arange(60) % 2, np.full(60, 0.3)) == Recalibration()


def test_a_model_of_older_code_has_no_correction() -> None:
    assert of_model({}) == Recalibration()
    assert of_model({"calibration": {"slope": 0.8, "intercept": 0.1}}) == Recalibration(0.8, 0.1)
