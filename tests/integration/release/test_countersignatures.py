"""Countersignatures: what an approver answers about a rollback or a pause, and what that takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from clinrisk import use_cases
from clinrisk.aws import kms, ledger, stepfunctions
from clinrisk.aws.tables import approvers, change_questions, pauses
from clinrisk.core.release.change_entries import signed_content
from clinrisk.core.release.one_time_codes import MOST_WRONG
from clinrisk.messages.live_changes import COUNTERSIGNED, OPEN, REFUSED, REPLACED
from clinrisk.services.operations import open_questions
from clinrisk.services.release import decide_change
from clinrisk.services.release.approvers import countersignatures, personal_links, question_mails
from tests.integration.approver_phone import enrolled
from tests.integration.asked_change import (
    AskedChange,
    ask,
    asked_about_rollback,
    asked_to_resume,
    resume,
    went_live,
)
from tests.integration.emitted_metrics import metrics_in
from tests.integration.trained_candidate import WaitingExecution
from tests.integration.two_actors import just_before

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


@pytest.fixture
def rolled_back(stack: Stack) -> AskedChange:
    """Version 2 was rolled back, and an approver has mail about it."""
    return asked_about_rollback(stack)


def status(asked: AskedChange) -> str:
    return change_questions.find(asked.change_id).status


def test_a_rollback_is_in_effect_and_has_to_be_countersigned_within_a_day(rolled_back: AskedChange) -> None:
    found = change_questions.find(rolled_back.change_id)
    asked_at = datetime.fromisoformat(found.asked_at)
    assert (found.live_version, found.replaced, found.restores) == (3, 2, 1)
    assert found.due_at == int((asked_at + timedelta(hours=24)).timestamp())
    assert found.expires_at == int((asked_at + timedelta(days=7)).timestamp())
    assert "Live version 2 of Heart disease risk was rolled back" in rolled_back.mail["Message"]
    assert rolled_back.stack.ledger("countersignature asked")[0]["body"]["restores"] == 1


def test_the_page_states_what_was_done_by_whom_why_what_is_live_and_what_the_answer_does(
    rolled_back: AskedChange,
) -> None:
    for method in ("GET", "HEAD", "GET"):
        assert rolled_back.open(method)["statusCode"] == 200
    text = rolled_back.open()["body"]
    for stated in (
        "Live version 2 was taken out, and the model of version 1 is live again as version 3",
        "/kim did so",
        "Too few women are flagged.",
        "Version 3, since",
        "restored from version 1",
        "nothing else changes",
        "clinrisk rollback heart --to 2",
    ):
        assert stated in text
    assert status(rolled_back) == OPEN


@pytest.mark.parametrize(
    ("answer", "kept", "words"),
    [("agree", COUNTERSIGNED, "was countersigned"), ("refuse", REFUSED, "was NOT countersigned")],
)
def test_an_answer_is_signed_kept_and_mailed_once(
    rolled_back: AskedChange, answer: str, kept: str, words: str
) -> None:
    stack = rolled_back.stack
    form = rolled_back.carry() | {"answer": answer, "reason": "Seen with the laboratory."}
    for _ in range(2):
        page = rolled_back.open("POST", form | {"code": rolled_back.phone.code()})
        assert page["statusCode"] == 200
        assert "Ann Lee (clinical) answered" in page["body"]
    [mail] = stack.mails()
    assert words in mail["Subject"]
    assert ("clinrisk rollback heart --to 2" in mail["Message"]) is (answer == "refuse")
    [entry] = stack.ledger("countersigned")
    body = entry["body"]
    assert (body["answer"], body["decider"]["name"], body["decider"]["reason"]) == (
        kept,
        "Ann Lee",
        "Seen with the laboratory.",
    )
    assert kms.verify(signed_content(body), body["signature"])
    assert (status(rolled_back), change_questions.find(rolled_back.change_id).finished) == (kept, True)
    assert change_questions.waiting("heart", 0) == []


def test_an_answer_needs_the_code_of_the_person_whose_link_it_is(rolled_back: AskedChange) -> None:
    other = enrolled(rolled_back.stack, "Bo Berg", "technical")
    used = rolled_back.phone.code()
    approver = approvers.find(rolled_back.phone.approver_id)
    approvers.use_step(approver, rolled_back.phone.shown)
    for code in ("", "000000", other.code(), used):
        assert rolled_back.answer(code=code)["statusCode"] == 422
    assert status(rolled_back) == OPEN
    assert len(rolled_back.stack.ledger("wrong code")) == 3
    assert MOST_WRONG > 3


def test_a_link_that_was_altered_opens_nothing(rolled_back: AskedChange) -> None:
    query = rolled_back.link.query
    enrolled(rolled_back.stack, "Bo Berg", "technical")
    other = query.replace("approver=000000000001", "approver=000000000002")
    assert other != query
    for given in (other, query[:-1] + ("A" if query[-1] != "A" else "B"), ""):
        assert rolled_back.open(query=given)["statusCode"] == 403
    rolled_back.change_id = "heart.rollback.00000009"
    assert rolled_back.open()["statusCode"] == 403
    assert rolled_back.open("PUT")["statusCode"] == 405


def test_a_former_approver_and_one_of_another_use_case_answer_nothing(rolled_back: AskedChange) -> None:
    stack, person = rolled_back.stack, approvers.find(rolled_back.phone.approver_id)
    table = stack.tables.Table(stack.environment["APPROVERS_TABLE"])
    key = {"pk": "APPROVERS", "sk": person.approver_id}
    table.update_item(
        Key=key, UpdateExpression="SET use_cases = :u", ExpressionAttributeValues={":u": ["stroke"]}
    )
    page = rolled_back.answer()
    assert (page["statusCode"], "You are no approver of heart." in page["body"]) == (422, True)
    approvers.remove(person)
    assert rolled_back.open()["statusCode"] == 403
    assert status(rolled_back) == OPEN


def test_who_rolled_back_does_not_countersign_it_alone(rolled_back: AskedChange) -> None:
    person = change_questions.find(rolled_back.change_id).person
    approvers.identify(rolled_back.phone.approver_id, person)
    page = rolled_back.answer()
    assert (page["statusCode"], "somebody else has to agree" in page["body"]) == (422, True)
    lacking = question_mails.lacking("heart", datetime.now(UTC))
    assert lacking == f"{person} asked for what waits, and cannot be the only one who approves it."
    enrolled(rolled_back.stack, "Bo Berg", "technical")
    assert question_mails.lacking("heart", datetime.now(UTC)) == ""
    assert rolled_back.answer("refuse")["statusCode"] == 200


def test_a_form_of_another_page_or_without_an_answer_records_nothing(rolled_back: AskedChange) -> None:
    assert rolled_back.answer(nonce="0" * 64)["statusCode"] == 403
    page = rolled_back.answer("perhaps", reason="Short")
    assert page["statusCode"] == 422
    assert "Choose one of the two answers." in page["body"]
    assert "at least 10 characters" in page["body"]
    assert status(rolled_back) == OPEN


def test_what_went_live_since_the_page_was_opened_is_read_before_it_is_answered(
    rolled_back: AskedChange,
) -> None:
    form = rolled_back.carry() | {"answer": "agree", "reason": "Seen with the laboratory."}
    went_live(rolled_back.stack, 4)
    page = rolled_back.open("POST", form | {"code": rolled_back.phone.code()})
    assert (page["statusCode"], "has changed since you opened it" in page["body"]) == (422, True)
    assert rolled_back.answer()["statusCode"] == 200


@pytest.mark.parametrize(("seconds", "recorded"), [(-1, True), (0, False), (1, False)])
def test_an_answer_counts_until_the_link_expires_and_resending_opens_it_again(
    rolled_back: AskedChange,
    seconds: int,
    recorded: bool,  # noqa: FBT001 - expected
) -> None:
    expires_at = change_questions.find(rolled_back.change_id).expires_at
    now = datetime.fromtimestamp(expires_at + seconds, UTC)
    form = rolled_back.carry() | {"answer": "agree", "reason": "Seen with the laboratory."}
    form["code"] = rolled_back.phone.code(now)
    query = dict(parse_qsl(rolled_back.link.query))
    page = decide_change.serve("POST", rolled_back.change_id, query, form, now)
    assert (page.status, status(rolled_back)) == ((200, COUNTERSIGNED) if recorded else (410, OPEN))
    assert countersignatures.send_again("heart", now) == int(not recorded)
    if not recorded:
        assert "This link has expired." in page.html
        week = timedelta(days=7).total_seconds()
        assert change_questions.find(rolled_back.change_id).expires_at == now.timestamp() + week
        rolled_back.phone.shown = 0  # that code was of the future
        assert AskedChange(rolled_back.stack).answer()["statusCode"] == 200


def test_of_two_answers_at_once_one_counts(rolled_back: AskedChange) -> None:
    form = rolled_back.carry() | {"answer": "refuse", "reason": "Seen with the laboratory."}
    codes = [rolled_back.phone.code() for _ in range(2)]
    just_before("UpdateItem", lambda: rolled_back.open("POST", form | {"code": codes[1]}))
    page = rolled_back.open("POST", form | {"answer": "agree", "code": codes[0]})
    assert "Refused" in page["body"]
    assert status(rolled_back) == REFUSED
    assert len(rolled_back.stack.ledger("countersigned")) == 1


def test_an_answer_that_broke_off_is_passed_on_by_the_button(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = WaitingExecution(stack)
    asked = asked_to_resume(stack, waiting.token)
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "append", lambda *_: (_ for _ in ()).throw(MemoryError))
        assert asked.answer()["statusCode"] == 500
    assert "not passed on yet" in asked.open()["body"]
    assert waiting.status() == "RUNNING"
    assert asked.open("POST", asked.carry())["statusCode"] == 200
    assert waiting.end()["status"] == "SUCCEEDED"
    assert len(stack.ledger("countersigned")) == 1
    assert "not passed on" not in asked.open()["body"]


def test_nothing_is_recorded_where_the_key_is_not_to_be_had(
    rolled_back: AskedChange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kms, "sign", lambda *_: (_ for _ in ()).throw(ValueError("no key")))
    assert "Nothing was changed." in rolled_back.answer()["body"]
    assert status(rolled_back) == OPEN


def test_agreeing_lets_the_workflow_that_waits_go_on(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    asked = asked_to_resume(stack, waiting.token)
    text = asked.open()["body"]
    assert "/kim paused it" in text
    assert "The laboratory has changed its units." in text
    assert "The units are as before." in text
    assert "No model is live." in text
    assert waiting.token not in text
    asked.answer()
    assert waiting.end()["status"] == "SUCCEEDED"


def test_refusing_ends_it_with_who_and_why_and_results_stay_paused(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # moto's interpreter loses the cause.
    sent: list[tuple[str, ...]] = []

    def fail(*given: str) -> bool:
        sent.append(given)
        return True

    monkeypatch.setattr(stepfunctions, "fail", fail)
    asked_to_resume(stack).answer("refuse")
    [(token, error, cause)] = sent
    assert (token, error) == ("token", "ChangeRefused")
    assert json.loads(cause)["errorMessage"].startswith("Refused by Ann Lee (clinical), with this reason: ")
    assert pauses.current("heart") is not None


def test_an_answer_that_nobody_waits_for_any_more_says_so(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    asked = asked_to_resume(stack, waiting.token)
    stepfunctions.succeed(waiting.token, "{}")
    waiting.end()
    page = asked.answer()
    assert "Nobody waited for the answer any more" in page["body"]
    assert "Results are paused since" in page["body"]
    assert change_questions.find(asked.change_id).lapsed


def test_an_answer_that_arrived_without_being_noted_is_not_called_too_late(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = WaitingExecution(stack)
    asked = asked_to_resume(stack, waiting.token)
    with monkeypatch.context() as broken:
        broken.setattr(change_questions, "finish", lambda *_, **__: (_ for _ in ()).throw(MemoryError))
        assert asked.answer()["statusCode"] == 500
    waiting.end()
    resume(stack)
    page = asked.open("POST", asked.carry())["body"]
    assert change_questions.find(asked.change_id).lapsed
    assert "too late" not in page
    assert "Nobody waited" not in page
    assert "Results go out." in page


def test_links_about_the_end_of_a_pause_work_no_longer_than_the_workflow_waits(stack: Stack) -> None:
    asked = asked_to_resume(stack)
    expires_at = change_questions.find(asked.change_id).expires_at
    assert countersignatures.send_again("heart", datetime.fromtimestamp(expires_at - 60, UTC)) == 1
    assert change_questions.find(asked.change_id).expires_at == expires_at


def test_a_pause_that_has_ended_meanwhile_cannot_be_agreed_to(stack: Stack) -> None:
    asked = asked_to_resume(stack)
    pause = pauses.current("heart")
    assert pause is not None
    pauses.end(pause, "another")
    assert "This pause has ended already." in asked.open()["body"]
    assert asked.answer()["statusCode"] == 422
    assert status(asked) == OPEN


def test_asking_again_takes_the_place_of_the_earlier_question(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    first = asked_to_resume(stack, waiting.token)
    second = asked_to_resume(stack, "another", "resume-2")
    assert (status(first), status(second)) == (REPLACED, OPEN)
    assert waiting.end()["error"] == "ChangeRefused"
    assert "Asked again in another mail" in first.open()["body"]
    mac = dict(parse_qsl(first.link.query))["mac"]
    page = first.open("POST", {"shown": "", "nonce": personal_links.nonce(mac, "")})
    assert "Asked again in another mail" in page["body"]
    ask(stack, "newest", "resume-2")
    assert "newest" in change_questions.find(second.change_id).task_token


@pytest.mark.parametrize(("seconds", "overdue"), [(-1, 0), (0, 1), (1, 1)])
def test_what_nobody_countersigned_in_time_is_listed_and_counted(
    rolled_back: AskedChange, capsys: pytest.CaptureFixture[str], seconds: int, overdue: int
) -> None:
    due = datetime.fromtimestamp(change_questions.find(rolled_back.change_id).due_at + seconds, UTC)
    capsys.readouterr()
    found = open_questions.not_countersigned(due)
    counted = [one["CountersignaturesOverdue"] for one in _values(capsys.readouterr().out)]
    assert (len(found), sum(counted), len(counted)) == (overdue, overdue, len(use_cases.names()))
    if found:
        [one] = found
        assert (one.subject, one.startable) == (rolled_back.change_id, False)
        assert one.command == "clinrisk approvers resend heart"
        rolled_back.answer()
        assert open_questions.not_countersigned(due) == []


def _values(printed: str) -> list[dict[str, Any]]:
    metrics_in(printed)
    documents = [json.loads(line) for line in printed.splitlines() if "CountersignaturesOverdue" in line]
    return [{"CountersignaturesOverdue": one["CountersignaturesOverdue"][0]} for one in documents]
