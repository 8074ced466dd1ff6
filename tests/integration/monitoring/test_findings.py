"""A finding is one item, one mail, one entry of the ledger and one event, whoever delivers it how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws import clients
from clinrisk.aws.tables import finding_items, pauses
from clinrisk.errors import TransientError
from clinrisk.messages.monitoring import LastMail, RecordRequest
from clinrisk.services.monitoring import record_findings
from tests.integration.events import events_of, read_event
from tests.integration.two_actors import just_before

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

ARN = "arn:aws:states:eu-central-1:123456789012:execution:Monitoring:"


def run(stack: Stack, name: str, event: str = "drifted") -> Any:
    """Record what a run of this name found."""
    return stack.call("record_findings", read_event(f"record_findings.{event}") | {"execution": ARN + name})


def decide(stack: Stack, name: str, **facts: str) -> Any:
    """Change a finding as a person."""
    event = read_event("change_finding.acknowledge") | facts
    return stack.call("change_finding", event | {"execution": ARN + name})


def changes(stack: Stack) -> list[str]:
    return [entry["body"]["change"] for entry in stack.ledger("finding changed")]


def test_three_runs_over_one_batch_are_one_finding_one_mail_and_one_event(stack: Stack) -> None:
    answers = [run(stack, name) for name in ("monday", "tuesday", "wednesday")]
    assert [answer["announce"] for answer in answers] == [True, False, False]
    assert {answer["response"] for answer in answers} == {"INVESTIGATE"}
    [known] = finding_items.of_use_case("heart")
    assert (known.finding_id, known.state, known.version) == ("heart-drift", "OPEN", 1)
    assert changes(stack) == ["OPENED"]
    [event] = stack.published()
    assert (event["source"], event["detail-type"]) == ("clinrisk", "Finding Changed")
    assert event["detail"]["change_id"] == "heart-drift-1"
    assert len(stack.ledger("alerted")) == 3


def test_what_no_check_looked_at_again_is_overdue_all_the_same(stack: Stack) -> None:
    began = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    given = read_event("record_findings.drifted")
    record_findings.record(RecordRequest.model_validate(given | {"execution": f"{ARN}first"}), began)
    others = [one for one in given["findings"] if one["check"] != "drift"]
    later = RecordRequest.model_validate(given | {"findings": others, "execution": f"{ARN}later"})
    answer = record_findings.record(later, began + timedelta(days=20))
    assert (answer.announce, "1 overdue" in answer.subject) == (True, True)
    [known] = finding_items.of_use_case("heart")
    assert (known.finding_id, known.state) == ("heart-drift", "OPEN")


def test_a_check_that_judges_nothing_new_for_months_is_a_finding_once_and_over_with_the_first_news(
    stack: Stack,
) -> None:
    began = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def on_day(number: int, event: str = "quiet") -> Any:
        given = read_event(f"record_findings.{event}") | {"execution": f"{ARN}day-{number}"}
        request = RecordRequest.model_validate(given)
        return record_findings.record(request, began + timedelta(number))

    answers = {number: on_day(number) for number in (0, 30, 31, 59, 60, 61, 62)}
    # Quality, drift and bias have judged the same batch for a month; performance may have none for two.
    assert [number for number, answer in answers.items() if answer.announce] == [31, 59, 61]
    assert "3 overdue" in answers[59].subject
    assert "nothing new to judge since 2 March 2026, for 31 days; 30 are allowed" in answers[31].message
    assert "heart-performance-unjudged" not in answers[60].message
    text = answers[61].message
    assert "no outcomes of this batch have arrived yet" in text
    assert "clinrisk drop FILE --as heart/outcomes" in text
    assert {answer.response for answer in answers.values()} == {"NOTHING"}
    states = {one.finding_id: one.state for one in finding_items.of_use_case("heart")}
    assert states["heart-performance-unjudged"] == "OPEN"
    news = on_day(63, "worse")
    states = {one.finding_id: one.state for one in finding_items.of_use_case("heart")}
    assert states["heart-performance-unjudged"] == "CLEARED"
    assert "heart-performance-unjudged: The newest batches are in order." in news.message
    assert (states["heart-quality-unjudged"], states["heart-drift-unjudged"]) == ("OPEN", "OPEN")
    # A new model has its time from the beginning.
    later = RecordRequest.model_validate(read_event("record_findings.quiet") | {"live_version": 2})
    record_findings.record(later, began + timedelta(200))
    over = {one.finding_id: one.state for one in finding_items.of_use_case("heart")}
    assert {over[name] for name in states if name.endswith("-unjudged")} == {"CLEARED"}


def test_a_run_that_is_repeated_answers_as_before_and_writes_nothing(stack: Stack) -> None:
    first = run(stack, "monday", "worse")
    assert first["response"] == "PROPOSE_RETRAINING"
    assert run(stack, "monday", "worse") == first
    assert finding_items.of_use_case("heart")[0].version == 1
    assert changes(stack) == ["OPENED"]
    ids = {event["detail"]["change_id"] for event in stack.published()}
    assert ids == {"heart-performance-1"}


def test_no_model_is_trained_where_it_would_learn_from_the_same_patients(stack: Stack) -> None:
    event = read_event("record_findings.worse") | {"new_training_rows": 0}
    answer = stack.call("record_findings", event | {"execution": ARN + "monday"})
    assert answer["response"] == "INVESTIGATE"
    assert "A new model would have nobody new to learn from" in answer["message"]
    assert "clinrisk drop FILE --as heart/training" in answer["message"]
    assert finding_items.proposal("heart") is None
    # Not another mail for the same alert; a training follows as soon as there is something to learn.
    assert run(stack, "tuesday", "worse")["response"] == "PROPOSE_RETRAINING"


def test_a_pause_is_proposed_to_people_and_set_by_nobody(stack: Stack) -> None:
    event = read_event("record_findings.worse")
    for finding in event["findings"]:
        if finding["check"] == "bias":
            finding |= {"verdict": "ALERT", "statistic": 1.5, "threshold": 1.0}
    answer = stack.call("record_findings", event | {"execution": ARN + "monday"})
    assert (answer["response"], answer["announce"]) == ("PROPOSE_PAUSE", True)
    assert "clinrisk pause heart --reason TEXT" in answer["message"]
    assert "Nothing was changed" in answer["message"]
    assert pauses.current("heart") is None
    assert stack.ledger("alerted")[0]["body"]["response"] == "PROPOSE_PAUSE"
    again = stack.call("record_findings", event | {"execution": ARN + "tuesday"})
    assert (again["response"], again["announce"]) == ("PROPOSE_PAUSE", False)


def test_a_run_that_broke_before_the_ledger_had_it_is_finished_by_its_retry(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
    with monkeypatch.context() as broken:
        broken.setattr(clients.events(), "put_events", lambda **_: refusing)
        with pytest.raises(TransientError):
            run(stack, "monday")
    assert run(stack, "monday")["announce"]
    assert changes(stack) == ["OPENED"]
    assert len(stack.published()) == 1


def test_of_two_runs_at_once_one_opens_the_finding_and_mails(stack: Stack) -> None:
    done = just_before("PutItem", lambda: run(stack, "other"))
    mine = run(stack, "mine")
    [other] = done
    assert sorted([mine["announce"], other["announce"]]) == [False, True]
    [known] = finding_items.of_use_case("heart")
    assert known.version == 1
    assert changes(stack) == ["OPENED"]
    assert len(stack.published()) == 1


def test_a_lasting_alert_over_unchanged_data_proposes_one_training(stack: Stack) -> None:
    answers = [run(stack, name, "worse") for name in ("monday", "tuesday", "wednesday")]
    assert [answer["response"] for answer in answers] == ["PROPOSE_RETRAINING", "INVESTIGATE", "INVESTIGATE"]
    assert [answer["announce"] for answer in answers] == [True, False, False]


def test_of_two_runs_at_once_one_proposes_a_training(stack: Stack) -> None:
    done = just_before("PutItem", lambda: run(stack, "other", "worse"))
    answers = [run(stack, "mine", "worse"), *done]
    assert sorted(answer["response"] for answer in answers) == ["INVESTIGATE", "PROPOSE_RETRAINING"]


def test_after_a_week_without_a_mail_one_of_two_runs_lists_what_is_open(stack: Stack) -> None:
    run(stack, "monday")
    week = LastMail(mailed_at="2026-03-02T09:30:00.000Z", execution="long ago", version=2)
    assert finding_items.store_mail("heart", week)
    done = just_before("PutItem", lambda: run(stack, "other"))
    mine = run(stack, "mine")
    assert sorted([mine["announce"], done[0]["announce"]]) == [False, True]
    assert "1 still open" in mine["subject"]
    assert run(stack, "tuesday")["announce"] is False


def test_what_is_acknowledged_asks_for_nothing(stack: Stack) -> None:
    run(stack, "monday")
    answer = decide(stack, "change-1")
    assert answer["refused"] == ""
    assert "user/ada changed the finding heart-drift: acknowledged" in answer["message"]
    after = run(stack, "tuesday")
    assert (after["response"], after["announce"]) == ("NOTHING", False)
    assert changes(stack) == ["OPENED", "ACKNOWLEDGED"]
    [entry] = stack.ledger("finding changed")[1:]
    assert entry["body"]["by"] == "arn:aws:iam::123456789012:user/ada"
    assert entry["body"]["note"] == "Until 2099-01-31. The new scanner is known."


def test_a_change_that_is_repeated_is_made_once(stack: Stack) -> None:
    run(stack, "monday")
    assert decide(stack, "change-1") == decide(stack, "change-1")
    assert changes(stack) == ["OPENED", "ACKNOWLEDGED"]
    assert finding_items.find("heart", "heart-drift").version == 2  # type: ignore[union-attr]


def test_of_two_persons_at_once_both_changes_are_kept_in_order(stack: Stack) -> None:
    run(stack, "monday")
    done = just_before("PutItem", lambda: decide(stack, "a", change="ASSIGNED", owner="Dr Ada"))
    assert decide(stack, "b", change="RESOLVED", reason="Repaired.")["refused"] == ""
    assert done[0]["refused"] == ""
    assert changes(stack) == ["OPENED", "ASSIGNED", "RESOLVED"]


def test_whoever_loses_every_race_for_a_finding_comes_again(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(stack, "monday")
    monkeypatch.setattr(finding_items, "store", lambda _: False)
    with pytest.raises(TransientError, match="by others"):
        decide(stack, "ann")
    with pytest.raises(TransientError, match="by other runs"):
        run(stack, "tuesday", "quiet")


def test_what_is_over_or_unknown_is_refused_in_words(stack: Stack) -> None:
    assert decide(stack, "a")["refused"] == "There is no finding heart-drift."
    run(stack, "monday")
    decide(stack, "b", change="RESOLVED", reason="Repaired.")
    assert "is RESOLVED" in decide(stack, "c", change="ASSIGNED", owner="Dr Ada")["refused"]
    assert changes(stack) == ["OPENED", "RESOLVED"]


@pytest.mark.parametrize("name", events_of("change_finding"))
def test_the_example_event_changes_a_finding(stack: Stack, name: str) -> None:
    run(stack, "monday")
    assert stack.call("change_finding", read_event(name))["refused"] == ""
