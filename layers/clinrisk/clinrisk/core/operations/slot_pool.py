"""Whose turn is next: AWS's quotas and the stack's parameters allow only so much at a time.

A pool has a limit, holders and a queue. Who is next (docs/decisions/0031-a-turn-for-every-job.md):

1. results before models before a shadow, but nobody for ever: each `PATIENCE` of waiting is worth one step;
2. small batches before large ones, and one slot of several is never a large one's;
3. the use case that holds fewer slots;
4. who started first.

Every function is pure: the time is given.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, get_args

from clinrisk.core.timestamps import stamp
from clinrisk.messages.operations import Holder, Slot, Urgency, Waiting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from clinrisk.messages.message import Failure
    from clinrisk.messages.operations import PoolState, SlotRequest

URGENCIES: tuple[str, ...] = get_args(Urgency)
OF_JOBS = frozenset({"transform", "processing", "training"})
"""The pools whose turns are SageMaker jobs."""
LONGEST_NAME = 60
"""Of a job without its attempt: SageMaker takes 63 characters."""
OTHER = "other"
"""The use case of what names none that we know: a misplaced file waits for its turn, too."""
LARGE_ROWS = 100_000
PATIENCE = timedelta(minutes=30)
LONGEST_WAIT = timedelta(hours=12)
MOST_ATTEMPTS = 5
"""Of a job that AWS could not keep; for lack of a slot or a machine there is no such limit."""
NO_JOB_AFTER = timedelta(minutes=10)
"""A turn without a job for so long, whose execution goes on, was given up."""
_LONGEST_PAUSE = timedelta(minutes=10)
_FIRST_PAUSE = timedelta(seconds=15)
_SHORT_PAUSE = timedelta(seconds=2)
"""The first one after an error that passes by itself."""

_NO_ROOM = ("ResourceLimitExceeded", "CapacityError")
# What AWS will say again, under whatever name Step Functions hands it on.
_LASTING = ("Error Code: ValidationException", "Error Code: AccessDenied")
_PASSING = ("AmazonSageMakerException", "SdkClientException", "ThrottlingException", "InternalServerError")


def waiting_of(asked: SlotRequest, use_cases: Collection[str], now: datetime) -> Waiting:
    """Return a request as it stands in the queue; after a turn that came to nothing, with a pause first."""
    before = asked.slot
    attempts = 0 if before is None else before.attempts + int(asked.failure is not None)
    pause = timedelta()
    if asked.failure is not None:
        first = _FIRST_PAUSE if lacks_room(asked.failure) else _SHORT_PAUSE
        pause = min(_LONGEST_PAUSE, first * 2 ** min(attempts - 1, 10))
    return Waiting(
        id=hashlib.sha256(f"{asked.execution} {asked.job}".encode()).hexdigest()[:20],
        **asked.model_dump(include={"pool", "execution", "task_token", "job", "urgency", "started", "joins"}),
        use_case=asked.use_case if asked.use_case in use_cases else OTHER,
        large=asked.rows > LARGE_ROWS,
        asked_at=stamp(now) if before is None else before.asked_at,
        not_before=stamp(now + pause),
        attempts=attempts,
    )


def named_for_stack(one: Waiting, prefix: str) -> Waiting:
    """Return a request whose job's name begins with the stack's prefix: its roles may run no other jobs.

    A name that would be too long keeps its beginning and ends in a digest of the whole.

    >>> shortened("917d40e5", "heart-0123456789-xgboost")
    '917d40e5-heart-0123456789-xgboost'
    >>> len(shortened("917d40e5", "a" * 60))
    60
    """
    return one.model_copy(update={"job": shortened(prefix, one.job)}) if one.pool in OF_JOBS else one


def shortened(prefix: str, job: str) -> str:
    """Return a job's name behind a prefix, in LONGEST_NAME characters at most."""
    named = f"{prefix}-{job}"
    if len(named) <= LONGEST_NAME:
        return named
    digest = hashlib.sha256(job.encode()).hexdigest()[:8]
    return f"{named[: LONGEST_NAME - len(digest) - 1]}-{digest}"


def lacks_room(failure: Failure) -> bool:
    """Return whether AWS refused a job, or let it go, because there was no room for it."""
    return _mentions(failure, _NO_ROOM)


def worth_another_turn(failure: Failure, attempts: int) -> bool:
    """Return whether a job that ended so may be tried once more, `attempts` having had their turn before.

    >>> from clinrisk.messages.message import Failure
    >>> worth_another_turn(Failure(Error="SageMaker.ResourceLimitExceededException", Cause=""), 400)
    True
    >>> worth_another_turn(Failure(Error="States.TaskFailed", Cause='{"FailureReason": "AlgorithmError"}'), 0)
    False
    """
    if lacks_room(failure):
        return True
    lasting = any(code in failure.cause for code in _LASTING)
    return attempts < MOST_ATTEMPTS and not lasting and _mentions(failure, _PASSING)


def _mentions(failure: Failure, words: Iterable[str]) -> bool:
    """Look for a platform's code in an error's name, or at the head of a job's own reason."""
    service, _, name = failure.name.rpartition(".")
    if service == "SageMaker":
        return name.startswith(tuple(words))
    return failure.name == "States.TaskFailed" and any(
        f'"FailureReason":"{word}' in _compact(failure.cause) for word in words
    )


def _compact(cause: str) -> str:
    return cause.replace('": "', '":"')


def limit_of(state: PoolState, limits: Mapping[str, int], now: datetime) -> int:
    """Return how many may hold a slot now: the parameter's number, or fewer where AWS refused more."""
    # Training runs of one use case come one after the other: the next one learns from all that has arrived.
    given = 1 if state.pool.startswith("runs-") else limits[state.pool]
    lowered = state.lowered_to is not None and stamp(now) < state.lowered_until
    return min(given, state.lowered_to or 0) if lowered else given


def next_up(state: PoolState, heads: Sequence[Waiting], limit: int, now: datetime) -> tuple[Waiting, ...]:
    """Return who gets a slot now, out of the first ones of every lane."""
    held = {holder.id for holder in state.holders}
    candidates = [one for one in heads if one.not_before <= stamp(now) and one.id not in held]
    granted: list[Waiting] = []
    while len(state.holders) + len(granted) < limit:
        holding = [*state.holders, *granted]
        large_may = limit == 1 or sum(one.large for one in holding) < limit - 1
        free = [one for one in candidates if large_may or not one.large]
        if not free:
            break
        best = min(free, key=lambda one: _order(one, holding, now))
        candidates.remove(best)
        granted.append(best)
    return tuple(granted)


def _order(one: Waiting, holding: Sequence[Waiting], now: datetime) -> tuple[object, ...]:
    steps = (now - moment(one.asked_at)) // PATIENCE
    rank = max(0, URGENCIES.index(one.urgency) - steps)
    return (
        rank,
        one.large and steps == 0,
        sum(other.use_case == one.use_case for other in holding),
        one.started,
        one.id,
    )


def lanes(use_cases: Iterable[str]) -> list[str]:
    """Return the lanes of a queue: within one, who started first is next, so only their heads compete."""
    names = (*use_cases, OTHER)
    return [
        f"{urgency}#{size}#{name}#" for urgency in URGENCIES for size in ("small", "large") for name in names
    ]


def lane_of(one: Waiting) -> str:
    """Return the lane of a request."""
    return f"{one.urgency}#{'large' if one.large else 'small'}#{one.use_case}#"


def with_turns(state: PoolState, chosen: Iterable[Waiting], now: datetime) -> PoolState:
    """Return the pool with more holders."""
    fresh = [Holder(**one.model_dump(), granted_at=stamp(now)) for one in chosen]
    return _next(state, holders=(*state.holders, *fresh))


def after_failure(state: PoolState, failed: str, now: datetime) -> PoolState:
    """Return the pool after the job of one holder has failed for another reason than lack of room."""
    return without(state, [failed], now)


def without(state: PoolState, over: Iterable[str], now: datetime) -> PoolState:
    """Return the pool without the holders of these ids, and with what their turns say about its pace."""
    gone = set(over) & {holder.id for holder in state.holders}
    if not gone:
        return state
    mean = state.mean_seconds
    for holder in state.holders:
        if holder.id in gone and holder.answered:
            took = (now - moment(holder.granted_at)).total_seconds()
            mean = took if mean == 0 else mean + (took - mean) / 5
    kept = tuple(holder for holder in state.holders if holder.id not in gone)
    return _next(state, holders=kept, mean_seconds=round(mean, 1), refusals=0)


def after_refusal(state: PoolState, refused: str, now: datetime) -> PoolState:
    """Return the pool after AWS refused the job of one holder: as many as run now, until a pause is over."""
    kept = tuple(holder for holder in state.holders if holder.id != refused)
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(state.refusals, 10))
    return _next(
        state,
        holders=kept,
        lowered_to=len(kept),
        lowered_until=stamp(now + pause),
        refusals=state.refusals + 1,
    )


def renewed(state: PoolState, asked: Iterable[Waiting]) -> PoolState:
    """Return the pool with the new tokens of holders that asked again, since their state was repeated."""
    tokens = {(one.id, one.attempts): one.task_token for one in asked}
    holders = tuple(
        one.model_copy(update={"task_token": tokens[one.id, one.attempts], "answered": False})
        if tokens.get((one.id, one.attempts), one.task_token) != one.task_token
        else one
        for one in state.holders
    )
    return state if holders == state.holders else _next(state, holders=holders)


def answered(state: PoolState, ids: Iterable[str]) -> PoolState:
    """Return the pool with these holders marked as told."""
    fresh = set(ids) & {one.id for one in state.holders if not one.answered}
    if not fresh:
        return state
    return _next(
        state,
        holders=tuple(
            one.model_copy(update={"answered": one.answered or one.id in fresh}) for one in state.holders
        ),
    )


def _next(state: PoolState, **changes: object) -> PoolState:
    return state.model_copy(update={"version": state.version + 1, **changes})


def slot_of(holder: Holder) -> Slot:
    """Return what the workflow is told of its turn."""
    return Slot(job_name=holder.job_name, attempts=holder.attempts, asked_at=holder.asked_at)


def waited_too_long(one: Waiting, now: datetime) -> bool:
    """Return whether a request has waited as long as a workflow may."""
    return now - moment(one.asked_at) >= LONGEST_WAIT


def in_line(queue: Iterable[Waiting], now: datetime) -> list[Waiting]:
    """Return a queue in the order in which its turns come, as things stand."""
    return sorted(queue, key=lambda one: _order(one, (), now))


def seconds_to_wait(position: int, state: PoolState, limit: int) -> float | None:
    """Estimate how long the one at a position in line waits still; None where nothing is known."""
    if limit == 0 or state.mean_seconds == 0:
        return None
    return position * state.mean_seconds / limit


def moment(text: str) -> datetime:
    """Return the point in time that a stamp spells."""
    return datetime.fromisoformat(text)
