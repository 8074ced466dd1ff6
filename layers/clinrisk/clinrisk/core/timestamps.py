"""Points in time as text: the one spelling in tables, receipts and the ledger. Standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def stamp(moment: datetime) -> str:
    """Return a moment in UTC as ISO 8601 with milliseconds and Z; the order of the texts is that of time.

    >>> from datetime import UTC, datetime
    >>> stamp(datetime(2026, 3, 1, 14, 5, 9, 87_654, UTC))
    '2026-03-01T14:05:09.087Z'
    """
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
