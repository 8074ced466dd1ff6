"""From a judged candidate to a live model: the question, the page, the decision, the promotion."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from clinrisk.aws.http_api import LONGEST_BODY
from clinrisk.aws.tables import approvals
from clinrisk.core import object_keys
from clinrisk.errors import DecisionMissing, EvidenceChanged
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import TrainedCandidate, WaitingExecution

if TYPE_CHECKING:
    from tests.integration.conftest import Stack


def test_a_candidate_above_the_bar_is_approvable(stack: Stack) -> None:
    judgement = stack.call("judge_candidate", TrainedCandidate(stack).judge_event())
    assert judgement["verdict"] == "APPROVABLE"
    assert judgement["unmet"] == []
    assert float(judgement["digests"]["threshold"]) == judgement["threshold"] == 0.3812
    assert len(judgement["subject"]) <= 100


def test_a_candidate_below_the_bar_is_blocked_with_reasons(stack: Stack) -> None:
    judgement = stack.call("judge_candidate", TrainedCandidate(stack, auc=0.7).judge_event())
    assert judgement["verdict"] == "BLOCKED"
    assert any("AUC" in reason for reason in judgement["unmet"])
    assert "AUC" in judgement["message"]


def test_job_code_that_differs_from_its_digest_is_not_judged(stack: Stack) -> None:
    candidate = TrainedCandidate(stack)
    stack.put("lake", f"code/{candidate.code_digest}/clinrisk.pyz", b"other code")
    with pytest.raises(EvidenceChanged):
        stack.call("judge_candidate", candidate.judge_event())


def test_the_mail_names_what_to_decide_and_where_and_keeps_the_token(stack: Stack) -> None:
    asked = RequestedApproval(stack, token="a-secret-task-token")  # noqa: S106 - the point of the test
    assert "version 1" in asked.mail["Subject"]
    assert asked.candidate.run_id in asked.mail["Message"]
    assert asked.link.geturl() in asked.mail["Message"]
    assert "a-secret-task-token" not in json.dumps(asked.mail)
    assert "a-secret-task-token" not in asked.open()["body"]


def test_looking_changes_nothing(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    pages = [asked.open(method) for method in ("GET", "HEAD", "GET")]
    assert [page["statusCode"] for page in pages] == [200, 200, 200]
    assert pages[1]["body"] == ""
    assert pages[0]["body"] == pages[2]["body"]
    assert waiting.status() == "RUNNING"


def test_the_page_shows_the_evidence_and_loads_nothing(stack: Stack) -> None:
    response = RequestedApproval(stack).open()
    page, headers = response["body"], response["headers"]
    assert "0.900 (0.870 to 0.930)" in page
    assert "Logistic regression" in page
    assert not re.search(r"(?:src=|href=(?!.\?))", page)
    assert "<script" not in page
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")


def test_an_approval_reaches_the_waiting_workflow_once(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    first, again = asked.answer(), asked.answer("reject", reason="I have changed my mind.")
    assert first["statusCode"] == again["statusCode"] == 200
    assert "Approved" in first["body"]
    assert again["body"] == first["body"]
    end = waiting.end()
    assert end["status"] == "SUCCEEDED"
    output = json.loads(end["output"])
    assert (output["decision"], output["approval_id"]) == ("APPROVED", asked.approval_id)


def test_a_rejection_fails_the_waiting_workflow(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    response = RequestedApproval(stack, waiting.token).answer(
        "reject", reason="Older women are missed too often."
    )
    assert "Rejected" in response["body"]
    end = waiting.end()
    assert (end["status"], end["error"]) == ("FAILED", "ApprovalRejected")
    assert "Older women" not in json.dumps(end, default=str)


@pytest.mark.parametrize(
    ("changes", "objection"),
    [
        ({"version": "2"}, "Type the version number"),
        ({"version": ""}, "Type the version number"),
        ({"reason": "fine"}, "Give a reason"),
        ({"decision": "maybe"}, "Choose whether"),
    ],
)
def test_an_incomplete_answer_decides_nothing(stack: Stack, changes: dict[str, str], objection: str) -> None:
    waiting = WaitingExecution(stack)
    response = RequestedApproval(stack, waiting.token).answer(**{"decision": "approve", **changes})
    assert response["statusCode"] == 422
    assert objection in response["body"]
    assert waiting.status() == "RUNNING"


def test_a_group_in_which_harm_could_go_unseen_is_accepted_by_name(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    assert {name for name in asked.carry() if name.startswith("accept_")} == {"accept_sex_female"}

    refused = asked.answer(accept_sex_female="")
    assert refused["statusCode"] == 422
    assert "Tick each group" in refused["body"]
    assert waiting.status() == "RUNNING"

    assert asked.answer()["statusCode"] == 200
    [decided] = stack.ledger("decided")
    assert decided["body"]["accepted"] == ["sex: women"]


def test_who_rejects_accepts_no_group(stack: Stack) -> None:
    asked = RequestedApproval(stack, WaitingExecution(stack).token)
    assert asked.answer("reject", accept_sex_female="")["statusCode"] == 200
    assert approvals.find(asked.approval_id).accepted == ()


@pytest.mark.parametrize(
    ("length", "status"), [(LONGEST_BODY - 1, 200), (LONGEST_BODY, 200), (LONGEST_BODY + 1, 403)]
)
def test_a_longer_body_than_the_form_can_have_is_not_read(stack: Stack, length: int, status: int) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    form = asked.carry() | {"decision": "approve", "version": "1", "reason": "Well calibrated in women too."}
    form["code"] = asked.phone.code()
    written = urlencode(form) + "&padding="
    event = asked.event("POST") | {"body": written + "x" * (length - len(written))}
    assert stack.call("decide_approval", event)["statusCode"] == status
    assert approvals.find(asked.approval_id).status == ("APPROVED" if status == 200 else "PENDING")


@pytest.mark.parametrize("change", ["mac", "expires", "nothing", "nonce"])
def test_a_forged_link_or_form_opens_nothing(stack: Stack, change: str) -> None:
    asked = RequestedApproval(stack)
    query = dict(pair.split("=") for pair in asked.link.query.split("&"))
    forged = {
        "mac": urlencode(query | {"mac": "A" * 43}),
        "expires": urlencode(query | {"expires": "9999999999"}),
        "nothing": "",
        "nonce": asked.link.query,
    }
    form = {"decision": "approve", "version": "1", "reason": "Because I can forge.", "nonce": "0" * 64}
    response = asked.open("POST", query=forged[change], form=form)
    assert response["statusCode"] == 403
    assert "Nothing was changed" in response["body"]
    assert "Release" not in response["body"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("mac", ["%C3%BC" * 43, "%FF", "%ED%A0%80", "", "a%00b"])
def test_a_malformed_link_is_refused_plainly(stack: Stack, method: str, mac: str) -> None:
    asked = RequestedApproval(stack)
    expires = approvals.find(asked.approval_id).expires_at
    form = {"decision": "approve", "nonce": "\u00fc"} if method == "POST" else None
    answer = asked.open(method, query=f"expires={expires}&mac={mac}", form=form)
    assert answer["statusCode"] == 403


@pytest.mark.parametrize(
    ("paper", "title"), [("report", "The full report"), ("model_card", "The model card")]
)
def test_report_and_card_are_read_behind_the_same_link(stack: Stack, paper: str, title: str) -> None:
    asked = RequestedApproval(stack)
    address = re.search(rf'<a href="\?([^"]+)">{title}</a>', asked.open()["body"])
    assert address is not None
    query = address.group(1).replace("&amp;", "&")
    answer = asked.open(query=query)
    assert answer["statusCode"] == 200
    assert answer["body"].encode() == stack.read(asked.candidate.uris[paper])
    policy = answer["headers"]["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'none'" in policy
    assert "script" not in policy
    asked.candidate.change(paper, b"<html>Another.</html>")
    altered = asked.open(query=query)
    assert altered["statusCode"] == 409
    assert "Another." not in altered["body"]


@pytest.mark.parametrize("paper", ["", "manifest", "model", "../report"])
def test_nothing_else_is_read_behind_it(stack: Stack, paper: str) -> None:
    asked = RequestedApproval(stack)
    assert asked.open(query=f"{asked.link.query}&paper={paper}")["statusCode"] == 403


def test_an_unknown_approval_is_answered_like_a_forged_link(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    asked.approval_id = "x" * 24
    assert asked.open()["statusCode"] == 403


def test_an_answer_that_comes_too_slowly_gets_a_page_with_the_reason(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    stack.sfn.send_task_failure(taskToken=waiting.token, error="States.Timeout")
    waiting.end()
    response = asked.answer()
    assert response["statusCode"] == 410
    assert "too late" in response["body"]
    assert approvals.find(asked.approval_id).refusal == "The decision came too late."
    [decided], [refused] = stack.ledger("decided"), stack.ledger("not released")
    assert decided["body"]["decision"] == "APPROVED"
    assert refused["body"]["refusal"] == "The decision came too late."
    with pytest.raises(DecisionMissing):
        asked.promote()


def test_an_expired_question_cannot_be_answered(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    asked.carry()
    expired = stack.call("expire_approval", {"use_case": "heart", "run_id": asked.candidate.run_id})
    assert expired == {"reason": "Nobody decided in time."}
    assert stack.call("expire_approval", {"use_case": "heart", "run_id": asked.candidate.run_id}) == expired
    response = asked.answer()
    assert response["statusCode"] == 410
    assert [one["event"] for one in stack.ledger()] == ["asked", "page opened", "closed"]
    assert stack.ledger("closed")[0]["body"]["outcome"] == "EXPIRED"


@pytest.mark.parametrize("name", ["evaluation", "report", *object_keys.MODEL_CARD])
def test_altered_evidence_is_not_shown_and_nothing_is_decided_on_it(stack: Stack, name: str) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    asked.carry()
    asked.candidate.change(name, json.dumps({"nicer": True}).encode())
    for response in (asked.open(), asked.answer()):
        assert response["statusCode"] == 409
        assert "cannot be shown" in response["body"]
    assert waiting.status() == "RUNNING"
    assert stack.ledger("decided") == []


def test_asking_again_after_a_crash_renews_the_token_and_keeps_the_link(stack: Stack) -> None:
    asked, waiting = RequestedApproval(stack), WaitingExecution(stack)
    event = asked.candidate.approval_event(asked.judgement, asked.package, waiting.token)
    assert stack.call("request_approval", event)["approval_id"] == asked.approval_id
    assert asked.link.geturl() in stack.mails()[0]["Message"]
    [entry] = stack.ledger("asked")
    assert entry["body"]["digests"] == asked.judgement["digests"]
    asked.answer()
    assert waiting.end()["status"] == "SUCCEEDED"


def test_an_approved_candidate_becomes_live_with_history_and_ledger(stack: Stack) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    asked.answer()
    promoted = asked.promote()
    assert promoted["live_version"] == 1
    kept = stack.ledger()
    assert [entry["identity"] for entry in kept] == [
        f"heart/questions/{asked.approval_id}",
        f"heart/opened/{asked.approval_id}/{asked.phone.approver_id}",
        f"heart/decisions/{asked.approval_id}",
        "heart/releases/00000001",
    ]
    assert kept[3]["body"]["reason"] == "Well calibrated in women too."
    assert "It was released as live version 1." in asked.open()["body"]
    assert asked.promote()["live_version"] == 1
    assert stack.ledger() == kept


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("model", "The model has changed"),
        ("manifest", "The manifest has changed"),
        ("evaluation", "The evaluation has changed"),
        ("report", "The report has changed"),
        ("model_card", "The model card has changed"),
        ("model_card_chai", "The model card chai has changed"),
        ("model_card_hti1", "The model card hti1 has changed"),
        ("code", "The code has changed"),
    ],
)
def test_one_changed_artefact_stops_the_promotion_and_the_reason_is_kept(
    stack: Stack, name: str, reason: str
) -> None:
    asked = RequestedApproval(stack, WaitingExecution(stack).token)
    asked.answer()
    asked.candidate.change(name, b"changed")
    with pytest.raises(EvidenceChanged, match=reason):
        asked.promote()
    assert stack.ledger("released") == []
    [refusal] = stack.ledger("not released")
    assert reason in refusal["body"]["refusal"]
    assert reason in asked.open()["body"]


def test_a_package_that_lacks_the_digest_of_its_card_is_not_released(stack: Stack) -> None:
    asked = RequestedApproval(stack, WaitingExecution(stack).token)
    asked.answer()
    recorded = asked.judgement["digests"]
    others = {name: value for name, value in recorded.items() if name != "model_card_chai"}
    stack.sagemaker.update_model_package(ModelPackageArn=asked.package[0], CustomerMetadataProperties=others)
    with pytest.raises(
        EvidenceChanged, match=r"^The registered package differs from what was approved: model_card_chai\.$"
    ):
        asked.promote()


def test_nothing_goes_live_without_a_recorded_decision(stack: Stack) -> None:
    asked = RequestedApproval(stack)
    with pytest.raises(
        DecisionMissing, match=r"^Our records hold no decision that approves this candidate\.$"
    ):
        asked.promote()
