"""Logistic regression, the baseline and the floor: scikit-learn's pipeline, kept as a handful of numbers.

A pickle is code and does not travel between versions of a library, so what is stored is JSON: medians, means,
scales, coefficients. Applying them is three lines of arithmetic; fitting is scikit-learn's alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels


@dataclass(frozen=True)
class LogisticModel:
    """Everything needed to turn one row of features into a risk."""

    features: tuple[str, ...]
    medians: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float

    def risks(self, table: Floats) -> Floats:
        """Return one risk per row; the columns are `features`, in order, a missing value is NaN."""
        filled = np.where(np.isnan(table), self.medians, table)
        scaled = (filled - np.asarray(self.means)) / np.asarray(self.scales)
        found: Floats = expit(scaled @ np.asarray(self.coefficients) + self.intercept)
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the model as plain numbers, exactly as `from_json` reads them."""
        return asdict(self)


def from_json(document: Mapping[str, Any]) -> LogisticModel:
    """Read a model that `as_json` wrote."""
    numbers = {name: tuple(document[name]) for name in ("medians", "means", "scales", "coefficients")}
    return LogisticModel(
        features=tuple(document["features"]), intercept=float(document["intercept"]), **numbers
    )


def pipeline(c: float = 1.0) -> Pipeline:
    """Return the unfitted pipeline: median imputation, scaling, ridge logistic regression.

    `c` is the inverse strength of the penalty. The solver and its tolerance lead to the exact optimum: the
    coefficients depend on the rows alone, not on where a solver chose to stop.
    """
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=1000),
    )


def fit(table: Floats, labels: Labels, features: Sequence[str], c: float = 1.0) -> LogisticModel:
    """Return the model of these rows; a column that nobody has a value of weighs nothing."""
    imputer, scaler, regression = (step for _, step in pipeline(c).fit(table, labels).steps)
    return LogisticModel(
        features=tuple(features),
        medians=tuple(imputer.statistics_.tolist()),
        means=tuple(scaler.mean_.tolist()),
        scales=tuple(scaler.scale_.tolist()),
        coefficients=tuple(regression.coef_[0].tolist()),
        intercept=float(regression.intercept_[0]),
    )


def out_of_fold(table: Floats, labels: Labels, folds: NDArray[np.int64], c: float = 1.0) -> Floats:
    """Return each patient's mean risk over the repeats, every one from a model of the other folds.

    `folds` is (repeats, patients), the fold that each patient is held out in.
    """
    repeats = [
        cross_val_predict(pipeline(c), table, labels, cv=PredefinedSplit(assigned), method="predict_proba")
        for assigned in folds
    ]
    averaged: Floats = np.mean(repeats, axis=0)[:, 1]
    return averaged
