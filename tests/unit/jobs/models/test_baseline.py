"""The stored numbers are the fitted pipeline, whatever the rows hold, and survive JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clinrisk.jobs.models import baseline
from clinrisk.jobs.training.folds import stratified_folds


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
def test_the_stored_numbers_give_the_risks_of_the_fitted_pipeline(strength: float) -> None:
    features, labels = table(1)
    fitted = baseline.pipeline(strength).fit(features, labels)

    stored = json.loads(json.dumps(baseline.fit(features, labels, NAMES, strength).as_json()))

    fresh = table(2)[0]
    found = baseline.from_json(stored).risks(fresh)
    assert found == pytest.approx(fitted.predict_proba(fresh)[:, 1], abs=1e-12)


def test_the_coefficients_are_the_exact_optimum() -> None:
    features, labels = table(1)
    model = baseline.fit(features, labels, NAMES, 0.5)
    filled = np.where(np.isnan(features), model.medians, features)
    scaled = (filled - model.means) / np.array(model.scales)

    # At the optimum the gradient of log loss plus half the squared coefficients over C is zero.
    excess = model.risks(features) - labels
    assert scaled.T @ excess + np.array(model.coefficients) / 0.5 == pytest.approx(0, abs=1e-8)
    assert excess.sum() == pytest.approx(0, abs=1e-8)
    assert model.features == NAMES


def test_what_is_missing_gets_the_median_of_the_rows_that_were_learned_from() -> None:
    features, labels = table(5)
    model = baseline.fit(features, labels, NAMES)

    assert model.medians == pytest.approx(np.nanmedian(features, axis=0))
    missing = np.full((1, 4), np.nan)
    assert model.risks(missing)[0] == model.risks(np.array([model.medians]))[0]


def test_a_column_that_was_never_measured_weighs_nothing() -> None:
    features, labels = table(6)
    features[:, 1] = np.nan

    model = baseline.fit(features, labels, NAMES)

    assert (model.medians[1], model.coefficients[1]) == (0.0, 0.0)
    assert np.isfinite(model.risks(table(7)[0])).all()


def test_separated_outcomes_end_in_finite_numbers() -> None:
    features = np.arange(20.0)[:, None]
    labels = (features[:, 0] > 9).astype(np.int64)

    model = baseline.fit(features, labels, ("age",))

    assert 1 < model.coefficients[0] < 10
    assert (model.risks(features) >= 0.5).tolist() == (labels == 1).tolist()


def test_out_of_fold_risks_are_the_mean_over_repeats_of_models_of_the_other_folds() -> None:
    features, labels = table(8, 120)
    folds = stratified_folds(labels, 0, 2)

    found = baseline.out_of_fold(features, labels, folds, 0.5)

    patient = 17
    expected = []
    for assigned in folds:
        others = assigned != assigned[patient]
        model = baseline.fit(features[others], labels[others], NAMES, 0.5)
        expected.append(model.risks(features[[patient]])[0])
    assert found[patient] == pytest.approx(np.mean(expected), abs=1e-12)
