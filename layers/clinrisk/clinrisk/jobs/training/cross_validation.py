"""Seeded, stratified folds, and scores for every patient from models that never saw that patient.

Repeating the division and averaging each patient's scores takes most of the luck of one division away
(Kim, 2009). Whatever is fitted (imputation, scaling, trees) is fitted inside the fold. The assignment is our
own (docs/by-hand.md); scikit-learn reads it as a PredefinedSplit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import PredefinedSplit

from clinrisk.errors import NotEnoughData

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels

    Scorer = Callable[[Floats], Floats]
    Fit = Callable[[Floats, Labels], Scorer]

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


def out_of_fold(fit: Fit, features: Floats, labels: Labels, folds: NDArray[np.int64]) -> Floats:
    """Return each patient's score in each repeat, (repeats, patients), from models of the other folds."""
    scores = np.empty((len(folds), len(labels)))
    for repeat, assigned in enumerate(folds):
        for learned, held in PredefinedSplit(assigned).split():
            scores[repeat, held] = fit(features[learned], labels[learned])(features[held])
    return scores
