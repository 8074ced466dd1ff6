from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from clinrisk import use_cases
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated
from clinrisk.core.monitoring.memory.unjudged import after_checks, unjudged
from clinrisk.messages.monitoring import LastJudged
from clinrisk.use_cases.base import UseCase

BEGAN = datetime(2026, 1, 1, 6, tzinfo=UTC)
WAITING = not_evaluated(Check.PERFORMANCE, 0.87, "No outcomes have arrived.")


def judged(check: Check, *batches: str) -> list[tuple[str, CheckFinding]]:
    finding = CheckFinding(check, CheckVerdict.OK, 0.1, 1.0, "In order.")
    return [(batch, finding) for batch in batches]


def day(number: int) -> datetime:
    return BEGAN + timedelta(number)


def since(last: LastJudged, check: Check) -> str:
    return last.checks[check.value].since[:10]


def test_only_what_was_not_judged_before_is_news() -> None:
    first = after_checks(None, judged(Check.DRIFT, "2.csv", "1.csv"), 1, day(0))
    same = after_checks(first, judged(Check.DRIFT, "2.csv", "1.csv"), 1, day(1))
    fewer = after_checks(same, judged(Check.DRIFT, "2.csv"), 1, day(2))
    none = after_checks(fewer, [], 1, day(3))
    again = after_checks(none, judged(Check.DRIFT, "1.csv"), 1, day(4))
    assert {since(last, Check.DRIFT) for last in (first, same, fewer, none, again)} == {"2026-01-01"}
    more = after_checks(again, judged(Check.DRIFT, "3.csv", "2.csv"), 1, day(5))
    assert since(more, Check.DRIFT) == "2026-01-06"
    assert since(after_checks(more, [], 2, day(9)), Check.DRIFT) == "2026-01-10"
    assert [last.version for last in (first, same, fewer)] == [1, 2, 3]


@pytest.mark.parametrize(("days", "silent"), [(60, False), (61, True), (400, True)])
def test_a_check_may_be_without_news_for_as_long_as_the_use_case_allows(
    heart: UseCase,
    days: int,
    silent: bool,  # noqa: FBT001 - of the table
) -> None:
    last = after_checks(None, [("1.csv", WAITING)], 1, day(0))
    found = {one.check: one for one in unjudged(last, [("1.csv", WAITING)], heart, day(days))}
    alerts = found[Check.PERFORMANCE].alerts
    assert bool(alerts) is silent
    if silent:
        assert f"since 1 January 2026, for {days} days; 60 are allowed" in alerts[0][1].detail
        assert "No outcomes have arrived. Ask who keeps the outcomes." in alerts[0][1].detail
        assert found[Check.PERFORMANCE].excess == 0
    assert not found[Check.PERFORMANCE].in_order


def test_performance_waits_twice_the_time_that_a_prediction_speaks_for() -> None:
    stroke = use_cases.get("stroke")
    assert (stroke.horizon_days, stroke.unjudged_days("performance")) == (365, 730)
    assert replace(stroke, horizon_days=10).unjudged_days("performance") == 60
    assert stroke.unjudged_days("drift") == 30


def test_the_first_news_ends_it(heart: UseCase) -> None:
    last = after_checks(None, [], 1, day(0))
    later = after_checks(last, judged(Check.QUALITY, "9.csv"), 1, day(90))
    found = {one.check: one for one in unjudged(later, [], heart, day(90))}
    assert found[Check.QUALITY].in_order
    assert "--as heart/inference" in found[Check.DRIFT].alerts[0][1].detail
