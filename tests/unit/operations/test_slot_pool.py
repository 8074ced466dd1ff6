"""Whose turn is next: order, fairness, what is kept free, pauses after refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinrisk.core.operations import slot_pool
from clinrisk.core.timestamps import stamp
from clinrisk.messages.message import Failure
from clinrisk.messages.operations import PoolState, Slot, SlotRequest, Waiting

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMITS = {"ingest": 8, "transform": 2, "processing": 2, "training": 2}


def asking(job: str = "job", **changes: object) -> SlotRequest:
    facts = {
        "execution": f"arn:of:{job}", "task_token": "t", "pool": "transform", "job": job, "use_case": "heart",
        "urgency": "results", "rows": 300, "started": stamp(NOW),
    }  # fmt: skip
    return SlotRequest.model_validate(facts | changes)


def waiting(job: str = "job", *, minutes: float = 0.0, **changes: object) -> Waiting:
    """Return a request that was made so many minutes ago."""
    since = NOW - timedelta(minutes=minutes)
    return slot_pool.waiting_of(asking(job, started=stamp(since), **changes), ("heart", "stroke"), since)


def holding(*held: Waiting, **changes: object) -> PoolState:
    state = slot_pool.with_turns(PoolState(pool="transform"), held, NOW)
    return state.model_copy(update=changes)


def names(chosen: tuple[Waiting, ...]) -> list[str]:
    return [one.job for one in chosen]


def test_results_come_before_models_and_models_before_a_shadow() -> None:
    queue = [waiting(urgency, urgency=urgency) for urgency in ("shadow", "models", "results")]
    assert names(slot_pool.next_up(holding(), queue, 3, NOW)) == ["results", "models", "shadow"]


def test_among_equals_who_started_first_goes_first() -> None:
    queue = [waiting("late", minutes=1), waiting("early", minutes=2)]
    assert names(slot_pool.next_up(holding(), queue, 1, NOW)) == ["early"]


@pytest.mark.parametrize(("minutes", "first"), [(59.9, "fresh"), (60, "shadow")])
def test_two_steps_of_patience_make_a_shadow_as_urgent_as_results(minutes: float, first: str) -> None:
    queue = [waiting("shadow", minutes=minutes, urgency="shadow"), waiting("fresh")]
    assert names(slot_pool.next_up(holding(), queue, 1, NOW)) == [first]


def test_small_goes_before_large_until_the_large_one_has_been_patient() -> None:
    large = {"rows": slot_pool.LARGE_ROWS + 1}
    assert names(
        slot_pool.next_up(holding(), [waiting("large", minutes=29, **large), waiting("small")], 1, NOW)
    ) == ["small"]
    assert names(
        slot_pool.next_up(holding(), [waiting("large", minutes=30, **large), waiting("small")], 1, NOW)
    ) == ["large"]


@pytest.mark.parametrize(("rows", "large"), [(slot_pool.LARGE_ROWS, False), (slot_pool.LARGE_ROWS + 1, True)])
def test_what_is_large(rows: int, large: bool) -> None:  # noqa: FBT001
    assert waiting(rows=rows).large is large


@pytest.mark.parametrize(("limit", "chosen"), [(1, 1), (2, 1), (3, 2)])
def test_one_slot_of_several_is_never_a_large_ones(limit: int, chosen: int) -> None:
    queue = [waiting(f"large {n}", rows=10**6) for n in range(5)]
    assert len(slot_pool.next_up(holding(), queue, limit, NOW)) == chosen


def test_the_use_case_that_holds_less_goes_first() -> None:
    state = holding(waiting("held", use_case="heart"))
    queue = [waiting("heart", minutes=5, use_case="heart"), waiting("stroke", use_case="stroke")]
    assert names(slot_pool.next_up(state, queue, 2, NOW)) == ["stroke"]


def test_a_file_of_no_use_case_waits_with_the_others() -> None:
    one = waiting(use_case="Hart Disease", pool="ingest")
    assert one.use_case == slot_pool.OTHER
    assert slot_pool.lane_of(one) in slot_pool.lanes(("heart", "stroke"))


REFUSED = Failure.model_validate({"Error": "SageMaker.ResourceLimitExceededException", "Cause": "limit"})
NO_MACHINE = Failure.model_validate(
    {"Error": "States.TaskFailed", "Cause": '{"FailureReason": "CapacityError: Unable to provision"}'}
)
BUSY = Failure.model_validate({"Error": "SageMaker.AmazonSageMakerException", "Cause": "Rate exceeded"})
BROKEN = Failure.model_validate(
    {"Error": "States.TaskFailed", "Cause": '{"FailureReason": "AlgorithmError: x"}'}
)


@pytest.mark.parametrize("failure", [REFUSED, NO_MACHINE], ids=["quota", "machine"])
def test_want_of_room_is_worth_any_number_of_turns(failure: Failure) -> None:
    assert slot_pool.lacks_room(failure)
    assert slot_pool.worth_another_turn(failure, 10_000)


@pytest.mark.parametrize(
    ("attempts", "again"), [(slot_pool.MOST_ATTEMPTS - 1, True), (slot_pool.MOST_ATTEMPTS, False)]
)
def test_what_passes_is_worth_a_few_turns(attempts: int, again: bool) -> None:  # noqa: FBT001
    assert not slot_pool.lacks_room(BUSY)
    assert slot_pool.worth_another_turn(BUSY, attempts) is again


def test_a_job_that_would_fail_again_has_no_other_turn() -> None:
    assert not slot_pool.worth_another_turn(BROKEN, 0)
    cause = (
        "Could not find model. (Service: AmazonSageMaker; Status Code: 400; Error Code: ValidationException)"
    )
    gone = Failure.model_validate({"Error": "SageMaker.AmazonSageMakerException", "Cause": cause})
    assert not slot_pool.worth_another_turn(gone, 0)
    # A reason that merely quotes the word is no code of the platform.
    quoting = Failure.model_validate(
        {"Error": "States.TaskFailed", "Cause": '{"FailureReason": "ClientError: CapacityError in a cell"}'}
    )
    assert not slot_pool.worth_another_turn(quoting, 0)


def test_a_refused_job_keeps_its_place_and_pauses_longer_each_time() -> None:
    first = waiting("job", minutes=5)
    pauses = []
    slot = Slot(job_name="job-0", attempts=0, asked_at=first.asked_at)
    for attempt in range(1, 9):
        again = slot_pool.waiting_of(asking(slot=slot, failure=REFUSED), ("heart",), NOW)
        assert (again.asked_at, again.attempts, again.job_name) == (first.asked_at, attempt, f"job-{attempt}")
        assert again.id == waiting("job").id
        pauses.append(slot_pool.moment(again.not_before) - NOW)
        slot = Slot(job_name=again.job_name, attempts=attempt, asked_at=again.asked_at)
    assert pauses[0] == timedelta(seconds=15)
    assert pauses == sorted(pauses)
    assert pauses[-1] == timedelta(minutes=10)


def test_the_pauses_after_an_error_that_passes_are_short() -> None:
    slot = Slot(job_name="job-0", attempts=0, asked_at=stamp(NOW))
    again = slot_pool.waiting_of(asking(slot=slot, failure=BUSY), ("heart",), NOW)
    assert slot_pool.moment(again.not_before) - NOW == timedelta(seconds=2)


def test_nobody_has_a_turn_before_the_pause_is_over() -> None:
    slot = Slot(job_name="job-0", attempts=0, asked_at=stamp(NOW))
    again = slot_pool.waiting_of(asking(slot=slot, failure=REFUSED), ("heart",), NOW)
    assert slot_pool.next_up(holding(), [again], 2, NOW + timedelta(seconds=14.9)) == ()
    assert slot_pool.next_up(holding(), [again], 2, NOW + timedelta(seconds=15)) == (again,)


def test_after_a_refusal_no_more_run_than_did_until_the_pause_is_over() -> None:
    one, two = waiting("one"), waiting("two")
    lowered = slot_pool.after_refusal(holding(one, two), two.id, NOW)
    assert [holder.id for holder in lowered.holders] == [one.id]
    assert slot_pool.limit_of(lowered, LIMITS, NOW + timedelta(seconds=14.9)) == 1
    assert slot_pool.limit_of(lowered, LIMITS, NOW + timedelta(seconds=15)) == 2
    again = slot_pool.after_refusal(lowered, one.id, NOW)
    assert slot_pool.limit_of(again, LIMITS, NOW + timedelta(seconds=29.9)) == 0


def test_a_use_case_trains_once_at_once() -> None:
    assert slot_pool.limit_of(PoolState(pool="runs-heart"), LIMITS, NOW) == 1


def test_a_turn_that_ends_teaches_how_long_turns_last() -> None:
    one = waiting("one")
    state = slot_pool.answered(holding(one), [one.id])
    ended = slot_pool.without(state, [one.id], NOW + timedelta(seconds=40))
    assert (ended.holders, ended.mean_seconds) == ((), 40.0)
    second = slot_pool.answered(slot_pool.with_turns(ended, [waiting("two")], NOW), [waiting("two").id])
    assert slot_pool.without(second, [waiting("two").id], NOW + timedelta(seconds=90)).mean_seconds == 50.0


def test_a_turn_that_was_never_taken_teaches_nothing() -> None:
    one = waiting("one")
    assert slot_pool.without(holding(one), [one.id], NOW + timedelta(hours=1)).mean_seconds == 0


def test_what_changes_nothing_is_the_same_version() -> None:
    state = holding(waiting("one"))
    assert slot_pool.without(state, ["another"], NOW) is state
    assert slot_pool.answered(state, ["another"]) is state


@pytest.mark.parametrize(("hours", "over"), [(11.99, False), (12, True)])
def test_the_longest_wait(hours: float, over: bool) -> None:  # noqa: FBT001
    assert slot_pool.waited_too_long(waiting(minutes=60 * hours), NOW) is over


def test_the_place_in_line_and_the_time_that_it_means() -> None:
    queue = [waiting("c", urgency="shadow"), waiting("a", minutes=3), waiting("b", minutes=2)]
    assert [one.job for one in slot_pool.in_line(queue, NOW)] == ["a", "b", "c"]
    assert slot_pool.seconds_to_wait(3, holding(mean_seconds=80.0), 2) == 120
    assert slot_pool.seconds_to_wait(3, holding(), 2) is None
    assert slot_pool.seconds_to_wait(3, holding(mean_seconds=80.0), 0) is None


REQUESTS = st.lists(
    st.builds(
        lambda n, urgency, use_case, rows, minutes: waiting(
            f"j{n}", minutes=minutes, urgency=urgency, use_case=use_case, rows=rows
        ),
        st.integers(0, 10**6),
        st.sampled_from(slot_pool.URGENCIES),
        st.sampled_from(["heart", "stroke"]),
        st.sampled_from([10, 10**6]),
        st.integers(0, 600),
    ),
    max_size=30,
    unique_by=lambda one: one.id,
)


@given(queue=REQUESTS, limit=st.integers(0, 5))
def test_slots_are_never_exceeded_and_none_is_left_free_that_somebody_may_have(
    queue: list[Waiting], limit: int
) -> None:
    chosen = slot_pool.next_up(holding(), queue, limit, NOW)
    assert len(chosen) <= limit
    assert len({one.id for one in chosen}) == len(chosen)
    left = [one for one in queue if one not in chosen]
    if len(chosen) < limit:
        assert all(one.large for one in left)


@given(queue=REQUESTS, limit=st.integers(1, 3))
def test_everybody_has_a_turn_in_the_end_though_more_urgent_ones_keep_coming(
    queue: list[Waiting], limit: int
) -> None:
    state, clock, left = holding(), NOW, list(queue)
    for step in range(20 * len(queue) + 200):
        if not left:
            break
        # One more result that is small: the most urgent there is.
        coming = slot_pool.waiting_of(asking(f"new {step}", started=stamp(clock)), ("heart", "stroke"), clock)
        chosen = slot_pool.next_up(state, [*left, coming], limit, clock)
        left = [one for one in left if one not in chosen]
        state = slot_pool.with_turns(state, chosen, clock)
        clock += timedelta(minutes=5)
        state = slot_pool.without(state, [holder.id for holder in state.holders], clock)
    assert left == []
