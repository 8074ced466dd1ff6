"""Approvers: added, invited, enrolled, mailed and removed, each step as often as it is repeated."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from botocore.exceptions import ClientError

from clinrisk.aws import clients, kms
from clinrisk.aws.notifications import subscriptions
from clinrisk.aws.tables import approvals, approvers
from clinrisk.core.ledger import chain
from clinrisk.core.release.one_time_codes import MOST_WRONG
from clinrisk.errors import ApproverInvalid
from clinrisk.services.release import enrol_approver
from tests.integration.approval_request import RequestedApproval
from tests.integration.approver_phone import Phone, enrolled
from tests.integration.events import events_of, read_event
from tests.integration.trained_candidate import WaitingExecution
from tests.integration.two_actors import just_before

if TYPE_CHECKING:
    from tests.integration.conftest import Stack

KIM = "arn:aws:iam::1:user/kim"
NEW: dict[str, Any] = {
    "name": "Cy Diaz",
    "mail": "cy@example.org",
    "role": "technical",
    "use_cases": ["heart"],
}


def update(stack: Stack, action: str, subject: str = "", **given: Any) -> Any:
    return stack.call("update_approvers", {"action": action, "by": "arn:admin", "subject": subject, **given})


def added(stack: Stack) -> str:
    """Add the new approver, and return the id."""
    return str(update(stack, "add", new=NEW)["approver"]["approver_id"])


class Invited:
    """A browser of somebody who was invited."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.approver_id = stack, added(stack)
        update(stack, "invite", NEW["mail"])
        self.link = self.newest_link()
        self.phone = Phone("", self.approver_id)

    def newest_link(self) -> Any:
        found = re.search(r"https://\S+", self.stack.mails()[-1]["Message"])
        assert found is not None
        return urlsplit(found.group())

    def open(self, method: str = "GET", form: dict[str, str] | None = None) -> Any:
        event = {
            "version": "2.0",
            "rawQueryString": self.link.query,
            "pathParameters": {"approver_id": self.link.path.rpartition("/")[2]},
            "requestContext": {"http": {"method": method}, "requestId": "request-1"},
            "body": urlencode(form) if form is not None else None,
            "isBase64Encoded": False,
        }
        return self.stack.call("enrol_approver", event)

    def scan(self) -> dict[str, str]:
        """Press the button, take the key into the phone, and return what the form carries."""
        [nonce] = re.findall(r'name="nonce" value="([0-9a-f]+)"', self.open()["body"])
        shown = self.open("POST", {"nonce": nonce, "step": "show"})["body"]
        [seed] = re.findall(r"secret=([A-Z2-7]+)&amp;", shown)
        self.phone.seed = seed
        return {"nonce": nonce, "step": "confirm"}

    def enrol(self) -> Any:
        return self.open("POST", self.scan() | {"code": self.phone.code()})


def test_a_new_approver_is_subscribed_to_mails_of_their_own(stack: Stack) -> None:
    approver_id = added(stack)
    found = approvers.find(NEW["mail"])
    assert (found.approver_id, found.standing(datetime.now(UTC))) == (approver_id, approvers.ADDED)
    attributes = stack.sns.get_subscription_attributes(SubscriptionArn=found.subscription)["Attributes"]
    assert json.loads(attributes["FilterPolicy"]) == {"approver": [approver_id]}
    assert attributes["Endpoint"] == NEW["mail"]
    [entry] = stack.ledger("approver added")
    assert entry["body"]["by"] == "arn:admin"
    assert (entry["body"]["name"], entry["body"]["mail"]) == ("Cy Diaz", "cy@example.org")


def test_adding_again_completes_and_another_person_with_the_address_is_refused(stack: Stack) -> None:
    approver_id = added(stack)
    assert added(stack) == approver_id
    assert len(stack.ledger("approver added")) == 1
    with pytest.raises(ApproverInvalid, match="is the address of Cy Diaz already"):
        update(stack, "add", new=NEW | {"name": "Di Evans", "mail": "CY@example.org"})


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Cy\u202eDiaz"},
        {"name": ""},
        {"name": "x" * 81},
        {"name": "Cy\nDiaz"},
        {"use_cases": ["lung"]},
    ],
)
def test_who_has_no_plain_name_or_no_use_case_is_not_added(stack: Stack, change: dict[str, Any]) -> None:
    with pytest.raises(ApproverInvalid):
        update(stack, "add", new=NEW | change)
    assert approvers.listed() == []


def test_an_approver_is_known_by_one_identity_of_aws_that_nobody_else_has(stack: Stack) -> None:
    found = update(stack, "add", new=NEW | {"identity": KIM})["approver"]
    assert found["identity"] == KIM
    other = enrolled(stack)
    with pytest.raises(ApproverInvalid, match="is the identity of Cy Diaz already"):
        update(stack, "identify", other.approver_id, identity=KIM)
    with pytest.raises(ApproverInvalid, match="An identity is an ARN"):
        update(stack, "identify", other.approver_id, identity="kim")
    update(stack, "remove", NEW["mail"])
    for _ in range(2):
        assert update(stack, "identify", other.approver_id, identity=KIM)["approver"]["identity"] == KIM
    with pytest.raises(ApproverInvalid, match="was removed"):
        update(stack, "identify", found["approver_id"], identity="arn:another")
    assert [one["body"]["name"] for one in stack.ledger("approver identified")] == ["Cy Diaz", "Ann Lee"]


def test_nobody_is_added_without_a_name(stack: Stack) -> None:
    with pytest.raises(ApproverInvalid, match="It takes a name"):
        update(stack, "add")


def test_of_two_invitations_at_once_one_is_mailed(stack: Stack) -> None:
    approver_id = added(stack)
    just_before("UpdateItem", lambda: update(stack, "invite", approver_id))
    with pytest.raises(ApproverInvalid, match="by somebody else at this very moment"):
        update(stack, "invite", approver_id)
    assert len(stack.mails()) == 1
    assert approvers.find(approver_id).invitation == 1


def test_nobody_is_invited_whom_no_mail_reaches(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    approver_id = added(stack)
    monkeypatch.setattr(subscriptions, "confirmed", set)
    with pytest.raises(ApproverInvalid, match="clinrisk approvers confirm"):
        update(stack, "invite", approver_id)
    assert approvers.find(approver_id).standing(datetime.now(UTC)) == approvers.ADDED


def test_a_subscription_is_confirmed_so_that_only_the_account_can_end_it(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    approver_id, asked = added(stack), []
    monkeypatch.setattr(clients.sns(), "confirm_subscription", lambda **given: asked.append(given))
    update(stack, "confirm", approver_id, token="0a1b")  # noqa: S106 - a token of this test
    topic = stack.environment["APPROVALS_TOPIC"]
    assert asked == [{"TopicArn": topic, "Token": "0a1b", "AuthenticateOnUnsubscribe": "true"}]


def test_opening_an_invitation_shows_nothing_secret_and_changes_nothing(stack: Stack) -> None:
    invited = Invited(stack)
    before = approvers.find(invited.approver_id)
    for method in ("GET", "HEAD", "GET"):
        answer = invited.open(method)
        assert answer["statusCode"] == 200
        assert not re.search(r"secret=|<svg|otpauth", answer["body"])
    assert approvers.find(invited.approver_id) == before


def test_the_first_right_code_enrols_once(stack: Stack) -> None:
    invited = Invited(stack)
    page = invited.enrol()
    assert (page["statusCode"], "You are enrolled" in page["body"]) == (200, True)
    found = approvers.find(invited.approver_id)
    assert (found.standing(datetime.now(UTC)), found.attempts) == (approvers.ENROLLED, 0)
    for answer in (invited.open(), invited.open("POST", {"nonce": "0", "step": "show"})):
        assert answer["statusCode"] == 200
        assert not re.search(r"secret=|<svg", answer["body"])
    events = [one["event"] for one in stack.ledger()]
    assert events == ["approver added", "approver invited", "approver enrolled"]


def test_the_page_with_the_qr_code_loads_nothing_and_runs_nothing(stack: Stack) -> None:
    invited = Invited(stack)
    form = invited.scan()
    answer = invited.open("POST", {"nonce": form["nonce"], "step": "show"})
    assert "<svg" in answer["body"]
    assert not re.search(r"<script|src=|style=", answer["body"])
    policy = answer["headers"]["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert answer["headers"]["cache-control"] == "no-store"


def test_an_enrolment_that_the_ledger_cannot_take_sends_people_to_the_operators(stack: Stack) -> None:
    invited = Invited(stack)
    stack.put("audit", chain.entry_key(len(stack.ledger())), b"{}")
    page = invited.enrol()
    assert (page["statusCode"], "Please tell the operators." in page["body"]) == (409, True)


def test_the_code_of_the_enrolment_is_used_up_by_it(stack: Stack) -> None:
    invited = Invited(stack)
    code = invited.phone.code() if invited.scan() and invited.phone.seed else ""
    invited.open("POST", invited.scan() | {"code": code})
    assert invited.phone.of(approvers.find(invited.approver_id).used_step) == code


def test_wrong_codes_lock_an_invitation_and_another_one_opens_it(stack: Stack) -> None:
    invited = Invited(stack)
    form = invited.scan() | {"code": "abcdef"}
    answers = [invited.open("POST", form) for _ in range(MOST_WRONG)]
    assert [one["statusCode"] for one in answers] == [422] * (MOST_WRONG - 1) + [403]
    right = invited.open("POST", form | {"code": invited.phone.code()})
    assert (right["statusCode"], "locked for a while after too many wrong codes" in right["body"]) == (
        403,
        True,
    )
    stack.mails()
    update(stack, "invite", invited.approver_id)
    old = invited.link
    invited.link = invited.newest_link()
    assert invited.enrol()["statusCode"] == 200
    invited.link = old
    assert invited.open()["statusCode"] == 403


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 403), (1, 403)])
def test_an_invitation_works_until_it_expires(stack: Stack, seconds: int, status: int) -> None:
    invited = Invited(stack)
    until = approvers.find(invited.approver_id).invited_until
    now = datetime.fromtimestamp(until, UTC) + timedelta(seconds=seconds)
    query = dict(parse_qsl(invited.link.query))
    assert enrol_approver.serve("GET", invited.approver_id, query, {}, now).status == status


@pytest.mark.parametrize("change", ["mac", "approver", "expires", "method", "nonce", "unknown"])
def test_an_invitation_that_was_altered_opens_nothing(stack: Stack, change: str) -> None:
    invited, other = Invited(stack), enrolled(stack)
    query = dict(parse_qsl(invited.link.query))
    altered = {
        "mac": ("GET", invited.approver_id, query | {"mac": "A" * 43}),
        "approver": ("GET", other.approver_id, query | {"approver": other.approver_id}),
        "expires": ("GET", invited.approver_id, query | {"expires": "9999999999"}),
        "method": ("PUT", invited.approver_id, query),
        "nonce": ("POST", invited.approver_id, query),
        "unknown": ("GET", "ffffffffffff", query),
    }[change]
    method, approver_id, given = altered
    page = enrol_approver.serve(method, approver_id, given, {"nonce": "\u00fc"}, datetime.now(UTC))
    assert page.status == (405 if change == "method" else 403)
    assert "secret=" not in page.html


def test_a_new_phone_ends_the_codes_of_the_old_one(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    update(stack, "invite", asked.phone.approver_id)
    answer = asked.answer()
    assert (answer["statusCode"], "You have not enrolled yet" in answer["body"]) == (422, True)
    assert "disabled" in asked.open()["body"]


def test_a_seed_is_decrypted_for_its_approver_alone(stack: Stack) -> None:
    stored = approvers.find(enrolled(stack).approver_id).seed
    assert "JBSWY3DPEHPK3PXP" not in stored
    assert kms.decrypt(stored, approver="000000000001").startswith("JBSWY3DPEHPK3PXP")
    with pytest.raises(ClientError):
        kms.decrypt(stored, approver="000000000002")


def test_a_removal_is_completed_when_it_is_repeated_and_stays(stack: Stack) -> None:
    phone = enrolled(stack)
    for _ in range(2):
        assert update(stack, "remove", "ann@example.org")["approver"]["state"] == approvers.REMOVED
    assert approvers.find(phone.approver_id).subscription not in subscriptions.confirmed()
    assert approvers.of_use_case("heart", datetime.now(UTC)) == []
    assert len(stack.ledger("approver removed")) == 1
    with pytest.raises(ApproverInvalid, match="was removed"):
        update(stack, "invite", phone.approver_id)
    again = update(stack, "add", new=NEW | {"mail": "ann@example.org"})["approver"]
    assert again["approver_id"] != phone.approver_id


def test_every_approver_of_the_use_case_is_mailed_a_link_of_their_own(stack: Stack) -> None:
    first = enrolled(stack)
    second = enrolled(stack, "Bo Berg", "technical")
    enrolled(stack, "Cy Diaz", use_cases=("stroke",))
    enrolled(stack, "Di Evans", state=approvers.REMOVED)
    with pytest.raises(ValueError, match="too many values"):
        RequestedApproval(stack)
    update(stack, "resend", "heart")
    mails = stack.mails()
    addressed = [addressee(one) for one in mails]
    assert sorted(addressed) == [first.approver_id, second.approver_id]
    links = {re.findall(r"https://\S+", one["Message"])[0] for one in mails}
    assert len(links) == 2
    assert all(f"approver={who}" in " ".join(links) for who in addressed)


def test_questions_that_are_closed_are_not_mailed_again(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    assert update(stack, "resend", "heart")["mailed"] == 1
    asked.answer("reject")
    assert update(stack, "resend", "heart")["mailed"] == 0
    with pytest.raises(ApproverInvalid, match="no use case lung"):
        update(stack, "resend", "lung")


def test_no_seed_and_no_token_is_in_what_people_see(stack: Stack) -> None:
    shown = approvers.shown(approvers.find(enrolled(stack).approver_id), datetime.now(UTC))
    assert "seed" not in shown
    assert "seed" not in json.dumps(update(stack, "invite", "ann@example.org"))


def addressee(mail: dict[str, Any]) -> str:
    """Return the approver that a mail is addressed to."""
    return str(mail["MessageAttributes"]["approver"]["Value"])


@pytest.mark.parametrize("name", events_of("update_approvers"))
def test_an_event_of_the_command_is_answered(stack: Stack, name: str) -> None:
    event = read_event(name)
    if event["action"] != "add":
        stack.call("update_approvers", read_event("update_approvers.add"))
    answer = stack.call("update_approvers", event)
    state = {"add": "ADDED", "away": "AWAY", "confirm": "ADDED", "invite": "INVITED", "remove": "REMOVED"}
    assert (answer["approver"] or {}).get("state") == state.get(event["action"])


@pytest.mark.parametrize("name", events_of("enrol_approver"))
def test_an_event_of_the_enrolment_is_answered(stack: Stack, name: str) -> None:
    invited, written = Invited(stack), read_event(name)
    form = dict(parse_qsl(written["body"] or ""))
    if form:
        carried = invited.scan()
        form |= {"nonce": carried["nonce"]} | ({"code": invited.phone.code()} if "code" in form else {})
    answer = invited.open(written["requestContext"]["http"]["method"], form or None)
    words = {"look": "Before you begin", "show": "Scan this", "confirm": "You are enrolled"}
    assert (answer["statusCode"], words[name.partition(".")[2]] in answer["body"]) == (200, True)


def test_nobody_is_the_only_one_who_approves_what_they_asked_for(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    approvers.identify(enrolled(stack).approver_id, KIM)
    own = RequestedApproval(stack, asked_by=KIM)
    assert '"ApproversMissing":[1.0]' in capsys.readouterr().out
    assert f"asked for by {KIM}" in own.open()["body"]
    page = own.answer()
    assert (page["statusCode"], "You asked for this candidate" in page["body"]) == (422, True)
    assert approvals.find(own.approval_id).status == approvals.PENDING
    [asked] = stack.ledger("asked")
    assert asked["body"]["asked_by"] == KIM
    own.answer("reject")
    assert approvals.find(own.approval_id).decision == approvals.REJECTED


def test_another_one_approves_what_an_approver_asked_for(stack: Stack) -> None:
    approvers.identify(enrolled(stack).approver_id, f"{KIM}-of-another-ward")
    asked = RequestedApproval(stack, WaitingExecution(stack).token, asked_by=KIM)
    assert asked.answer()["statusCode"] == 200
    assert approvals.find(asked.approval_id).status == approvals.APPROVED
