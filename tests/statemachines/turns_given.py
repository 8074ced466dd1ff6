"""Turns on the stage: every wait for one is answered at once, by the core that decides about turns."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clinrisk import use_cases
from clinrisk.core import failure_text
from clinrisk.core.operations import slot_pool
from clinrisk.messages.operations import PoolState, SlotRequest
from tests.statemachines.calls import ServiceError

if TYPE_CHECKING:
    from tests.statemachines.calls import Call

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def is_about_turns(state: str) -> bool:
    return state.startswith("Wait To ") or state == "Give Turn Back"


def take_turn(call: Call) -> dict[str, Any]:
    """Answer a wait as Request Slot does when a slot is free."""
    if call.state == "Give Turn Back":
        return {"freed": 1, "granted": 0}
    asked = SlotRequest.model_validate(call.payload)
    one = slot_pool.waiting_of(asked, use_cases.names(), NOW)
    if asked.failure is not None and not slot_pool.worth_another_turn(asked.failure, one.attempts - 1):
        words = failure_text.explained(asked.failure.name, asked.failure.cause)
        raise ServiceError("JobFailed", json.dumps({"errorMessage": words}))
    state = slot_pool.with_turns(PoolState(pool=one.pool), [one], NOW)
    return slot_pool.slot_of(state.holders[0]).model_dump(mode="json")
