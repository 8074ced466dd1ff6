"""Two people of different roles approve where the policy asks for two; one rejects."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from clinrisk.aws import kms, ledger
from clinrisk.aws.tables import approvals, deployments
from clinrisk.errors import DecisionForged
from clinrisk.use_cases import approval_policy
from tests.integration.approval_request import RequestedApproval
from tests.integration.approver_phone import enrolled
from tests.integration.trained_candidate import TrainedCandidate, WaitingExecution
from tests.integration.two_actors import just_before

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.conftest import Stack


@pytest.fixture(autouse=True)
def _four_eyes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(approval_policy, "policies_text", lambda: "[default]\nquorum = 2")
    approval_policy.policy_of.cache_clear()
    yield
    approval_policy.policy_of.cache_clear()


class Asked(RequestedApproval):
    """One question, as one of its approvers has it before them."""

    def __init__(self, stack: Stack, *names: str, roles: tuple[str, ...] = ("clinical", "technical")) -> None:
        self.stack = stack
        self.waiting = WaitingExecution(stack)
        self.phones = [enrolled(stack, name, role) for name, role in zip(names, roles, strict=True)]
        self.candidate = TrainedCandidate(stack)
        self.judgement = stack.call("judge_candidate", self.candidate.judge_event())
        self.package = self.candidate.register(self.judgement)
        event = self.candidate.approval_event(self.judgement, self.package, self.waiting.token)
        self.approval_id = stack.call("request_approval", event)["approval_id"]
        mails: list[dict[str, Any]] = list(stack.mails())
        self.links = {
            mail["MessageAttributes"]["approver"]["Value"]: urlsplit(
                re.findall(r"https://\S+", mail["Message"])[0]
            )
            for mail in mails
        }
        self.mailed = [mail["Message"] for mail in mails]
        self.carried = {"shown": "", "nonce": "0"}
        self.seat(0)

    def seat(self, number: int) -> Asked:
        """Let another of the approvers answer from now on."""
        self.phone = self.phones[number]
        self.link = self.links[self.phone.approver_id]
        return self

    @property
    def kept(self) -> approvals.Approval:
        return approvals.find(self.approval_id)


@pytest.fixture
def asked(stack: Stack) -> Asked:
    return Asked(stack, "Ann Lee", "Bo Berg")


def test_the_second_of_two_roles_decides(stack: Stack, asked: Asked) -> None:
    first = asked.answer(reason="Well calibrated in women too.")
    assert (first["statusCode"], asked.kept.status) == (200, approvals.PENDING)
    assert "One of 2 people has approved" in first["body"]
    assert "You have approved this version already" in first["body"]
    second = asked.seat(1).answer(reason="The digests are those of the run.")
    assert "Approved" in second["body"]
    assert asked.waiting.end()["status"] == "SUCCEEDED"
    [decided] = stack.ledger("decided")
    assert [(one["name"], one["role"]) for one in decided["body"]["deciders"]] == [
        ("Ann Lee", "clinical"),
        ("Bo Berg", "technical"),
    ]
    assert (decided["body"]["quorum"], len(decided["body"]["policy"])) == (2, 64)
    [agreed] = stack.ledger("agreed")
    assert agreed["body"]["decider"] == decided["body"]["deciders"][0]
    assert asked.promote()["live_version"] == 1
    live = deployments.live("heart")
    assert live.decision is not None
    assert [one.name for one in live.decision.deciders] == ["Ann Lee", "Bo Berg"]
    page = asked.open()["body"]
    assert "Well calibrated in women too." in page
    assert "The digests are those of the run." in page


def test_every_mail_states_that_it_takes_two(asked: Asked) -> None:
    assert all("It takes 2 people of different roles to approve" in text for text in asked.mailed)
    assert len(asked.mailed) == 2


def test_one_person_does_not_answer_for_two(stack: Stack, asked: Asked) -> None:
    asked.answer()
    again = asked.answer()
    assert (again["statusCode"], "another person has to approve it" in again["body"]) == (422, True)
    assert asked.kept.status == approvals.PENDING
    assert asked.waiting.status() == "RUNNING"
    assert stack.ledger("decided") == []


def test_two_of_one_role_are_not_enough(stack: Stack) -> None:
    asked = Asked(stack, "Ann Lee", "Cy Diaz", roles=("clinical", "clinical"))
    asked.answer()
    second = asked.seat(1).answer()
    assert (second["statusCode"], "the second is of another role" in second["body"]) == (422, True)
    assert asked.kept.status == approvals.PENDING


@pytest.mark.parametrize("before", [False, True], ids=["at first", "after a yes"])
@pytest.mark.parametrize("who", [0, 1])
def test_one_no_closes_the_question(
    stack: Stack,
    asked: Asked,
    who: int,
    before: bool,  # noqa: FBT001 - given
) -> None:
    if before:
        asked.answer()
    answer = asked.seat(who).answer("reject", reason="Older women are missed too often.")
    assert "Rejected" in answer["body"]
    assert asked.waiting.end()["error"] == "ApprovalRejected"
    [decided] = stack.ledger("decided")
    assert [one["name"] for one in decided["body"]["deciders"]] == [["Ann Lee", "Bo Berg"][who]]
    mails: list[dict[str, Any]] = list(stack.mails())
    [mail] = [one for one in mails if "was rejected" in one["Subject"]]
    assert "Older women are missed too often." in mail["Message"]
    assert mail["MessageAttributes"]["audience"]["Value"] == "data_manager"


def test_of_two_first_answers_at_once_one_is_asked_again(stack: Stack, asked: Asked) -> None:
    form = {"decision": "approve", "version": "1", "reason": "Well calibrated in women too."}
    first = form | asked.carry() | {"code": asked.phone.code()}
    other = Asked.__new__(Asked)
    other.__dict__ |= asked.__dict__
    other.seat(1)
    second = form | other.carry() | {"code": other.phone.code()}
    pages = just_before("UpdateItem", lambda: other.open("POST", form=second))
    pages.append(asked.open("POST", form=first))
    assert {page["statusCode"] for page in pages} == {200}
    assert asked.kept.status in {approvals.PENDING, approvals.APPROVED}
    people = {one["name"] for one in (asked.kept.deciders or asked.kept.agreement["deciders"])}
    assert people in ({"Bo Berg"}, {"Ann Lee", "Bo Berg"})
    assert len(stack.ledger("decided")) == (asked.kept.status == approvals.APPROVED)


def alter(asked: Asked, **changes: Any) -> None:
    """Write into the row of a question, as somebody with rights on the table could."""
    table = asked.stack.tables.Table("clinrisk-approvals")
    key = {"pk": f"APPROVAL#{asked.approval_id}", "sk": "STATE"}
    table.put_item(Item=table.get_item(Key=key)["Item"] | changes)


def test_a_first_yes_that_is_written_as_the_decision_releases_nothing(asked: Asked) -> None:
    asked.answer()
    agreement = dict(asked.kept.agreement)
    alter(asked, status="APPROVED", **agreement)
    assert kms.verify(ledger.decision_of(asked.kept).signed_content, asked.kept.signature)
    with pytest.raises(DecisionForged, match="fewer people than the policy asks for"):
        asked.promote()
    assert deployments.current("heart") is None


@pytest.mark.parametrize("part", ["deciders", "evidence", "reason", "quorum", "signature"])
def test_a_first_yes_that_was_altered_or_invented_does_not_count(asked: Asked, part: str) -> None:
    asked.answer()
    invented = json.loads(json.dumps(asked.kept.agreement, default=int))
    invented["deciders"][0]["name"] += "" if part != "deciders" else " (head)"
    changes: dict[str, Any] = {"evidence": {}, "reason": "Another.", "quorum": 1, "signature": "AAAA"}
    alter(asked, agreement=invented | ({part: changes[part]} if part in changes else {}))
    answer = asked.seat(1).answer()
    assert (answer["statusCode"], asked.kept.status) == (409, approvals.PENDING)
    assert "Nothing was changed" in answer["body"]


def test_a_policy_of_two_is_not_met_by_two_entries_of_one_person(asked: Asked) -> None:
    asked.answer()
    asked.seat(1).answer()
    entry = ledger.decision_of(asked.kept)
    assert entry.agreed
    twice = asked.kept.deciders[0] | {"role": "technical"}
    changed = replace(asked.kept, deciders=(asked.kept.deciders[0], twice))
    assert not ledger.decision_of(changed).agreed


def test_the_ledger_keeps_a_first_yes_that_broke_off_before(
    stack: Stack, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "write_agreement", lambda _: 1 / 0)
        assert asked.answer()["statusCode"] == 500
    assert (stack.ledger("agreed"), bool(asked.kept.agreement)) == ([], True)
    asked.answer()
    asked.seat(1).answer()
    assert len(stack.ledger("agreed")) == 1
    assert asked.kept.status == approvals.APPROVED


def test_a_gate_that_nobody_can_satisfy_is_a_metric(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    Asked(stack, "Ann Lee", "Cy Diaz", roles=("clinical", "clinical"))
    assert '"ApproversMissing":[1.0]' in capsys.readouterr().out
