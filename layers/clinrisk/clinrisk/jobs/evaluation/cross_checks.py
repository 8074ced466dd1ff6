"""Two checks of the evidence itself: patients who may be there twice, and intervals of risks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import roc_auc_score

from clinrisk.core.evaluation.estimates import wilson
from clinrisk.jobs.training.duplicates import nearly_equal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.jobs.patient_tables import Patients
    from clinrisk.use_cases.base import UseCase


def duplicate_evidence(
    patients: Patients, risks: Floats, counted: Mapping[str, int], use_case: UseCase
) -> dict[str, Any]:
    """Return how many may be in the set twice, and the AUC with and without the nearly equal ones.

    `risks` are those out of fold of the training patients; an AUC is None where one outcome is left.
    """
    others = ~nearly_equal(patients.features, use_case)

    def auc(rows: np.ndarray[Any, np.dtype[np.bool_]]) -> float | None:
        labels = patients.labels[rows]
        return float(roc_auc_score(labels, risks[rows])) if 0 < labels.sum() < len(labels) else None

    return {**counted, "auc": auc(np.ones(len(patients), dtype=bool)), "auc_without": auc(others)}


def interval_evidence(
    patients: Patients, risks: Floats, intervals: tuple[Floats, Floats], use_case: UseCase
) -> list[dict[str, Any]]:
    """Return, per band, the share with the condition, [estimate, low, high], and the risks' mean interval.

    On patients whom neither model nor refits have seen.
    """
    bands = np.array([use_case.band(risk) for risk in risks.tolist()])
    low, high = intervals
    return [
        {
            "band": band.name,
            "rows": int(of.sum()),
            "observed": wilson(int(patients.labels[of].sum()), int(of.sum())).as_list(),
            "low": float(low[of].mean()),
            "high": float(high[of].mean()),
        }
        for band in use_case.bands
        if (of := bands == band.name).any()
    ]
