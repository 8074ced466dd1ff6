"""By what a model's archive knows the patients that it learned from: a short digest each. numpy only."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

LEARNED, CARD = "clinrisk/learned.npy", "clinrisk/model.json"
"""Where an archive has them, and the digest of the training set that they are of."""
_BYTES = 8
"""Of a digest: any of a million patients is taken for one of a million others with a chance of 1 in 10^7."""


def learned_digests(record_ids: Iterable[str], training_sha256: str) -> NDArray[np.uint64]:
    """Return the digest of each patient of a training set, in the given order."""
    start = hashlib.sha256(f"clinrisk learned {training_sha256} ".encode())
    found = bytearray()
    for record_id in record_ids:
        digest = start.copy()
        digest.update(record_id.encode())
        found += digest.digest()[:_BYTES]
    return np.frombuffer(bytes(found), "<u8")
