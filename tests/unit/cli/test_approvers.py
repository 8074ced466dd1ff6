"""`clinrisk approvers`: what it asks the function for, and what it shows."""

from __future__ import annotations

import io
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from cli.approvers import gates
from clinrisk import use_cases
from clinrisk.aws import clients
from clinrisk.use_cases.approval_policy import ApprovalPolicy
from tests.unit.cli.conftest import REGION

if TYPE_CHECKING:
    from collections.abc import Callable

MAIL = "ann.lee@hospital.example"
ANN = {
    "pk": "APPROVERS",
    "sk": "0f1e2d3c4b5a",
    "approver_id": "0f1e2d3c4b5a",
    "name": "Ann Lee",
    "mail": MAIL,
    "role": "clinical",
    "use_cases": ["heart"],
    "state": "ENROLLED",
    "added_at": "2026-03-01T09:30:00.000Z",
    "seed": "an-encrypted-seed",
}


class Registrar:
    """Lambda, with the function that keeps the approvers in it."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {
            "approver": ANN | {"invited_until": 1_772_359_200},
            "confirmed": True,
            "mailed": 2,
        }
        self.failed = False

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - AWS's names
        assert FunctionName == "the-registrar"
        self.asked.append(json.loads(Payload))
        failed = {"FunctionError": "Unhandled"} if self.failed else {}
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode())} | failed


@pytest.fixture
def registrar(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> Registrar:
    del deployment
    found = Registrar()
    monkeypatch.setattr(clients, "functions", cache(lambda: found))
    return found


@pytest.fixture
def listed(deployment: Any) -> Any:
    """One approver, whom mail reaches."""
    topic = deployment.outputs["ApprovalsTopic"]
    subscription = boto3.client("sns", REGION).subscribe(TopicArn=topic, Protocol="email", Endpoint=MAIL)
    deployment.item("ApproversTable", **ANN | {"subscription": subscription["SubscriptionArn"]})
    return deployment


def test_add_asks_for_a_person_with_role_and_use_cases(
    registrar: Registrar, clinrisk: Callable[..., Any]
) -> None:
    answer = clinrisk(
        "approvers", "add", "Ann Lee", "--mail", MAIL, "--role", "clinical", "--use-case", "heart"
    )
    assert answer.code == 0, answer.err
    assert f"clinrisk approvers invite {MAIL}" in answer.out
    [asked] = registrar.asked
    assert asked["by"].startswith("arn:aws:")
    person = {"name": "Ann Lee", "mail": MAIL, "role": "clinical", "use_cases": ["heart"]}
    assert asked["new"] == person | {"identity": ""}


def test_add_without_a_confirmed_subscription_names_the_next_step(
    registrar: Registrar, clinrisk: Callable[..., Any]
) -> None:
    registrar.answer["confirmed"] = False
    shown = clinrisk("approvers", "add", "Ann Lee", "--mail", MAIL, "--role", "technical").out
    assert f"clinrisk approvers confirm {MAIL} --link LINK" in " ".join(shown.split())
    assert registrar.asked[0]["new"]["use_cases"] == list(use_cases.names())


@pytest.mark.parametrize(
    "options",
    [
        ("--mail", MAIL, "--role", "owner"),
        ("--mail", "ann", "--role", "clinical"),
        ("--mail", MAIL, "--role", "clinical", "--use-case", "lung"),
    ],
)
def test_who_is_mistyped_is_not_asked_for(
    registrar: Registrar, clinrisk: Callable[..., Any], options: tuple[str, ...]
) -> None:
    assert clinrisk("approvers", "add", "Ann Lee", *options).code == 2
    assert registrar.asked == []


def test_confirm_passes_the_token_of_the_link_on(registrar: Registrar, clinrisk: Callable[..., Any]) -> None:
    link = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=a&Token=0a1B2c&x=1"
    assert clinrisk("approvers", "confirm", MAIL, "--link", link).code == 0
    assert (registrar.asked[0]["subject"], registrar.asked[0]["token"]) == (MAIL, "0a1B2c")
    assert clinrisk("approvers", "confirm", MAIL, "--link", "https://sns/").code == 2


@pytest.mark.parametrize(
    ("action", "subject", "words"),
    [
        ("invite", MAIL, "works once, until 2026-03-01 10:00 UTC"),
        ("remove", MAIL, "is no approver any more"),
        ("resend", "heart", "2 mails were sent"),
    ],
)
def test_each_verb_asks_for_its_change(
    registrar: Registrar, clinrisk: Callable[..., Any], action: str, subject: str, words: str
) -> None:
    assert words in clinrisk("approvers", action, subject).out
    assert (registrar.asked[0]["action"], registrar.asked[0]["subject"]) == (action, subject)
    assert clinrisk("approvers", action, subject, "--json").json() == registrar.answer


def test_identify_notes_by_what_aws_knows_an_approver(
    registrar: Registrar, clinrisk: Callable[..., Any]
) -> None:
    arn = "arn:aws:iam::123456789012:user/ann"
    assert clinrisk("approvers", "identify", MAIL, "--identity", arn).code == 0
    assert [(one["action"], one["subject"], one["identity"]) for one in registrar.asked] == [
        ("identify", MAIL, arn)
    ]


def test_away_lasts_to_the_end_of_the_day_and_back_ends_it(
    registrar: Registrar, clinrisk: Callable[..., Any]
) -> None:
    shown = clinrisk("approvers", "away", MAIL, "--until", "2026-12-20", "--deputy", "bo@example.org").out
    assert "away until 2026-12-21 00:00 UTC; bo@example.org is asked instead" in shown
    assert "nobody is asked instead" in clinrisk("approvers", "away", MAIL, "--until", "2026-12-20").out
    assert "is asked again" in clinrisk("approvers", "back", MAIL).out
    asked = [(one["away_until"], one["deputy"]) for one in registrar.asked[:2]]
    assert asked == [(1_797_811_200, "bo@example.org"), (1_797_811_200, "")]
    assert [(one["action"], one.get("away_until", 0)) for one in registrar.asked[2:]] == [("away", 0)]


def test_list_shows_who_is_asked_instead(
    listed: Any, clinrisk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "policy_of", lambda _: ApprovalPolicy(quorum=1))
    subscription = boto3.client("sns", REGION).list_subscriptions()["Subscriptions"][0]["SubscriptionArn"]
    away = {"away_until": 4_102_444_800, "deputy": "b0b0", "subscription": subscription}
    listed.item("ApproversTable", **ANN | away)
    bo = {
        "sk": "b0b0",
        "approver_id": "b0b0",
        "name": "Bo Lind",
        "mail": "bo@example.org",
        "use_cases": [name for name in use_cases.names() if name != "heart"],
    }
    listed.item("ApproversTable", **ANN | bo | {"subscription": subscription})
    shown = clinrisk("approvers", "list").out
    assert "Ann Lee is away until 2100-01-01 00:00 UTC; Bo Lind is asked instead." in shown
    assert "nobody can approve" not in shown
    people = {one["name"]: one for one in clinrisk("approvers", "list", "--json").json()["approvers"]}
    assert (people["Ann Lee"]["state"], people["Ann Lee"]["asked_about"]) == ("AWAY", [])
    assert people["Bo Lind"]["asked_about"] == list(use_cases.names())
    listed.item("ApproversTable", **ANN | bo | {"subscription": subscription, "state": "REMOVED"})
    shown = clinrisk("approvers", "list").out
    assert "Ann Lee is away until 2100-01-01 00:00 UTC; nobody is asked instead." in shown
    assert "heart: nobody can approve a release." in shown


def test_what_the_function_refuses_is_shown_in_its_words(
    registrar: Registrar, clinrisk: Callable[..., Any]
) -> None:
    registrar.failed, registrar.answer = True, {"errorMessage": "There is no approver dr@example.org."}
    answer = clinrisk("approvers", "remove", "dr@example.org")
    assert (answer.code, "There is no approver dr@example.org." in answer.err) == (1, True)


@pytest.mark.usefixtures("listed")
def test_list_shows_who_may_decide_and_where_it_is_not_enough(clinrisk: Callable[..., Any]) -> None:
    shown = clinrisk("approvers", "list").out
    assert all(word in shown for word in ("Ann Lee", MAIL, "clinical", "ENROLLED", "yes"))
    assert "stroke: nobody can approve a release." in shown
    assert "heart: nobody" not in shown
    answer = clinrisk("approvers", "list", "--json").json()
    assert [one["name"] for one in answer["approvers"]] == ["Ann Lee"]
    assert list(answer["lacking"]) == [name for name in use_cases.names() if name != "heart"]
    assert "an-encrypted-seed" not in json.dumps(answer) + shown


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "INVITED"},
        {"state": "REMOVED"},
        {"locked_until": 4_102_444_800},
        {"subscription": "arn:another"},
    ],
    ids=lambda changes: next(iter(changes.values())),
)
def test_who_is_not_enrolled_is_locked_or_has_no_mail_opens_no_gate(
    listed: Any, clinrisk: Callable[..., Any], changes: dict[str, Any]
) -> None:
    subscription = boto3.client("sns", REGION).list_subscriptions()["Subscriptions"][0]["SubscriptionArn"]
    listed.item("ApproversTable", **ANN | {"subscription": subscription} | changes)
    assert "heart: nobody can approve a release." in clinrisk("approvers", "list", "--all").out
    assert "heart: nobody can approve a release." in clinrisk("status").out


def test_without_approvers_the_list_names_the_command_that_adds_one(
    deployment: Any, clinrisk: Callable[..., Any]
) -> None:
    del deployment
    assert "clinrisk approvers add NAME" in clinrisk("approvers", "list").out
