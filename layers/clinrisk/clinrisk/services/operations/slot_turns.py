"""Turns as they are given and end: what Request Slot and Free Slots share.

A pool is one item that is changed one version at a time: whoever loses a race looks again. A grant is stored
before the workflow hears of it, and repeated until it has; a request leaves the queue after that. So a stop
between any two calls costs time and no turn, and the schedule's next look makes up for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import stepfunctions
from clinrisk.aws.tables import slots
from clinrisk.core.operations import slot_pool
from clinrisk.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from clinrisk.messages.operations import Holder, PoolState

_MOST_TRIES = 50
"""How many races one call may lose."""


def assign(pool: str, now: datetime) -> int:
    """Hand the free slots of a pool to whoever is next, and return how many had their turn."""
    granted = 0
    lanes = slot_pool.lanes(use_cases.names())
    for _ in range(_MOST_TRIES):
        state = slots.pool(pool)
        limit = slot_pool.limit_of(state, slots.limits(), now)
        room = limit - len(state.holders)
        heads = slots.heads(pool, lanes, room + len(state.holders)) if room > 0 else []
        chosen = slot_pool.next_up(state, heads, limit, now)
        # Whoever stopped between a grant and this left a request behind that has had its turn.
        had = {holder.id: holder.attempts for holder in state.holders}
        slots.leave(one for one in heads if one.id in had and one.attempts <= had[one.id])
        if chosen:
            after = slot_pool.with_turns(state, chosen, now)
            if not slots.change(state, after):
                continue
            granted += len(chosen)
            slots.leave(chosen)
            state = after
        if not _answer(state, now) and not chosen:
            return granted
    raise TransientError(f"The pool {pool} changes faster than it can be looked at.")


def change(pool: str, to: Callable[[PoolState], PoolState]) -> PoolState:
    """Change a pool, however many others do so at the same time, and return it as it is then."""
    for _ in range(_MOST_TRIES):
        state = slots.pool(pool)
        after = to(state)
        if after is state or slots.change(state, after):
            return after
    raise TransientError(f"The pool {pool} changes faster than it can be changed.")


def _answer(state: PoolState, now: datetime) -> bool:
    """Tell workflows of their turn; return whether one of them was gone, so that its slot is free again."""
    untold = [one for one in state.holders if not one.answered]
    gone = [one.id for one in untold if not _answer_one(one) and stepfunctions.has_ended(one.execution)]
    if untold:
        change(state.pool, lambda found: slot_pool.answered(found, [one.id for one in untold]))
    if gone:
        change(state.pool, lambda found: slot_pool.without(found, gone, now))
    return bool(gone)


def _answer_one(one: Holder) -> bool:
    return stepfunctions.succeed(one.task_token, slot_pool.slot_of(one).model_dump_json())
