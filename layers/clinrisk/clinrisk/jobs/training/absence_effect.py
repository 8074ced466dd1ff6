"""What it does to the risks when a column was not measured, found on patients whom the model never saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.jobs.evaluation.metrics import log_loss_terms
from clinrisk.jobs.models import booster

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels
    from clinrisk.use_cases.base import UseCase


def absence_effect(
    settings: Mapping[str, Any],
    features: Floats,
    labels: Labels,
    assigned: NDArray[np.int64],
    use_case: UseCase,
) -> dict[str, dict[str, float]]:
    """Return, per column that is blanked in training, the rise of mean risk and of log loss without it.

    `assigned` is the fold that each patient is held out in. The risks are the trees' own, not recalibrated.
    """
    names = use_case.feature_names
    columns = settings["blanked"]
    risks = np.empty((len(columns) + 1, len(labels)))
    for fold in np.unique(assigned):
        held = assigned == fold
        grown = booster.grow(settings, names, features[~held], labels[~held])
        for row, column in zip(risks, ((), *columns), strict=True):
            table = features[held]
            for position, value in column:
                table[:, position] = value
            row[held] = booster.risks(grown, table, names)
    means = risks.mean(axis=1)
    losses = np.array([log_loss_terms(labels, row).mean() for row in risks])
    return {
        use_case.features[column[0][0]].column: {
            "mean_risk": round(float(mean - means[0]), 6),
            "log_loss": round(float(loss - losses[0]), 6),
        }
        for column, mean, loss in zip(columns, means[1:], losses[1:], strict=True)
    }
