"""Which patients a model has learned from, so that they never count as proof that it is right.

The model's archive holds a short digest per training patient: of the record id, which is a keyed pseudonym
itself, and of the digest of the training set, so that the lists of two models cannot be compared. Neither a
value nor a pseudonym can be read from it; whoever has a record id can ask for it. numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.training.learned_digests import learned_digests

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

FILE = "learned.npy"


@dataclass(frozen=True)
class LearnedPatients:
    """The training patients of one model, by their digests in ascending order."""

    digests: NDArray[np.uint64]
    training_sha256: str
    """Of the training set that they are from."""

    @classmethod
    def of(cls, record_ids: Iterable[str], training_sha256: str) -> LearnedPatients:
        """Return the patients of a training set, in any order."""
        return cls(np.sort(learned_digests(record_ids, training_sha256)), training_sha256)

    @classmethod
    def load(cls, path: Path, training_sha256: str) -> LearnedPatients | None:
        """Return the patients that `save` wrote; None where an earlier model has no such file."""
        return cls(np.load(path), training_sha256) if path.is_file() else None

    def save(self, path: Path) -> None:
        """Write the digests: the same bytes for the same set."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, self.digests)

    def among(self, record_ids: Iterable[str]) -> NDArray[np.bool_]:
        """Return whether the model has learned from each of these patients.

        >>> LearnedPatients.of(["a", "b"], "0" * 64).among(["b", "c"]).tolist()
        [True, False]
        """
        return np.isin(learned_digests(record_ids, self.training_sha256), self.digests)
