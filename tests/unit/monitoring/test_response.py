from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated
from clinrisk.core.monitoring.response import Response, choose_response, may_propose, response_to
from clinrisk.messages.monitoring import Proposal

Q, D, P, B = Check.QUALITY, Check.DRIFT, Check.PERFORMANCE, Check.BIAS
SETS = [set(some) for size in range(5) for some in itertools.combinations(Check, size)]


def finding(check: Check, verdict: CheckVerdict = CheckVerdict.ALERT) -> CheckFinding:
    return CheckFinding(check, verdict, 0.5, 0.25, f"The {check} sentence.")


@pytest.mark.parametrize(
    ("alerts", "response"),
    [
        (set(), Response.NOTHING),
        ({D}, Response.INVESTIGATE),
        ({B}, Response.INVESTIGATE),
        ({D, B}, Response.PROPOSE_RETRAINING),
        ({P}, Response.PROPOSE_RETRAINING),
        ({P, B}, Response.PROPOSE_PAUSE),
        (set(Check) - {Q}, Response.PROPOSE_PAUSE),
        ({P, D}, Response.PROPOSE_RETRAINING),
        ({Q}, Response.INVESTIGATE),
    ],
)
def test_the_table_says_what_an_alert_asks_for(alerts: set[Check], response: Response) -> None:
    assert response_to(alerts) is response


@pytest.mark.parametrize("alerts", [some for some in SETS if Q in some])
def test_a_broken_feed_never_trains_a_model(alerts: set[Check]) -> None:
    assert response_to(alerts) is Response.INVESTIGATE


@pytest.mark.parametrize("alerts", [some for some in SETS if some])
def test_no_alert_is_answered_with_nothing(alerts: set[Check]) -> None:
    assert response_to(alerts) is not Response.NOTHING


def test_alerts_of_different_batches_are_not_mixed_and_the_strongest_counts() -> None:
    assert choose_response([("a", finding(D)), ("b", finding(B))]) is Response.INVESTIGATE
    assert choose_response([("a", finding(D)), ("a", finding(B))]) is Response.PROPOSE_RETRAINING
    assert choose_response([("a", finding(Q)), ("b", finding(P))]) is Response.PROPOSE_RETRAINING


def test_what_could_not_be_judged_asks_for_nothing() -> None:
    assert choose_response([("a", not_evaluated(P, 0.8, "No outcomes."))]) is Response.NOTHING
    assert choose_response([]) is Response.NOTHING


BEFORE = Proposal(proposed_at="2026-03-01T09:30:00.000Z", batches=("a", "b"), execution="morning", version=1)
LATER = datetime(2026, 3, 15, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "batches", "now", "may"),
    [
        (None, ["a"], LATER, True),
        (BEFORE, ["a", "c"], LATER, True),
        (BEFORE, ["b", "a"], LATER, False),
        (BEFORE, ["a", "c"], LATER - timedelta(seconds=1), False),
        (BEFORE, ["b"], LATER + timedelta(days=400), False),
    ],
)
def test_a_training_is_proposed_again_after_a_pause_and_on_other_batches(
    last: Proposal | None, batches: list[str], now: datetime, *, may: bool
) -> None:
    assert may_propose(last, batches, now) is may
