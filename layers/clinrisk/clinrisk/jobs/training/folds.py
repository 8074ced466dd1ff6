"""The assignment of patients to folds: seeded, stratified, the same rows in the same folds for ever.

Rows that agree in every input may be one patient under two ids: they share a fold, since a model that has
seen the one knows the other.
Repeating the division and averaging each patient's scores takes most of the luck of one division away
(Kim, 2009). Why it is not scikit-learn's: docs/by-hand.md. The models read it as a PredefinedSplit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clinrisk.errors import NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels

FOLDS = 5
_CHANCE = 10


def equal_rows(features: Floats) -> NDArray[np.int64]:
    """Return, per row, the position of the first row that agrees with it in every input.

    >>> equal_rows(np.array([[1.0, np.nan], [2.0, 0.0], [1.0, np.nan]])).tolist()
    [0, 1, 0]
    """
    # Adding 0 makes one number of 0 and -0.
    numbers = (
        pd.DataFrame(features + 0.0)
        .groupby(list(range(features.shape[1])), dropna=False, sort=False)
        .ngroup()
    )
    _, first = np.unique(numbers, return_index=True)
    found: NDArray[np.int64] = first[numbers]
    return found


def same_patient(features: Floats) -> NDArray[np.int64]:
    """Return, per row, the first row that is taken for the same patient: one that agrees in every input.

    Where different rows are fewer than a tenth, agreement is what few and coarse inputs give by chance, and
    every row is a patient.
    """
    first = equal_rows(features)
    return first if len(np.unique(first)) * _CHANCE >= len(first) else np.arange(len(first))


def stratified_folds(
    labels: Labels,
    seed: int,
    repeats: int,
    groups: NDArray[np.int64] | None = None,
    folds: int = FOLDS,
) -> NDArray[np.int64]:
    """Return (repeats, patients) fold numbers, each class spread evenly; row order counts like the seed.

    `groups` names the first row of those that must share a fold, as `same_patient` does; its label counts.
    Raises NotEnoughData when a class has fewer patients, or different rows, than there are folds.

    >>> stratified_folds(np.array([0, 1] * 10), seed=1, repeats=2).shape
    (2, 20)
    """
    first = np.arange(len(labels)) if groups is None else np.unique(groups)
    outcomes = labels[first]
    if min(int(outcomes.sum()), int(len(outcomes) - outcomes.sum())) < folds:
        message = f"Each outcome needs at least {folds} patients for {folds}-fold cross-validation."
        raise NotEnoughData(message)
    rng = np.random.default_rng(seed)
    assigned = np.empty((repeats, len(first)), dtype=np.int64)
    for repeat in range(repeats):
        offset = 0
        for outcome in (0, 1):
            members = rng.permutation(np.flatnonzero(outcomes == outcome))
            # The second class starts where the first stopped, so that the folds are of equal size too.
            assigned[repeat, members] = (np.arange(len(members)) + offset) % folds
            offset = len(members) % folds
    return assigned if groups is None else assigned[:, np.searchsorted(first, groups)]
