"""Record ids: a keyed hash in place of a hospital's own id, the same for the same patient in every upload."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORD_ID_LENGTH = 32
_BLOCK = 64


def record_ids(texts: Iterable[str], key: bytes) -> list[str]:
    """Return one record id per text: the first 32 hex digits of HMAC-SHA256 under the use case's key.

    The two keyed states are made once and copied, which halves the time of `hmac.digest` per id.

    >>> record_ids(["9046"], b"key") == record_ids(["9046"], b"key")
    True
    >>> len(record_ids(["9046"], b"key")[0])
    32
    """
    block = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block)).copy
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block)).copy
    ids = []
    for text in texts:
        inside, outside = inner(), outer()
        inside.update(text.encode())
        outside.update(inside.digest())
        ids.append(outside.hexdigest()[:RECORD_ID_LENGTH])
    return ids
