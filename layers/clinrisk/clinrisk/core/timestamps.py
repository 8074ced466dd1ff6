"""Points in time as text: as tables, receipts and the ledger spell them, and for people. Standard library."""

from __future__ import annotations

from datetime import datetime


def stamp(moment: datetime) -> str:
    """Return a moment in UTC as ISO 8601 with milliseconds and Z; the order of the texts is that of time.

    >>> from datetime import UTC, datetime
    >>> stamp(datetime(2026, 3, 1, 14, 5, 9, 87_654, UTC))
    '2026-03-01T14:05:09.087Z'
    """
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def day(moment: str) -> str:
    """Return the day of a moment as people write it.

    >>> day("2026-03-01T09:30:00.000Z")
    '1 March 2026'
    """
    when = datetime.fromisoformat(moment)
    return f"{when.day} {when:%B %Y}"


def days_since(moment: str, now: datetime) -> float:
    """Return how many days ago a moment was, in hundredths; 0 for one that a clock ahead of ours gave.

    >>> from datetime import UTC, datetime
    >>> days_since("2026-03-01T12:00:00.000Z", datetime(2026, 3, 4, tzinfo=UTC))
    2.5
    """
    return max(round((now - datetime.fromisoformat(moment)).total_seconds() / 86_400, 2), 0.0)
