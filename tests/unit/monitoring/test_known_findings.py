"""A finding is opened once and remembered: what is news, what is not, and what a person may do about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinrisk import use_cases
from clinrisk.core.monitoring.findings import SINCE_RELEASE, TOGETHER, Check, CheckFinding, CheckVerdict
from clinrisk.core.monitoring.memory.finding_entry import event_of
from clinrisk.core.monitoring.memory.finding_mails import finding_changed, monitoring_news
from clinrisk.core.monitoring.memory.known_findings import (
    OVER,
    Observation,
    after_person,
    after_run,
    asks_for_a_response,
    change_of,
    evidence_of,
    observations,
    reminds,
)
from clinrisk.core.monitoring.response import Response
from clinrisk.messages.monitoring import ChangeFindingRequest, KnownFinding, LastMail

if TYPE_CHECKING:
    from tests.unit.conftest import Snapshot

HEART = use_cases.get("heart")
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
OK, ALERT, NOT_EVALUATED = CheckVerdict
SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "finding-changed.schema.json").read_text())


def finding(verdict: CheckVerdict, statistic: float | None = 0.5) -> CheckFinding:
    return CheckFinding(Check.DRIFT, verdict, statistic, 0.25, f"Age moved to {statistic}.")


def seen(*verdicts: CheckVerdict, statistic: float | None = 0.5, first: int = 9) -> Observation:
    """Return what a run observes of batches, newest first, numbered downwards from `first`."""
    found = [(f"{first - at}.csv", finding(one, statistic)) for at, one in enumerate(verdicts)]
    [observation] = observations(found)
    return observation


def step(
    before: KnownFinding | None, one: Observation, now: datetime = NOW, run: str = "r"
) -> KnownFinding | None:
    return after_run(before, one, HEART, now, run)


def opened() -> KnownFinding:
    after = step(None, seen(ALERT, OK))
    assert after is not None
    return after


def kind(finding: KnownFinding | None) -> str:
    assert finding is not None
    return finding.changes[-1].kind


def asked(change: str, **facts: str) -> ChangeFindingRequest:
    given = {"use_case": "heart", "finding_id": "heart-drift", "person": "arn:aws:iam::1:user/ada"}
    return ChangeFindingRequest.model_validate(
        given | {"execution": "arn:x:change-1", "change": change} | facts
    )


def by_person(before: KnownFinding, change: str, **facts: str) -> KnownFinding:
    after = after_person(before, asked(change, **facts), NOW)
    assert isinstance(after, KnownFinding)
    return after


def acknowledged() -> KnownFinding:
    return by_person(opened(), "ACKNOWLEDGED", until="2026-03-20")


def assigned() -> KnownFinding:
    return by_person(opened(), "ASSIGNED", owner="Dr Ada")


def resolved() -> KnownFinding:
    return by_person(opened(), "RESOLVED", reason="A new scanner.")


def cleared() -> KnownFinding:
    after = step(opened(), seen(OK, OK, OK, ALERT, first=12))
    assert after is not None
    return after


def test_an_alert_opens_a_finding_with_owner_and_date() -> None:
    found = opened()
    duty = HEART.duties["drift"]
    assert (found.finding_id, found.state, found.owner) == ("heart-drift", "OPEN", duty.owner)
    assert found.due == "2026-03-16T09:30:00.000Z"
    assert kind(found) == "OPENED"
    assert change_of(found, "r") == found.changes[-1]
    assert change_of(found, "another") is None


@pytest.mark.parametrize("verdicts", [(OK, OK), (NOT_EVALUATED,), (OK, NOT_EVALUATED)])
def test_without_an_alert_nothing_is_remembered(verdicts: tuple[CheckVerdict, ...]) -> None:
    assert step(None, seen(*verdicts)) is None


def test_every_check_has_an_owner_and_a_date_in_every_use_case() -> None:
    for name in use_cases.names():
        assert set(use_cases.get(name).duties) == {str(check) for check in Check}


@pytest.mark.parametrize("made", [opened, acknowledged, assigned, resolved])
def test_the_same_batches_are_no_news_however_often_they_are_looked_at(made: Any) -> None:
    assert step(made(), seen(ALERT, OK), NOW + DAY) is None


@pytest.mark.parametrize("made", [opened, acknowledged, assigned])
def test_another_batch_is_remembered_without_news_while_it_is_open(made: Any) -> None:
    before = made()
    after = step(before, seen(ALERT, ALERT, OK, first=10), NOW + DAY)
    assert after is not None
    assert (after.batches, after.version) == (("10.csv", "9.csv"), before.version + 1)
    assert after.changes == before.changes


def test_what_began_just_beyond_its_limit_is_not_news_each_time_that_it_doubles() -> None:
    before = step(None, seen(ALERT, statistic=0.255))
    assert before is not None
    assert before.excess == pytest.approx(0.02)
    assert step(before, seen(ALERT, statistic=0.27), NOW + DAY) is None
    after = step(before, seen(ALERT, statistic=0.285), NOW + DAY)
    assert after is not None
    assert kind(after) == "WORSENED"


@pytest.mark.parametrize(
    ("made", "state"), [(opened, "OPEN"), (acknowledged, "OPEN"), (assigned, "ASSIGNED"), (resolved, "OPEN")]
)
def test_what_is_twice_as_far_beyond_its_limit_is_news(made: Any, state: str) -> None:
    assert step(made(), seen(ALERT, statistic=0.74)) is None
    after = step(made(), seen(ALERT, statistic=0.75))
    assert after is not None
    assert kind(after) == ("REOPENED" if made is resolved else "WORSENED")
    assert (after.state, after.detail) == (state, "Age moved to 0.75.")
    assert step(after, seen(ALERT, statistic=0.76)) is None


def test_a_statistic_that_falls_below_its_limit_is_worse_when_it_falls_further() -> None:
    before = step(
        None,
        Observation(
            Check.PERFORMANCE,
            "single batches",
            (("a", CheckFinding(Check.PERFORMANCE, ALERT, 0.7, 0.8, "")),),
        ),
    )
    further = Observation(
        Check.PERFORMANCE, "single batches", (("a", CheckFinding(Check.PERFORMANCE, ALERT, 0.6, 0.8, "")),)
    )
    assert kind(step(before, further)) == "WORSENED"


def test_the_worst_batch_is_described_and_the_ledger_gets_its_numbers_alone() -> None:
    [both] = observations([("9.csv", finding(ALERT, 0.3)), ("8.csv", finding(ALERT, 0.6))])
    after = step(None, both)
    assert after is not None
    assert (after.detail, after.changes[-1].note) == ("Age moved to 0.6.", "0.6, where the limit is 0.25.")


def test_without_a_statistic_nothing_can_be_worse() -> None:
    before = step(None, seen(ALERT, statistic=None))
    assert before is not None
    assert before.changes[-1].note == "Without a number."
    assert step(before, seen(ALERT, statistic=None), NOW + DAY) is None


def test_what_nobody_closes_is_overdue_once() -> None:
    before = opened()
    assert step(before, seen(ALERT, OK), datetime.fromisoformat(before.due)) is None
    after = step(before, seen(ALERT, OK), NOW + 15 * DAY)
    assert (kind(after), after and after.overdue) == ("OVERDUE", True)
    assert step(after, seen(ALERT, OK), NOW + 16 * DAY) is None


def test_what_is_not_observed_may_still_be_overdue() -> None:
    assert kind(step(opened(), Observation(Check.DRIFT, "single batches"), NOW + 15 * DAY)) == "OVERDUE"


def test_an_acknowledgement_ends_on_its_day() -> None:
    before = acknowledged()
    assert step(before, seen(ALERT, OK), datetime(2026, 3, 20, 23, 59, tzinfo=UTC)) is None
    after = step(before, seen(ALERT, OK), datetime(2026, 3, 21, 0, 0, tzinfo=UTC))
    assert after is not None
    assert (after.state, kind(after)) == ("OPEN", "OVERDUE")


@pytest.mark.parametrize("made", [opened, acknowledged, assigned])
def test_it_is_over_when_the_newest_three_judged_batches_are_in_order(made: Any) -> None:
    assert kind(step(made(), seen(OK, NOT_EVALUATED, OK, OK, ALERT, first=13))) == "CLEARED"
    after = step(made(), seen(OK, OK, ALERT, first=11))
    assert after is None or after.state not in OVER


@pytest.mark.parametrize("batch", [TOGETHER, SINCE_RELEASE, "predictions of 2026-03"])
def test_what_is_added_up_is_over_after_a_week_in_order_and_not_when_it_flickers(batch: str) -> None:
    [alerts] = observations([(batch, finding(ALERT))])
    [calm] = observations([(batch, finding(OK))])
    found = step(None, alerts)
    for number, one in enumerate((calm, calm, alerts, calm, calm), start=1):
        found = step(found, one, NOW + number * DAY) or found
        assert found is not None
        assert found.state == "OPEN"
        assert bool(found.calm_since) is (one is calm)
    assert found is not None
    assert len(found.changes) == 1
    assert step(found, calm, NOW + 10 * DAY) is None
    over = step(found, calm, NOW + 11 * DAY)
    assert over is not None
    assert (kind(over), over.state, over.calm_since) == ("CLEARED", "CLEARED", "")


@pytest.mark.parametrize("made", [resolved, cleared])
def test_what_is_over_opens_again_by_another_batch_alone(made: Any) -> None:
    assert step(made(), seen(OK, OK, OK, ALERT, first=12)) is None
    after = step(made(), seen(ALERT, OK, OK, OK, first=13))
    assert after is not None
    assert (after.state, kind(after)) == ("OPEN", "REOPENED")
    assert after.changes[-1].number == len(after.changes)


@pytest.mark.parametrize(("name", "end"), [(TOGETHER, "together"), (SINCE_RELEASE, "since-release")])
def test_what_is_added_up_opens_again_once_it_was_in_order(name: str, end: str) -> None:
    [alert] = observations([(name, finding(ALERT))])
    [calm] = observations([(name, finding(OK))])
    first = step(None, alert)
    assert first is not None
    assert first.finding_id == f"heart-drift-{end}"
    assert step(first, alert) is None
    over = step(step(first, calm), calm, NOW + 7 * DAY)
    assert kind(over) == "CLEARED"
    assert kind(step(over, alert)) == "REOPENED"


def test_what_is_added_up_is_other_data_once_its_figures_differ() -> None:
    assert evidence_of("a.csv", finding(ALERT, 0.5)) == evidence_of("a.csv", finding(ALERT, 0.6))
    assert evidence_of(TOGETHER, finding(ALERT, 0.5)) != evidence_of(TOGETHER, finding(ALERT, 0.6))


def test_months_are_a_subject_of_their_own_newest_first() -> None:
    months = [(f"predictions of 2026-0{n}", finding(ALERT if n == 1 else OK)) for n in range(1, 5)]
    [known, batches] = observations([*months, ("a.csv", finding(NOT_EVALUATED))])
    assert (known.subject, known.in_order, known.batches) == (
        "single months",
        True,
        ("predictions of 2026-01",),
    )
    assert (batches.subject, batches.in_order) == ("single batches", False)
    first = step(None, known)
    assert first is not None
    assert first.finding_id == "heart-drift-by-month"


def test_single_batches_and_all_together_are_two_subjects() -> None:
    found = observations([("a", finding(ALERT)), (TOGETHER, finding(OK))])
    assert [one.subject for one in found] == ["single batches", TOGETHER]


@pytest.mark.parametrize(
    ("made", "asks"),
    [(opened, True), (assigned, True), (acknowledged, False), (resolved, False), (cleared, False)],
)
def test_what_somebody_has_dealt_with_asks_for_no_training(made: Any, *, asks: bool) -> None:
    assert asks_for_a_response(made()) is asks
    assert asks_for_a_response(None)


@pytest.mark.parametrize(
    ("made", "days", "reminded"),
    [
        ([opened], 7, True),
        ([resolved, assigned], 7, True),
        ([opened], 6, False),
        ([acknowledged, resolved, cleared], 70, False),
        ([], 70, False),
    ],
)
def test_what_is_open_is_listed_once_a_week_while_nothing_is_mailed(
    made: list[Any], days: int, *, reminded: bool
) -> None:
    last = LastMail(mailed_at="2026-03-02T09:30:00.000Z", execution="r", version=1)
    known = [make() for make in made]
    assert reminds(known, last, NOW + days * DAY) is reminded
    assert reminds(known, None, NOW) is any(asks_for_a_response(one) for one in known)


def test_the_reminder_counts_and_lists_what_is_open() -> None:
    mail = monitoring_news(HEART, [], [opened()], Response.INVESTIGATE)
    assert mail.subject.endswith("monitoring, 1 still open")
    assert "heart-drift (OPEN): Age moved to 0.5. Owner: operator" in mail.text
    assert "clinrisk resolve heart-drift --reason TEXT" in mail.text


def test_a_change_states_who_and_why() -> None:
    change = by_person(opened(), "ACKNOWLEDGED", until="2026-03-20", reason="Known.").changes[-1]
    assert (change.kind, change.by, change.note) == (
        "ACKNOWLEDGED",
        "arn:aws:iam::1:user/ada",
        "Until 2026-03-20. Known.",
    )
    assert (assigned().owner, assigned().changes[-1].note) == ("Dr Ada", "To Dr Ada.")
    assert resolved().changes[-1].note == "A new scanner."
    assert change.execution == "change-1"


@pytest.mark.parametrize(
    ("made", "change", "facts", "why"),
    [
        (opened, "ACKNOWLEDGED", {"until": "2026-03-01"}, "a day to come"),
        (opened, "ACKNOWLEDGED", {}, "a day to come"),
        (opened, "ASSIGNED", {"owner": " "}, "a name"),
        (opened, "RESOLVED", {"reason": " "}, "a reason"),
        (resolved, "ASSIGNED", {"owner": "Ada"}, "is RESOLVED"),
        (cleared, "RESOLVED", {"reason": "Over."}, "is CLEARED"),
    ],
)
def test_what_cannot_be_is_refused_in_words(made: Any, change: str, facts: dict[str, str], why: str) -> None:
    answer = after_person(made(), asked(change, **facts), NOW)
    assert isinstance(answer, str)
    assert why in answer


VERDICTS = st.lists(st.sampled_from(list(CheckVerdict)), min_size=1, max_size=5)


@given(days=st.lists(st.tuples(VERDICTS, st.sampled_from([0.3, 0.5, 0.9])), max_size=12))
def test_no_change_is_ever_made_twice_on_the_same_data(days: list[tuple[list[CheckVerdict], float]]) -> None:
    known: KnownFinding | None = None
    for number, (verdicts, statistic) in enumerate(days):
        one, now = seen(*verdicts, statistic=statistic, first=100 + number), NOW + number * DAY
        known = step(known, one, now, f"r{number}") or known
        again = step(known, one, now, "again")
        assert again is None or change_of(again, "again") is None or kind(again) == "CLEARED"
        # A finding that was only now opened by an old batch is over at the next look; then nothing more.
        last = step(again or known, one, now, "last")
        assert change_of(last, "last") is None
        if known is not None:
            assert [change.number for change in known.changes] == list(range(1, len(known.changes) + 1))


@pytest.mark.parametrize("made", [opened, acknowledged, assigned, resolved, cleared])
def test_the_event_is_of_its_published_schema(made: Any) -> None:
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(
        event_of(made(), made().changes[-1])
    )


def test_the_mail_of_a_run_is_about_what_is_new(snapshot: Snapshot) -> None:
    new, over = opened(), cleared().model_copy(update={"finding_id": "heart-quality"})
    other = assigned().model_copy(update={"finding_id": "heart-bias"})
    changes = [(one, one.changes[-1]) for one in (new, over)]
    mail = monitoring_news(HEART, changes, [other], Response.INVESTIGATE)
    snapshot("findings", f"{mail.subject}\n\n{mail.text}")


def test_a_training_without_other_news_is_mailed_as_such() -> None:
    mail = monitoring_news(HEART, [], [opened()], Response.PROPOSE_RETRAINING)
    assert "a candidate is trained" in mail.subject
    assert "Known before" in mail.text


def test_the_mail_of_a_person_s_change_states_who_and_why() -> None:
    mail = finding_changed(HEART, resolved(), resolved().changes[-1])
    assert "user/ada changed the finding heart-drift: resolved. A new scanner." in mail.text
