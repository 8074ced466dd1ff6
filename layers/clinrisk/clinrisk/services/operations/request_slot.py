"""Request Slot: a workflow asks for its turn and is queued; whoever is next has the turns that are free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import stepfunctions
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import slots
from clinrisk.core import failure_text
from clinrisk.core.operations import slot_pool
from clinrisk.errors import JobFailed
from clinrisk.messages.operations import Slot, SlotRequested
from clinrisk.services.operations.slot_turns import assign, change

if TYPE_CHECKING:
    from datetime import datetime

    from clinrisk.messages.operations import SlotRequest, Waiting


def request(asked: SlotRequest, now: datetime) -> SlotRequested:
    """Queue a request and give the turns that are free; raises JobFailed where a job must not be repeated."""
    one = slot_pool.waiting_of(asked, use_cases.names(), now)
    one = slot_pool.named_for_stack(one, settings().job_prefix)
    if asked.failure is not None:
        _give_back(one, asked, now)
    slots.queue_up(one)
    # A state that was repeated while it has its turn waits with another token.
    held = change(one.pool, lambda found: slot_pool.renewed(found, [one]))
    if one.id in {holder.id for holder in held.holders}:
        slots.leave([one])
    elif one.joins and _is_done_by_another(one):
        slots.leave([one])
        answer = Slot(job_name="", asked_at=one.asked_at, joined=True)
        stepfunctions.succeed(one.task_token, answer.model_dump_json())
    assign(one.pool, now)
    return SlotRequested()


def _give_back(one: Waiting, asked: SlotRequest, now: datetime) -> None:
    """End a turn that has come to nothing; raises JobFailed where the same would happen again."""
    assert asked.failure is not None  # noqa: S101 - the caller has looked
    again = slot_pool.worth_another_turn(asked.failure, one.attempts - 1)
    ended = slot_pool.after_refusal if slot_pool.lacks_room(asked.failure) else slot_pool.after_failure
    change(one.pool, lambda found: ended(found, one.id, now))
    if not again:
        assign(one.pool, now)
        raise JobFailed(failure_text.explained(asked.failure.name, asked.failure.cause))


def _is_done_by_another(one: Waiting) -> bool:
    """Return whether an earlier request that still waits does this one's work as well."""
    others = slots.waiting(one.pool)
    earlier = [other for other in others if other.joins and (other.started, other.id) < (one.started, one.id)]
    return any(not stepfunctions.has_ended(other.execution) for other in earlier)
