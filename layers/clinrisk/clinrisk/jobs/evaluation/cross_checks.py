"""Checks of the evidence itself: patients who may be there twice, intervals, doubts, absent inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import roc_auc_score

from clinrisk.core.evaluation.estimates import wilson
from clinrisk.jobs.scoring.doubts import doubts_of
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


def doubt_evidence(
    patients: Patients, intervals: tuple[Floats, Floats], use_case: UseCase, card: Mapping[str, Any]
) -> dict[str, int]:
    """Count for how many of the patients the model would state no risk, or an uncertain one."""
    found = doubts_of(patients.features, intervals, use_case, card)
    without, uncertain = np.count_nonzero(~found.stated), np.count_nonzero(found.uncertain)
    return {"rows": len(patients), "not_scored": int(without), "uncertain": int(uncertain)}


def absence_evidence(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return, per column, how many training patients lacked it, and what its absence does to the risks.

    Mean risk and log loss rise by that much when nobody has the column, on patients outside the fit.
    """
    return [
        {"column": column, "lacked": card["absence"][column], **effect}
        for column, effect in card["absence_effect"].items()
    ]


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
