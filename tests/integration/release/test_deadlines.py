"""What a clock decides about a release: one second before a deadline, at it, and one second after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest

from clinrisk.aws.settings import settings
from clinrisk.aws.tables import approvals
from clinrisk.core.timestamps import stamp
from clinrisk.messages.release import ApprovalRequest
from clinrisk.services.release import decide_approval, request_approval
from tests.integration.approval_request import RequestedApproval
from tests.integration.trained_candidate import TrainedCandidate, WaitingExecution

if TYPE_CHECKING:
    from clinrisk.core.release.page.approval_page import Page
    from tests.integration.conftest import Stack

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
MOMENTS = pytest.mark.parametrize(("seconds", "open_"), [(-1, True), (0, False), (1, False)])


def served(asked: RequestedApproval, method: str, seconds: int, form: dict[str, str] | None = None) -> Page:
    """Answer a request that comes so many seconds after the link has expired."""
    expires_at = approvals.find(asked.approval_id).expires_at
    query, now = dict(parse_qsl(asked.link.query)), datetime.fromtimestamp(expires_at + seconds, UTC)
    return decide_approval.serve(method, asked.approval_id, query, form or {}, now)


@MOMENTS
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_link_opens_the_page_until_it_expires(
    stack: Stack,
    method: str,
    seconds: int,
    open_: bool,  # noqa: FBT001 - expected or given
) -> None:
    page = served(RequestedApproval(stack), method, seconds)
    assert page.status == (200 if open_ else 403)
    assert ("<form" in page.html) is open_
    assert ("expired" in page.html) is not open_


@pytest.mark.parametrize(("decision", "words"), [("approve", "Approved"), ("reject", "Rejected")])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_click_after_that_reads_what_was_decided(
    stack: Stack, decision: str, words: str, method: str
) -> None:
    asked = RequestedApproval(stack, WaitingExecution(stack).token)
    asked.answer(decision)
    page = served(asked, method, 1)
    assert page.status == 410
    assert words in page.html
    assert "<form" not in page.html


@MOMENTS
def test_an_answer_decides_until_the_link_expires(
    stack: Stack,
    seconds: int,
    open_: bool,  # noqa: FBT001 - expected or given
) -> None:
    waiting = WaitingExecution(stack)
    asked = RequestedApproval(stack, waiting.token)
    form = asked.carry() | {"decision": "approve", "version": "1", "reason": "Well calibrated in women too."}
    expires_at = approvals.find(asked.approval_id).expires_at
    form["code"] = asked.phone.code(datetime.fromtimestamp(expires_at + seconds, UTC))
    page = served(asked, "POST", seconds, form)
    found = approvals.find(asked.approval_id)
    if open_:
        assert (page.status, found.status, found.delivered) == (200, approvals.APPROVED, True)
        assert found.decided_at == stamp(datetime.fromtimestamp(found.expires_at + seconds, UTC))
    else:
        assert (page.status, found.status, found.decided_at) == (403, approvals.PENDING, "")
        assert (waiting.status(), stack.ledger("decided")) == ("RUNNING", [])


@MOMENTS
def test_the_table_records_a_decision_until_the_question_expires(
    stack: Stack,
    seconds: int,
    open_: bool,  # noqa: FBT001 - expected or given
) -> None:
    """Whatever was checked before: the write itself has the deadline as its condition."""
    approval = approvals.find(RequestedApproval(stack).approval_id)
    answer = replace(
        approval,
        decision=approvals.REJECTED,
        reason="Older women are missed too often.",
        decided_at=stamp(NOW),
        signature="c2lnbmVk",
    )
    assert approvals.decide(answer, approval.expires_at + seconds) is open_
    found = approvals.find(approval.approval_id)
    assert found.status == (approvals.REJECTED if open_ else approvals.PENDING)


@pytest.mark.parametrize(("hours", "seconds"), [("168", 604_800), ("0.5", 1_800)])
def test_a_question_expires_so_many_hours_after_it_was_asked(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, hours: str, seconds: int
) -> None:
    monkeypatch.setenv("APPROVAL_TIMEOUT_HOURS", hours)
    settings.cache_clear()
    candidate = TrainedCandidate(stack)
    judgement = stack.call("judge_candidate", candidate.judge_event())
    event = candidate.approval_event(judgement, candidate.register(judgement), "token")
    asked = request_approval.request_approval(ApprovalRequest.model_validate(event), NOW)
    found = approvals.find(asked.approval_id)
    assert (found.created_at, found.expires_at) == (stamp(NOW), int(NOW.timestamp()) + seconds)
