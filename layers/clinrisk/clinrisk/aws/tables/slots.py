"""The Slots table: who has a turn in a pool, and who waits for one.

POOLS           <pool>                                       a `PoolState`, changed a version at a time
WAITING#<pool>  <urgency>#<size>#<use_case>#<started>#<id>   a `Waiting`, until it has its turn
STARTS          <upload id or run>                            how often it was started again, and when
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boto3.dynamodb.conditions import Attr

from clinrisk.aws import dynamodb
from clinrisk.aws.settings import settings
from clinrisk.core.operations import slot_pool
from clinrisk.core.timestamps import stamp
from clinrisk.messages.operations import PoolState, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from clinrisk.aws.dynamodb import Item

_POOLS = "POOLS"
_STARTS = "STARTS"
_FEW = 50
_KEYS = {"pk", "sk"}


def _queue(pool: str) -> str:
    return f"WAITING#{pool}"


def _key(one: Waiting) -> dynamodb.ItemKey:
    return _queue(one.pool), f"{slot_pool.lane_of(one)}{one.started}#{one.id}"


def limits() -> dict[str, int]:
    """Return how many of each pool the stack's parameters allow at a time."""
    given = settings()
    return {
        "ingest": given.ingests_at_once,
        "transform": given.transform_jobs_at_once,
        "processing": given.processing_jobs_at_once,
        "training": given.training_jobs_at_once,
    }


def pool(name: str) -> PoolState:
    """Return a pool as it is now; nobody has used it where the table holds none."""
    item = dynamodb.read(settings().slots_table, (_POOLS, name))
    return PoolState(pool=name) if item is None else _state(item)


def pools() -> list[PoolState]:
    """Return every pool that was ever used."""
    return [_state(item) for item in dynamodb.query(settings().slots_table, _POOLS)]


def change(before: PoolState, after: PoolState) -> bool:
    """Store a pool unless somebody has changed it since it was read; return whether it was stored."""
    item = dynamodb.key_of((_POOLS, after.pool)) | after.model_dump(mode="json")
    condition = Attr("version").eq(before.version) if before.version else Attr("pk").not_exists()
    return dynamodb.write(settings().slots_table, item, condition=condition)


def queue_up(one: Waiting) -> None:
    """Put a request into the queue; one of the same id gives way to it."""
    dynamodb.write(settings().slots_table, dynamodb.key_of(_key(one)) | one.model_dump(mode="json"))


def leave(gone: Iterable[Waiting]) -> None:
    """Take requests out of the queue, but for one that was repeated with another token meanwhile."""
    for one in gone:
        dynamodb.remove(settings().slots_table, _key(one), Attr("task_token").eq(one.task_token))


def heads(name: str, lanes: Iterable[str], most: int) -> list[Waiting]:
    """Return the first `most` requests of every lane of a pool's queue, or all where there are few."""
    table = settings().slots_table
    few = waiting(name, _FEW)
    if len(few) < _FEW:
        return few
    return [
        _waiting(item)
        for lane in lanes
        for item in dynamodb.query(table, _queue(name), sort_prefix=lane, limit=most)
    ]


def waiting(name: str, most: int = 1000) -> list[Waiting]:
    """Return the first `most` requests in a pool's queue."""
    return [_waiting(item) for item in dynamodb.query(settings().slots_table, _queue(name), limit=most)]


def starts() -> dict[str, int]:
    """Return how often each thing that was stuck has been started again."""
    items = dynamodb.query(settings().slots_table, _STARTS)
    return {str(item["sk"]): int(item["starts"]) for item in items}


def count_start(subject: str, count: int, now: datetime) -> None:
    """Record that something that was stuck is started for so many times."""
    item = dynamodb.key_of((_STARTS, subject)) | {"starts": count, "started_at": stamp(now)}
    dynamodb.write(settings().slots_table, item)


def _state(item: Item) -> PoolState:
    return PoolState.model_validate(_facts(item))


def _waiting(item: Item) -> Waiting:
    return Waiting.model_validate(_facts(item))


def _facts(item: Item) -> Item:
    found: Item = dynamodb.native({name: value for name, value in item.items() if name not in _KEYS})
    return found
