"""Free Slots: turns that are over end, those that come next begin, and nobody waits for ever."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from clinrisk.aws import jobs, stepfunctions
from clinrisk.aws.tables import slots
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core.operations import slot_pool
from clinrisk.errors import NoSlotFree
from clinrisk.messages.operations import FreeSlotsResult
from clinrisk.services.operations.slot_turns import assign, change

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from clinrisk.messages.operations import FreeSlotsRequest, Holder


def free(asked: FreeSlotsRequest, now: datetime) -> FreeSlotsResult:
    """End the turns that are over, give the next ones, and end waits that have lasted too long."""
    freed = granted = 0
    named = asked.given_back if asked.detail is None else asked.detail.name
    for state in slots.pools():
        about = [one for one in state.holders if named in ("", one.execution, one.job_name)]
        if named and not about:
            continue
        over = [one for one in about if asked.given_back or _is_over(one, now)]
        change(state.pool, partial(slot_pool.without, over=[one.id for one in over], now=now))
        freed += len(over)
        _count_minutes(over, now)
        if not named:
            _watch_queue(state.pool, now)
        granted += assign(state.pool, now)
    return FreeSlotsResult(freed=freed, granted=granted)


def _count_minutes(over: Iterable[Holder], now: datetime) -> None:
    """Emit how long the turns of jobs lasted: what their machines cost follows from it."""
    for one in over:
        if one.pool in slot_pool.OF_JOBS and one.answered:
            minutes = (now - slot_pool.moment(one.granted_at)).total_seconds() / 60
            emit(Metric.JOB_MINUTES, round(minutes, 2), pool=one.pool)


def _is_over(one: Holder, now: datetime) -> bool:
    """Return whether a turn is over: the job has ended, or never came, or its execution has ended."""
    if one.pool == "ingest" or one.pool.startswith("runs-"):
        return stepfunctions.has_ended(one.execution)
    running = jobs.is_running(one.pool, one.job_name)
    if running is not None:
        return not running
    return now - slot_pool.moment(one.granted_at) > slot_pool.NO_JOB_AFTER or stepfunctions.has_ended(
        one.execution
    )


def _watch_queue(pool: str, now: datetime) -> None:
    """Measure how long the queue waits, and end the waits that have lasted too long."""
    queue = slots.waiting(pool)
    if not queue:
        return
    change(pool, partial(slot_pool.renewed, asked=queue))
    waits = [(now - slot_pool.moment(one.asked_at)).total_seconds() for one in queue]
    emit(Metric.LONGEST_WAIT, max(waits), pool="runs" if pool.startswith("runs-") else pool)
    for one in queue:
        if slot_pool.waited_too_long(one, now):
            hours = slot_pool.LONGEST_WAIT.total_seconds() / 3600
            words = f"No slot of the pool {pool} was free for {hours:.0f} hours."
            stepfunctions.fail(one.task_token, NoSlotFree.__name__, json.dumps({"errorMessage": words}))
            slots.leave([one])
