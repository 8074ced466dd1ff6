"""Batches that stand still: without results, or with results that no mail has announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk.core.operations import stuck_work
from clinrisk.messages.operations import Stuck

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence, Set
    from datetime import datetime, timedelta

    from clinrisk.core.operations.stuck_work import Ended
    from clinrisk.messages.ingest import Settlement

PUBLISHES, ANNOUNCES, SILENT = "Publish Results", "Announce Results", "Note Silence"
"""States of a scoring; the last one says that no mail was sent (a test of the definitions knows them)."""
NO_MODEL = "No model is live for its use case."
PAUSED = "The results of its use case are paused."
_NEVER = "Its scoring never started."
_ENDED = "Its scoring has ended without results."
_RECALLED = "Its results are recalled."
_ROWS_ENDED = "Its rows have ended, as the stack's parameters have it: it cannot be scored any more."
# Not of the batch: by now a turn may be free, a model live, a hold decided, a pause over.
_PASSES = frozenset({"NoSlotFree", "NoLiveModel", "BatchHeld", "ScoringPaused"})


def unscored(
    used: Iterable[Settlement],
    running: Collection[str],
    ended: Mapping[str, datetime],
    recalled: Mapping[str, datetime],
    *,
    waits_for: str,
    now: datetime,
    patience: timedelta,
    rows_kept: timedelta | None = None,
) -> list[Stuck]:
    """Return the batches whose rows are used, that have no results, and that no execution scores.

    `running`: those that are being scored; `ended`: when the last scoring of each ended badly; `recalled`:
    when the results of each were recalled, all by upload id. `waits_for`: why none of them could be scored
    now, empty where they could. `rows_kept`: how long what a scoring reads is kept after it was built; None
    for ever. What is built is so before its upload is settled.
    """
    found = []
    for one in used:
        free_since, end = stuck_work.free_since(one), ended.get(one.upload_id)
        notice = recalled.get(one.upload_id)
        since = max((moment for moment in (end, notice) if moment), default=None)
        young = since is None and now - stuck_work.moment_of(free_since) < patience
        if one.upload_id in running or young:
            continue
        rows_gone = rows_kept is not None and now - stuck_work.moment_of(one.settled_at) >= rows_kept
        why = waits_for or (_RECALLED if notice and since == notice else _ENDED if end else _NEVER)
        found.append(
            Stuck(
                kind="not_scored",
                subject=one.upload_id,
                name=one.key,
                use_case=one.use_case,
                since=stuck_work.text_of(since) if since else free_since,
                reason=_ROWS_ENDED if rows_gone else why,
                command=f"clinrisk {'withdraw' if rows_gone else 'score'} {one.upload_id}",
                startable=not (waits_for or rows_gone),
                safe=not rows_gone,
            )
        )
    return found


def explained(one: Stuck, ends: Sequence[Ended]) -> Stuck:
    """Return a batch without results with how its scorings ended, the newest first.

    What has ended twice in a row in the same words would do so again.
    """
    if not ends or not one.startable or one.reason == _RECALLED:
        return one
    last = ends[0]
    alike = [end for end in ends[:2] if end.error and (end.error, end.reason) == (last.error, last.reason)]
    again = len(alike) > 1 and last.error not in _PASSES
    reason = f"{last.reason} Twice in a row." if again else last.reason
    return one.model_copy(update={"reason": reason, "safe": not again and last.error != "ContractChanged"})


def unannounced(batch: Settlement, ended: datetime, left_states: Set[str], publisher: str) -> Stuck | None:
    """Return a batch with results whose scoring ended badly before its mail was sent.

    `left_states`: those that the execution has been through. `publisher`: that it is known to have published
    the results; empty where its states have to say so.
    """
    sent = ANNOUNCES in left_states and SILENT not in left_states
    if sent or not (publisher or PUBLISHES in left_states):
        return None
    return Stuck(
        kind="not_announced",
        subject=batch.upload_id,
        name=batch.key,
        use_case=batch.use_case,
        since=stuck_work.text_of(ended),
        reason="Its results are published, and no mail has said so.",
        command=f"clinrisk redrive {batch.upload_id}",
        startable=True,
        safe=True,
    )
