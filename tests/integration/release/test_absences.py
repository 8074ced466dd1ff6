"""Deputies: who is asked while an approver is away, what they may decide, and how that ends."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.aws.tables import approvals, approvers
from clinrisk.errors import ApproverInvalid
from clinrisk.services.release.approvers import question_mails
from tests.integration.approval_request import RequestedApproval
from tests.integration.approver_phone import enrolled
from tests.integration.asked_change import asked_about_rollback
from tests.integration.trained_candidate import WaitingExecution
from tests.integration.two_actors import just_before

if TYPE_CHECKING:
    from tests.integration.approver_phone import Phone
    from tests.integration.conftest import Stack

ANN, BO = "ann@example.org", "bo@example.org"
UNTIL = 4_102_444_800  # the first of January 2100
NOBODY = "It takes 1 approver; there are: clinical 0, technical 0."


def away(stack: Stack, subject: str = ANN, deputy: str = BO, until: int = UNTIL) -> Any:
    event = {"action": "away", "by": "arn:admin", "subject": subject, "deputy": deputy, "away_until": until}
    return stack.call("update_approvers", event)["approver"]


@pytest.fixture
def deputy(stack: Stack) -> Phone:
    """Ann is the approver of both use cases, Bo of none here until Ann is away."""
    enrolled(stack)
    return enrolled(stack, "Bo Berg", use_cases=("lung",))


def asked(moment: datetime | None = None) -> list[str]:
    return [one.name for one in approvers.of_use_case("heart", moment or datetime.now(UTC))]


def test_a_deputy_is_asked_instead_and_decides_in_their_own_name(stack: Stack, deputy: Phone) -> None:
    assert away(stack)["state"] == approvers.AWAY
    asked_about = RequestedApproval(stack, WaitingExecution(stack).token)
    assert f"approver={deputy.approver_id}&" in asked_about.mail["Message"]
    asked_about.phone = deputy
    assert asked_about.answer()["statusCode"] == 200
    found = approvals.find(asked_about.approval_id)
    assert [one["name"] for one in found.deciders] == ["Bo Berg"]
    assert asked_about.promote()["live_version"] == 1


def test_a_deputy_countersigns_a_rollback(stack: Stack, deputy: Phone) -> None:
    away(stack)
    question = asked_about_rollback(stack)
    question.phone = deputy
    assert question.answer()["statusCode"] == 200


@pytest.mark.parametrize("ended", ["the day is over", "back"])
def test_a_deputy_decides_nothing_once_it_is_over(stack: Stack, deputy: Phone, ended: str) -> None:
    away(stack)
    asked_about = RequestedApproval(stack, WaitingExecution(stack).token)
    asked_about.phone = deputy
    if ended == "back":
        assert away(stack, deputy="", until=0)["state"] == approvers.ENROLLED
    else:
        ann = approvers.find(ANN)
        assert approvers.leave(ann, int(time.time()) - 1, ann.deputy)
    answer = asked_about.answer()
    assert (answer["statusCode"], "You are no approver of heart." in answer["body"]) == (422, True)
    assert asked() == ["Ann Lee"]


def test_who_is_away_may_decide_all_the_same(stack: Stack, deputy: Phone) -> None:
    del deputy
    asked_about = RequestedApproval(stack, WaitingExecution(stack).token)
    away(stack)
    assert asked_about.answer()["statusCode"] == 200


def test_an_absence_ends_at_its_moment(stack: Stack, deputy: Phone) -> None:
    del deputy
    away(stack)
    end = datetime.fromtimestamp(UNTIL, UTC)
    assert asked(end - timedelta(seconds=1)) == ["Bo Berg"]
    assert asked(end) == ["Ann Lee"]


def test_a_gate_without_anybody_is_announced(stack: Stack, deputy: Phone) -> None:
    now = datetime.now(UTC)
    assert question_mails.lacking("heart", now) == ""
    away(stack, deputy="")
    assert question_mails.lacking("heart", now) == NOBODY
    away(stack)
    assert question_mails.lacking("heart", now) == ""
    approvers.remove(approvers.find(deputy.approver_id))
    assert (asked(), question_mails.lacking("heart", now)) == ([], NOBODY)


def test_a_deputy_who_is_an_approver_anyway_is_asked_once(stack: Stack) -> None:
    enrolled(stack)
    enrolled(stack, "Bo Berg")
    away(stack)
    assert asked() == ["Bo Berg"]


def test_each_change_is_one_entry_of_the_ledger_however_often_it_is_repeated(
    stack: Stack, deputy: Phone
) -> None:
    del deputy
    for until, named in ((UNTIL, BO), (UNTIL, BO), (UNTIL, ""), (0, ""), (0, ""), (UNTIL, BO)):
        away(stack, deputy=named, until=until)
    written = [one for one in stack.ledger() if one["event"].startswith("approver ")]
    assert [(one["event"], one["number"], one["body"].get("deputy_name")) for one in written] == [
        ("approver away", 1, "Bo Berg"),
        ("approver away", 2, ""),
        ("approver back", 3, None),
        ("approver away", 4, "Bo Berg"),
    ]


@pytest.mark.parametrize(
    ("subject", "named", "until", "words"),
    [
        (ANN, BO, 1_500_000_000, "That day is over"),
        (ANN, ANN, UNTIL, "another person of the same role, clinical"),
        (ANN, "cy@example.org", UNTIL, "another person of the same role, clinical"),
        (ANN, "di@example.org", UNTIL, "Di Evans has not enrolled: clinrisk approvers invite"),
        (ANN, "nobody@example.org", UNTIL, "no approver nobody@example.org"),
        ("ed@example.org", BO, UNTIL, "Ed Fox was removed"),
        (ANN, "", 0, "Ann Lee was never away"),
    ],
)
def test_who_cannot_stand_in_is_refused(
    stack: Stack, subject: str, named: str, until: int, words: str
) -> None:
    enrolled(stack)
    enrolled(stack, "Bo Berg")
    enrolled(stack, "Cy Diaz", "technical")
    enrolled(stack, "Di Evans", state=approvers.INVITED)
    enrolled(stack, "Ed Fox", state=approvers.REMOVED)
    with pytest.raises(ApproverInvalid, match=words):
        away(stack, subject, named, until)
    assert stack.ledger() == []


def test_a_deputy_has_a_deputy_named_first_and_no_one_away_stands_in(stack: Stack, deputy: Phone) -> None:
    del deputy
    enrolled(stack, "Cy Diaz")
    away(stack)
    with pytest.raises(ApproverInvalid, match="Bo Berg is the deputy of Ann Lee, who is away"):
        away(stack, BO, "cy@example.org")
    with pytest.raises(ApproverInvalid, match="Ann Lee is away as well"):
        away(stack, "cy@example.org", ANN)


def test_of_two_changes_at_once_one_stands(stack: Stack, deputy: Phone) -> None:
    del deputy
    ann = approvers.find(ANN)
    other = just_before("UpdateItem", lambda: approvers.leave(ann, UNTIL + 60, ""))
    with pytest.raises(ApproverInvalid, match="by somebody else"):
        away(stack)
    assert (other, approvers.find(ANN).away_until) == ([True], UNTIL + 60)
