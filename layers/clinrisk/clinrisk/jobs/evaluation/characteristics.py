"""Who the patients are, by outcome: quartiles of what was measured, counts of what was coded, and what lacks.

The first table of a clinical study (TRIPOD+AI, item 20b). Counts of 1 to 4 are left out (null), so that no
line describes a handful of people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.use_cases.columns import Number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.jobs.patient_tables import Patients
    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.columns import Column

FEWEST = 5
OUTCOMES = (("with_condition", 1), ("without_condition", 0))


def characteristics(patients: Patients, use_case: UseCase) -> list[dict[str, Any]]:
    """Return a row per column: quartiles or counts of its values, and of those not measured, by outcome."""
    return [_row(column, patients, use_case) for column in use_case.columns]


def _row(column: Column, patients: Patients, use_case: UseCase) -> dict[str, Any]:
    features = [
        (feature, patients.features[:, position])
        for position, feature in enumerate(use_case.features)
        if feature.column == column.name and feature.kind != "missing"
    ]
    missing = np.all([np.isnan(values) for _, values in features], axis=0)
    row: dict[str, Any] = {
        "column": column.name,
        "title": column.title,
        "missing": _counted(missing, patients),
    }
    if isinstance(column, Number):
        return row | {"unit": column.unit, "quartiles": _quartiles(features[0][1], patients)}
    codes = {feature.code or "": values == 1 for feature, values in features}
    if len(features) == 1:
        # Of two codes only the second has a feature.
        other = next(code for code in column.values if code not in codes)
        codes = {other: ~missing & ~next(iter(codes.values()))} | codes
    return row | {
        "codes": [
            {"title": title, **_counted(codes[code], patients)} for code, title in column.values.items()
        ]
    }


def _counted(rows: NDArray[np.bool_], patients: Patients) -> dict[str, int | None]:
    found = {name: int(np.count_nonzero(rows & (patients.labels == label))) for name, label in OUTCOMES}
    return {name: None if 0 < count < FEWEST else count for name, count in found.items()}


def _quartiles(values: Floats, patients: Patients) -> dict[str, list[float] | None]:
    """Return lower quartile, median and upper quartile by outcome; None where fewer than 5 were measured."""
    found: dict[str, list[float] | None] = {}
    for name, label in OUTCOMES:
        known = values[(patients.labels == label) & ~np.isnan(values)]
        enough = len(known) >= FEWEST
        found[name] = [round(float(q), 4) for q in np.quantile(known, (0.25, 0.5, 0.75))] if enough else None
    return found
