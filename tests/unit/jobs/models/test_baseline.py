"""Our logistic regression is scikit-learn's, to the last digits that a solver leaves."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from clinrisk.jobs.models import baseline


def table(seed: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Measured columns of different spread, a flag, a constant, and holes."""
    rng = np.random.default_rng(seed)
    columns = [
        rng.normal(54, 9, rows),
        rng.normal(246, 51, rows),
        rng.integers(0, 2, rows),
        np.full(rows, 3.0),
    ]
    features = np.column_stack(columns).astype(np.float64)
    labels = (rng.random(rows) < 1 / (1 + np.exp(-(features[:, 0] - 54) / 9))).astype(np.int64)
    features[rng.random(features.shape) < 0.1] = np.nan
    return features, labels


NAMES = ("age", "chol", "sex", "constant")


@pytest.mark.parametrize("strength", [0.01, 1.0, 100.0])
def test_fitting_agrees_with_scikit_learn(strength: float) -> None:
    features, labels = table(1)
    solver = LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-13, max_iter=1000)
    oracle = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), solver).fit(features, labels)

    ours = baseline.fit(features, labels, NAMES, strength)

    assert ours.coefficients == pytest.approx(solver.coef_[0].tolist(), abs=1e-9)
    fresh = table(2)[0]
    assert ours.risks(fresh) == pytest.approx(oracle.predict_proba(fresh)[:, 1], abs=1e-9)


def test_applying_stored_numbers_agrees_with_scikit_learn_to_the_last_digits() -> None:
    features, labels = table(3)
    imputer, scaler, solver = SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression()
    oracle = make_pipeline(imputer, scaler, solver).fit(features, labels)
    stored = {
        "features": list(NAMES),
        "medians": imputer.statistics_.tolist(),
        "means": scaler.mean_.tolist(),
        "scales": scaler.scale_.tolist(),
        "coefficients": solver.coef_[0].tolist(),
        "intercept": float(solver.intercept_[0]),
    }

    model = baseline.from_json(json.loads(json.dumps(stored)))

    fresh = table(4)[0]
    assert model.risks(fresh) == pytest.approx(oracle.predict_proba(fresh)[:, 1], abs=1e-12)


def test_a_model_survives_json_unchanged() -> None:
    features, labels = table(5)
    model = baseline.fit(features, labels, NAMES)

    assert baseline.from_json(json.loads(json.dumps(model.as_json()))) == model


def test_a_column_that_was_never_measured_weighs_nothing() -> None:
    features, labels = table(6)
    features[:, 1] = np.nan

    model = baseline.fit(features, labels, NAMES)

    assert model.coefficients[1] == pytest.approx(0, abs=1e-12)
    assert np.isfinite(model.risks(table(7)[0])).all()


def test_separated_outcomes_end_in_finite_numbers() -> None:
    features = np.arange(20.0)[:, None]
    labels = (features[:, 0] > 9).astype(np.int64)

    weights = baseline.fit_line(np.column_stack([features, np.ones(20)]), labels, np.zeros(2))

    assert np.isfinite(weights).all()
