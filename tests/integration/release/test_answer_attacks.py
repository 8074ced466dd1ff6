"""Attacks on an answer: links and codes that are forwarded, swapped, replayed, guessed or a leaver's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import pytest
from botocore.exceptions import EndpointConnectionError

from clinrisk.aws import clients
from clinrisk.aws.tables import approvals, approvers
from clinrisk.core.release import one_time_codes
from clinrisk.core.release.one_time_codes import MOST_WRONG, STEP_SECONDS
from clinrisk.errors import CodeRefused, DecisionInvalid
from clinrisk.services.release import decide_approval
from clinrisk.services.release.approvers import answer_check, personal_links
from tests.integration.approval_request import RequestedApproval
from tests.integration.approver_phone import enrolled
from tests.integration.trained_candidate import WaitingExecution
from tests.integration.two_actors import just_before

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.approver_phone import Phone
    from tests.integration.conftest import Stack


@pytest.fixture
def asked(stack: Stack) -> RequestedApproval:
    return RequestedApproval(stack, WaitingExecution(stack).token)


def open_question(asked: RequestedApproval) -> bool:
    return approvals.find(asked.approval_id).status == approvals.PENDING


def remove(stack: Stack, subject: str) -> Any:
    return stack.call("update_approvers", {"action": "remove", "by": "arn:admin", "subject": subject})


def wrong(phone: Phone) -> str:
    """Return six digits that are no code of around now."""
    present = int(datetime.now(UTC).timestamp()) // STEP_SECONDS
    good = {phone.of(present + off) for off in range(-10, 11)}
    return next(f"{number:06d}" for number in range(1_000_000) if f"{number:06d}" not in good)


def test_a_link_without_a_code_is_read_and_decides_nothing(asked: RequestedApproval) -> None:
    assert asked.open()["statusCode"] == 200
    for code in ("", " ", "000000000", "\u0661\u0662\u0663\u0664\u0665\u0666"):
        answer = asked.answer(code=code)
        assert (answer["statusCode"], "This code is not right" in answer["body"]) == (422, True)
        approvers.return_attempt(approvers.find(asked.phone.approver_id))
    assert open_question(asked)


def test_a_code_is_good_for_one_answer(stack: Stack, asked: RequestedApproval) -> None:
    other = RequestedApproval(stack, WaitingExecution(stack, "other").token, "heart-9999999999")
    code = asked.phone.code()
    assert "Rejected" in asked.answer("reject", code=code)["body"]
    answer = other.answer("reject", code=code)
    assert (answer["statusCode"], "This code was used already" in answer["body"]) == (422, True)
    assert open_question(other)
    assert approvers.find(asked.phone.approver_id).attempts == 0


def test_an_earlier_code_is_not_good_after_a_later_one(stack: Stack, asked: RequestedApproval) -> None:
    other = RequestedApproval(stack, WaitingExecution(stack, "other").token, "heart-9999999999")
    earlier, later = asked.phone.code(), asked.phone.code()
    assert asked.answer("reject", code=later)["statusCode"] == 200
    assert "was used already" in other.answer("reject", code=earlier)["body"]


@pytest.mark.parametrize(
    ("off", "good"), [(0, True), (90, True), (-90, True), (120, False), (600, False), (-600, False)]
)
def test_a_phone_may_be_off_by_a_minute_and_a_half_and_not_by_ten(
    stack: Stack,
    off: int,
    good: bool,  # noqa: FBT001 - expected or given
) -> None:
    phone, now = enrolled(stack), datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    code = phone.of(int((now + timedelta(seconds=off)).timestamp()) // STEP_SECONDS)
    approver = approvers.find(phone.approver_id)
    if good:
        assert answer_check.use_code(approver, code, now).attempts == 0
    else:
        with pytest.raises(CodeRefused, match="not right"):
            answer_check.use_code(approver, code, now)


def test_the_link_of_one_with_the_code_of_another_decides_nothing(
    stack: Stack, asked: RequestedApproval
) -> None:
    other = enrolled(stack, "Bo Berg", "technical")
    answer = asked.answer(code=other.code())
    assert (answer["statusCode"], "This code is not right" in answer["body"]) == (422, True)
    assert open_question(asked)


@pytest.mark.parametrize("change", ["another approver", "an approver who is not there", "none", "twice"])
def test_a_link_in_which_the_approver_was_changed_opens_nothing(
    stack: Stack, asked: RequestedApproval, change: str
) -> None:
    other = enrolled(stack, "Bo Berg", "technical")
    query = dict(parse_qsl(asked.link.query))
    changed = {
        "another approver": urlencode(query | {"approver": other.approver_id}),
        "an approver who is not there": urlencode(query | {"approver": "ffffffffffff"}),
        "none": urlencode({name: value for name, value in query.items() if name != "approver"}),
        "twice": f"{asked.link.query}&approver={other.approver_id}",
    }[change]
    form = asked.carry() | {"decision": "approve", "version": "1", "reason": "I am somebody else."}
    for method in ("GET", "HEAD", "POST"):
        answer = asked.open(method, query=changed, form=form | {"code": other.code()})
        assert answer["statusCode"] == 403
        assert "Release" not in answer["body"]
    assert open_question(asked)


def test_a_mac_that_is_no_text_opens_nothing(asked: RequestedApproval) -> None:
    query = dict(parse_qsl(asked.link.query)) | {"mac": "\ud800"}
    assert decide_approval.serve("GET", asked.approval_id, query, {}, datetime.now(UTC)).status == 403


def test_a_link_to_another_question_opens_nothing_here(stack: Stack, asked: RequestedApproval) -> None:
    other = RequestedApproval(stack, WaitingExecution(stack, "other").token, "heart-9999999999")
    assert asked.open(query=other.link.query)["statusCode"] == 403


def test_what_a_leaver_holds_opens_nothing_from_the_removal_on(
    stack: Stack, asked: RequestedApproval
) -> None:
    form = asked.carry() | {"decision": "approve", "version": "1", "reason": "I have left the hospital."}
    assert remove(stack, "ann@example.org")["approver"]["state"] == approvers.REMOVED
    for method in ("GET", "HEAD", "POST"):
        answer = asked.open(method, form=form | {"code": asked.phone.code()})
        assert answer["statusCode"] == 403
        assert method == "HEAD" or "no approver any more" in answer["body"]
    assert open_question(asked)
    assert approvers.find(asked.phone.approver_id).seed == ""


def test_who_is_removed_at_the_very_moment_of_answering_decides_nothing(
    stack: Stack, asked: RequestedApproval
) -> None:
    form = asked.carry() | {"decision": "approve", "version": "1", "reason": "I am about to leave."}
    just_before("UpdateItem", lambda: remove(stack, asked.phone.approver_id))
    answer = asked.open("POST", form=form | {"code": asked.phone.code()})
    assert answer["statusCode"] == 422
    assert open_question(asked)


def test_five_wrong_codes_lock_and_are_mailed_and_written(stack: Stack, asked: RequestedApproval) -> None:
    code = wrong(asked.phone)
    answers = [asked.answer(code=code)["body"] for _ in range(MOST_WRONG)]
    assert ["You have 4 more tries" in answers[0], "You have 1 more try" in answers[3]] == [True, True]
    assert "No code of yours is taken until" in answers[4]
    right = asked.answer()
    assert (right["statusCode"], "No code of yours is taken until" in right["body"]) == (422, True)
    assert open_question(asked)
    assert approvers.find(asked.phone.approver_id).standing(datetime.now(UTC)) == approvers.LOCKED
    events = [one["event"] for one in stack.ledger()]
    assert events == ["asked", "page opened", *["wrong code"] * MOST_WRONG, "approver locked"]
    [mail] = stack.mails()
    assert "clinrisk approvers invite 000000000001" in mail["Message"]


def test_a_lock_ends_by_itself_and_grows_with_each_further_wrong_code(stack: Stack) -> None:
    phone, now = enrolled(stack), datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

    def answer(code: str) -> str:
        try:
            answer_check.use_code(approvers.find(phone.approver_id), code, now)
        except CodeRefused as refused:
            return str(refused)
        return "taken"

    for _ in range(MOST_WRONG):
        answer("x")
    for minutes in (15, 30, 60):
        began = now
        now = began + timedelta(minutes=minutes, seconds=-1)
        assert answer(phone.code(now)).startswith("No code of yours is taken until")
        now = began + timedelta(minutes=minutes)
        assert answer("x").startswith("No code of yours is taken until")
    now += timedelta(hours=2)
    assert answer(phone.code(now)) == "taken"
    found = approvers.find(phone.approver_id)
    assert (found.attempts, found.locked_until, found.standing(now)) == (
        0,
        0,
        approvers.ENROLLED,
    )
    assert answer("x").endswith("You have 4 more tries.")


def test_a_right_code_forgives_the_wrong_ones_before_it(asked: RequestedApproval) -> None:
    for _ in range(MOST_WRONG - 1):
        asked.answer(code=wrong(asked.phone))
    assert asked.answer()["statusCode"] == 200
    found = approvers.find(asked.phone.approver_id)
    assert (found.attempts, found.wrong_codes) == (0, MOST_WRONG - 1)
    assert found.standing(datetime.now(UTC)) == approvers.ENROLLED


@pytest.mark.usefixtures("one_call_at_a_time")
def test_of_fifty_guesses_at_once_no_more_than_five_are_compared(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = enrolled(stack)
    approver, code = approvers.find(phone.approver_id), wrong(phone)
    compared: list[str] = []
    genuine = one_time_codes.step_of

    def counting(seed: str, typed: str, now: datetime) -> int | None:
        compared.append(typed)
        return genuine(seed, typed, now)

    monkeypatch.setattr(one_time_codes, "step_of", counting)

    def guess(_: int) -> str:
        with pytest.raises(CodeRefused) as refused:
            answer_check.use_code(approver, code, datetime.now(UTC))
        return str(refused.value)

    with ThreadPoolExecutor(10) as many:
        refusals = list(many.map(guess, range(50)))
    assert len(compared) == MOST_WRONG
    assert sum("No code of yours" in one for one in refusals) == 50 - MOST_WRONG + 1
    assert [one["event"] for one in stack.ledger()].count("approver locked") == 1


@pytest.mark.usefixtures("one_call_at_a_time")
def test_of_fifty_answers_at_once_one_decides(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    form = asked.carry() | {"version": "1", "reason": "Well calibrated in women too.", "decision": "approve"}
    form["code"] = asked.phone.code()
    with ThreadPoolExecutor(10) as many:
        answers = list(many.map(lambda _: asked.open("POST", form=form)["statusCode"], range(50)))
    assert 200 in answers
    assert set(answers) <= {200, 422}
    assert waiting.end()["status"] == "SUCCEEDED"
    assert len(stack.ledger("decided")) == 1


@pytest.mark.parametrize(("seconds", "open_"), [(-1, True), (0, False), (1, False)])
def test_link_and_code_answer_until_the_link_expires(
    stack: Stack,
    seconds: int,
    open_: bool,  # noqa: FBT001 - expected or given
) -> None:
    asked = RequestedApproval(stack)
    page = personal_links.question(approvals.find(asked.approval_id))
    now, query = datetime.fromtimestamp(page.expires_at + seconds, UTC), dict(parse_qsl(asked.link.query))
    code = asked.phone.code(now)
    if open_:
        assert answer_check.answering(page, query, code, now).name == "Ann Lee"
        with pytest.raises(CodeRefused, match="used already"):
            answer_check.answering(page, query, code, now)
        with pytest.raises(DecisionInvalid):
            answer_check.answering(page, query | {"mac": "A" * 43}, asked.phone.code(now), now)
    else:
        with pytest.raises(CodeRefused, match="expired"):
            answer_check.answering(page, query, code, now)


NOTE = "the note that it was passed on"
STEPS: dict[str, tuple[Callable[[], Any], str, int]] = {
    "the count of the attempt": (lambda: clients.dynamodb().meta.client, "UpdateItem", 1),
    "the use of the code": (lambda: clients.dynamodb().meta.client, "UpdateItem", 2),
    "the signature": (clients.kms, "Sign", 1),
    "the decision": (lambda: clients.dynamodb().meta.client, "UpdateItem", 3),
    "the ledger's entry": (clients.s3, "PutObject", 1),
    "the callback": (clients.stepfunctions, "SendTaskSuccess", 1),
    NOTE: (lambda: clients.dynamodb().meta.client, "UpdateItem", 4),
}


CALLED_BACK = {("the callback", True), (NOTE, False), (NOTE, True)}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_write_leaves_one_decision_once_the_answer_is_repeated(
    stack: Stack,
    step: str,
    after: bool,  # noqa: FBT001 - before or after the write
) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    asked.carry()
    client, operation, call = STEPS[step]
    breaks_at(client(), operation, call, "after-call" if after else "before-call")
    assert asked.answer()["statusCode"] in {409, 500}
    if (step, after) in CALLED_BACK:
        # The workflow has its answer and goes on: its promotion notes what the page could not.
        waiting.end()
        assert asked.promote()["live_version"] == 1
    answer = asked.answer()
    if answer["statusCode"] == 422:
        assert "used already" in answer["body"]
        answer = asked.answer()
    assert (answer["statusCode"], "Approved" in answer["body"]) == (200, True)
    assert waiting.end()["status"] == "SUCCEEDED"
    [decided] = stack.ledger("decided")
    assert [one["name"] for one in decided["body"]["deciders"]] == ["Ann Lee"]


def breaks_at(client: Any, operation: str, number: int, moment: str) -> None:
    """Let the `number`-th call of an operation fail, before it leaves or after it was carried out."""
    calls = 0
    name = f"{moment}.{client.meta.service_model.service_id.hyphenize()}.{operation}"

    def hook(**_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            client.meta.events.unregister(name, hook)
            raise EndpointConnectionError(endpoint_url="https://elsewhere")

    client.meta.events.register(name, hook)


@pytest.mark.parametrize(
    "reason",
    [
        "Well calibrated.\u202e",
        "Zero\u200bwidth is not seen.",
        "Bell \x07 rings.",
        "See https://example.org for why.",
        "See www.example.org for why.",
    ],
)
def test_a_reason_is_plain_text(asked: RequestedApproval, reason: str) -> None:
    answer = asked.answer("reject", reason=reason)
    assert (answer["statusCode"], "Remove" in answer["body"]) == (422, True)
    assert open_question(asked)
    assert approvers.find(asked.phone.approver_id).used_step == 0
