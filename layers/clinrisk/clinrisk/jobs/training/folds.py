"""The assignment of patients to folds: seeded, stratified, the same rows in the same folds for ever.

Repeating the division and averaging each patient's scores takes most of the luck of one division away
(Kim, 2009). Why it is not scikit-learn's: docs/by-hand.md. The models read it as a PredefinedSplit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clinrisk.errors import NotEnoughData

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Labels

FOLDS = 5


def stratified_folds(labels: Labels, seed: int, repeats: int, folds: int = FOLDS) -> NDArray[np.int64]:
    """Return (repeats, patients) fold numbers, each class spread evenly; row order counts like the seed.

    Raises NotEnoughData when a class has fewer patients than there are folds.

    >>> stratified_folds(np.array([0, 1] * 10), seed=1, repeats=2).shape
    (2, 20)
    """
    if min(int(labels.sum()), int(len(labels) - labels.sum())) < folds:
        message = f"Each outcome needs at least {folds} patients for {folds}-fold cross-validation."
        raise NotEnoughData(message)
    rng = np.random.default_rng(seed)
    assigned = np.empty((repeats, len(labels)), dtype=np.int64)
    for repeat in range(repeats):
        offset = 0
        for outcome in (0, 1):
            members = rng.permutation(np.flatnonzero(labels == outcome))
            # The second class starts where the first stopped, so that the folds are of equal size too.
            assigned[repeat, members] = (np.arange(len(members)) + offset) % folds
            offset = len(members) % folds
    return assigned
