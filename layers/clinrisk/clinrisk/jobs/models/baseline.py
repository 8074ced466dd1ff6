"""What do I get? Logistic regression with imputation and scaling, fitted and applied in numpy, kept as JSON.

A pickle is code and does not travel between library versions, so the baseline, the floor and every
recalibration are a handful of numbers. The estimator is scikit-learn's pipeline of SimpleImputer("median"),
StandardScaler() and LogisticRegression(C=c), solved by Newton's method to its exact optimum; scikit-learn is
the oracle in tests/unit/evaluation.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.jobs.evaluation.metrics import Floats, Labels
    from clinrisk.jobs.training.cross_validation import Fit, Scorer

_ROUNDS = 100
_STILL = 1e-12


def sigmoid(margins: Floats) -> Floats:
    """Turn log odds into risks without overflow."""
    small = np.exp(-np.abs(margins))
    risks: Floats = np.where(margins >= 0, 1.0, small) / (1.0 + small)
    return risks


def fit_line(
    inputs: Floats,
    labels: Labels,
    penalty: Floats,
    offset: Floats | float = 0.0,
    start: Floats | None = None,
) -> Floats:
    """Give the coefficients that minimise the log loss plus half the squared, penalised coefficients.

    `inputs` carries its own column of ones where an intercept is wanted; `penalty` has one weight per column.
    A `start` near the answer saves steps and changes nothing else. Newton steps are halved while they fail to
    improve, so separable data end at a large, finite slope.
    """
    weights = np.zeros(inputs.shape[1]) if start is None else start

    def loss(candidate: Floats) -> float:
        margins = inputs @ candidate + offset
        terms = np.maximum(margins, 0.0) + np.log1p(np.exp(-np.abs(margins))) - labels * margins
        return float(np.sum(terms) + penalty @ candidate**2 / 2)

    current = loss(weights)
    for _ in range(_ROUNDS):
        risks = sigmoid(inputs @ weights + offset)
        slope = inputs.T @ (risks - labels) + penalty * weights
        curvature = (inputs * (risks * (1 - risks))[:, None]).T @ inputs + np.diag(penalty)
        step = np.linalg.lstsq(curvature, slope, rcond=None)[0]
        reach = 1.0
        while (trial := loss(weights - reach * step)) > current + 1e-9 * abs(current) and reach > 1e-6:
            reach /= 2
        weights = weights - reach * step
        if np.max(np.abs(reach * step)) < _STILL * (1 + np.max(np.abs(weights))):
            break
        current = trial
    return weights


@dataclass(frozen=True)
class LogisticModel:
    """Everything needed to turn one row of features into a risk."""

    features: tuple[str, ...]
    medians: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float

    def standardised(self, table: Floats) -> Floats:
        """Fill what is missing with the training medians and scale to the training mean and spread."""
        filled = np.where(np.isnan(table), np.asarray(self.medians), table)
        scaled: Floats = (filled - np.asarray(self.means)) / np.asarray(self.scales)
        return scaled

    def risks(self, table: Floats) -> Floats:
        """Give one risk per row; the columns are `features`, in order."""
        return sigmoid(self.standardised(table) @ np.asarray(self.coefficients) + self.intercept)

    def as_json(self) -> dict[str, Any]:
        """Give the model as plain numbers, exactly as `from_json` reads them."""
        return asdict(self)


def from_json(document: Mapping[str, Any]) -> LogisticModel:
    """Read a model that `as_json` wrote."""
    numbers = {name: tuple(document[name]) for name in ("medians", "means", "scales", "coefficients")}
    return LogisticModel(
        features=tuple(document["features"]), intercept=float(document["intercept"]), **numbers
    )


def fit(table: Floats, labels: Labels, features: Sequence[str], c: float = 1.0) -> LogisticModel:
    """Give the model of these rows; `c` is scikit-learn's C, the inverse strength of the ridge penalty."""
    present = ~np.isnan(table)
    medians = np.array(
        [
            np.median(column[seen]) if seen.any() else 0.0
            for column, seen in zip(table.T, present.T, strict=True)
        ]
    )
    filled = np.where(present, table, medians)
    means = filled.mean(axis=0)
    spread = filled.std(axis=0)
    # A constant column has no spread up to rounding; dividing by 1 leaves it at 0.
    scales = np.where(spread > 10 * np.finfo(np.float64).eps * (1 + np.abs(means)), spread, 1.0)
    inputs = np.column_stack([(filled - means) / scales, np.ones(len(labels))])
    penalty = np.append(np.full(len(features), 1.0 / c), 0.0)
    weights = fit_line(inputs, labels, penalty)
    return LogisticModel(
        features=tuple(features),
        medians=tuple(map(float, medians)),
        means=tuple(map(float, means)),
        scales=tuple(map(float, scales)),
        coefficients=tuple(map(float, weights[:-1])),
        intercept=float(weights[-1]),
    )


def fitter(features: Sequence[str], c: float = 1.0) -> Fit:
    """Give the `fit` that cross-validation calls."""

    def fit_fold(table: Floats, labels: Labels) -> Scorer:
        return fit(table, labels, features, c).risks

    return fit_fold
