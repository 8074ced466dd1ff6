"""What stands still though nobody decided so: from the facts of tables, buckets and executions to a list.

Nothing here starts anything. What is stuck is started by `clinrisk redrive`, and by the reconciler where
that needs nobody's word: at most `MOST_STARTS` times, since what stops three times is no accident.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from clinrisk.core import failure_text
from clinrisk.core.ingest.inbox_keys import INBOX
from clinrisk.core.ingest.receipts import WHAT_FAILED
from clinrisk.errors import NoSlotFree
from clinrisk.messages.operations import Stuck

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from clinrisk.messages.ingest import Settlement

MOST_STARTS = 3
REMEMBERED = timedelta(days=89)
"""Step Functions forgets executions after 90 days."""
LISTED = 500
"""So many fit into an answer of a function."""

# These are answers, not accidents: another training would end the same way.
_ANSWERS = frozenset({"CandidateBlocked", "NotEnoughData", "ChampionChanged"})


@dataclass(frozen=True)
class InboxVersion:
    """One version of an object in the inbox."""

    upload_id: str
    key: str
    version_id: str
    size: int
    arrived: datetime


@dataclass(frozen=True)
class Ended:
    """How an execution ended that has not succeeded."""

    name: str
    at: datetime
    error: str
    cause: str

    @property
    def reason(self) -> str:
        """Why, in words that may leave."""
        return failure_text.ended(self.error, self.cause) or "It was stopped."


def unread(
    versions: Iterable[tuple[InboxVersion, bool]],
    oldest_in_line: datetime | None,
    now: datetime,
    patience: timedelta,
) -> list[Stuck]:
    """Return the files that arrived and have neither a receipt nor anybody who reads them.

    Each comes with whether somebody had claimed it, in an execution that has ended; else nobody ever did.
    A file that nobody has claimed may stand in line: those younger than the oldest one there are left alone.
    """
    before = min(now, oldest_in_line or now) - patience
    found = []
    for one, stopped in versions:
        if not stopped and one.arrived >= before:
            continue
        reason = "Its reading was stopped." if stopped else "Its event never came."
        found.append(
            Stuck(
                kind="reading_stopped" if stopped else "not_read",
                subject=one.upload_id,
                name=one.key,
                use_case=one.key.split("/")[1] if one.key.count("/") > 1 else "",
                since=text_of(one.arrived),
                reason=reason,
                command=f"clinrisk redrive {one.upload_id}",
                startable=True,
                safe=True,
            )
        )
    return found


def failed(receipts: Iterable[tuple[Settlement, str | None]]) -> list[Stuck]:
    """Return the files that could not be read, for a reason that somebody has to mend first.

    Each comes with the text of its receipt, or None where a redrive has claimed it meanwhile.
    """
    return [
        Stuck(
            kind="failed",
            subject=one.upload_id,
            name=one.key,
            use_case=one.use_case,
            since=one.settled_at,
            reason=_why(receipt),
            command=f"clinrisk redrive {shlex.quote(one.key.removeprefix(INBOX))}",
            startable=True,
        )
        for one, receipt in receipts
        if receipt is not None
    ]


def _why(receipt: str) -> str:
    """Return what failed, as a receipt states it."""
    sentences: list[str] = json.loads(receipt)["explanation"]
    found = [one.removeprefix(WHAT_FAILED) for one in sentences if one.startswith(WHAT_FAILED)]
    return found[0] if found else "Its receipt says why."


def unjoined(
    used: Iterable[Settlement], joined: Collection[str], now: datetime, patience: timedelta
) -> list[Stuck]:
    """Return the files of outcomes or feedback whose rows are used and that no join has seen."""
    return [
        Stuck(
            kind="not_joined",
            subject=one.upload_id,
            name=one.key,
            use_case=one.use_case,
            since=one.settled_at,
            reason=f"No join has read this file of {one.purpose}.",
            command=f"clinrisk monitor {one.use_case}",
            startable=True,
            safe=True,
        )
        for one in used
        if one.upload_id not in joined and now - moment_of(one.settled_at) >= patience
    ]


def untrained(
    use_case: str, used: Iterable[Settlement], last_start: datetime | None, now: datetime, patience: timedelta
) -> list[Stuck]:
    """Return a use case whose newest training file came after the newest run began, so that none has read it.

    `used` are the files that a training would read, none where they are too few; `last_start` is when the
    newest run began that read, reads or will read them, as far as Step Functions remembers.
    """
    newest = max(used, key=free_since, default=None)
    if newest is None:
        return []
    since = moment_of(free_since(newest))
    forgotten = last_start is None and now - since >= REMEMBERED
    if forgotten or now - since < patience or (last_start is not None and last_start >= since):
        return []
    return [
        Stuck(
            kind="not_trained",
            subject=newest.upload_id,
            name=newest.key,
            use_case=use_case,
            since=free_since(newest),
            reason="No training run began after it was accepted.",
            command=f"clinrisk redrive {newest.upload_id}",
            startable=True,
            safe=True,
        )
    ]


def dead_training(use_case: str, newest: Ended | None) -> list[Stuck]:
    """Return the newest training run of a use case where it died; None: it runs, or went well."""
    if newest is None or newest.error in _ANSWERS:
        return []
    return [
        Stuck(
            kind="training_died",
            subject=newest.name,
            name=newest.name,
            use_case=use_case,
            since=text_of(newest.at),
            reason=newest.reason,
            command=f"clinrisk redrive {newest.name}",
            startable=True,
            # Whoever stopped a run may have meant it; a run that never had its turn nobody stopped.
            safe=newest.error == NoSlotFree.__name__,
        )
    ]


def to_start(stuck: Iterable[Stuck], subjects: Collection[str], *, safe: bool) -> list[Stuck]:
    """Return what is to be started again: what was asked for, or what needs nobody's word."""
    return [
        one
        for one in stuck
        if one.startable and (one.subject in subjects or (safe and one.safe and one.starts < MOST_STARTS))
    ]


def needs_somebody(stuck: Iterable[Stuck]) -> list[Stuck]:
    """Return what could go on and will not by itself: it waits for a person."""
    return [one for one in stuck if one.startable and not (one.safe and one.starts < MOST_STARTS)]


def free_since(upload: Settlement) -> str:
    """Return since when an upload may be used: since it was settled, or since somebody decided about it."""
    return max([upload.settled_at, *(decision.decided_at for decision in upload.decisions)])


def text_of(moment: datetime) -> str:
    """Return a moment to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(text: str) -> datetime:
    """Return a moment that was written with its time zone."""
    return datetime.fromisoformat(text)
