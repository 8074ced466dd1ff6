"""The codes that hardly any training patient had: what the trees make of such a code is an accident."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clinrisk.jobs.models.absence import positions_of
from clinrisk.use_cases.columns import Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.use_cases.base import UseCase

LEAST_PATIENTS = 5
"""Training patients with a code, below which it is outside the model's experience."""


def unfamiliar(features: Floats, use_case: UseCase) -> dict[str, list[int]]:
    """Return, per column of codes, the positions of those that fewer than `LEAST_PATIENTS` patients have."""
    return {
        column.name: [code for code, who in enumerate(members) if who.sum() < LEAST_PATIENTS]
        for column, members in _columns(features, use_case)
    }


def has_unfamiliar(
    features: Floats, codes: Mapping[str, Sequence[int]], use_case: UseCase
) -> NDArray[np.bool_]:
    """Return whether each patient has one of these codes, (rows, columns of the use case)."""
    found = np.zeros((len(features), len(use_case.columns)), dtype=bool)
    for column, members in _columns(features, use_case):
        for code in codes.get(column.name, ()):
            found[:, use_case.columns.index(column)] |= members[code]
    return found


def _columns(features: Floats, use_case: UseCase) -> list[tuple[Code, list[NDArray[np.bool_]]]]:
    """Return each column of codes, and per code who has it: two codes share one flag."""
    positions, found = positions_of(use_case), []
    for column in use_case.columns:
        if isinstance(column, Code):
            flags = features[:, positions[column.name]].T
            found.append((column, [flags[0] == 0, flags[0] == 1] if len(flags) == 1 else [*(flags == 1)]))
    return found
