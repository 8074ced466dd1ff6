"""Patients who may be in the set twice: under other ids, with inputs that are equal or nearly so.

Equal rows share a part and a fold, so they flatter no estimate. Nearly equal ones are counted, and the report
compares the estimate with and without them: in large sets many resemble one another by chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from clinrisk.jobs.training.folds import equal_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.use_cases.base import UseCase

_STEPS = 200
"""Numbers are nearly equal within one part in so many of their accepted range: half a year of age."""


def duplicates_of(features: Floats, use_case: UseCase) -> dict[str, int]:
    """Count the patients who agree in every input with an earlier one, and those nearly equal to another."""
    repeated = equal_rows(features) != np.arange(len(features))
    return {"equal": int(repeated.sum()), "nearly_equal": int(nearly_equal(features, use_case).sum())}


def nearly_equal(features: Floats, use_case: UseCase) -> NDArray[np.bool_]:
    """Return who differs from some other patient in numbers only, and in each of them by very little.

    Both have the same codes and lack the same numbers; rows that are equal are no pair.
    """
    numbers = np.array([feature.kind == "number" for feature in use_case.features])
    spans = np.array([f.high - f.low for f in use_case.features if f.kind == "number"])
    first, member = np.unique(equal_rows(features), return_inverse=True)
    rows = features[first]
    alike = equal_rows(np.where(numbers, np.where(np.isnan(rows), np.nan, 0.0), rows))
    order = np.argsort(alike, kind="stable")
    near = np.zeros(len(rows), dtype=bool)
    for stratum in np.split(order, np.flatnonzero(np.diff(alike[order])) + 1):
        points = np.nan_to_num(rows[stratum][:, numbers]) / spans * _STEPS
        distances, _ = cKDTree(points).query(points, k=2, p=np.inf, distance_upper_bound=1 + 1e-9)
        near[stratum] = np.isfinite(distances[:, 1])
    return near[member]
