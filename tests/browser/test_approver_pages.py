"""The pages of approvers that the demo does not come to, on a phone: two people, a shadow, changes, ends."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from clinrisk import use_cases
from clinrisk.core.release.page import approval_page, change_page
from clinrisk.core.release.page.evidence_view import evidence_of
from clinrisk.core.release.page.shadow_view import shadow_view_of
from clinrisk.messages.live_changes import ChangeQuestion
from tests.browser.conftest import CHROMIUM, NO_CHROMIUM, WIDTHS, barriers, beyond_the_edge
from tests.unit.jobs.evaluation.documents import LIVE, evaluated, scored
from tests.unit.release.comparisons import made
from tests.unit.release.test_approval_page import DECIDER, FACTS, OUTDATED, SHOWN

pytestmark = pytest.mark.browser
if CHROMIUM is None:
    pytest.skip(NO_CHROMIUM, allow_module_level=True)

HEART = use_cases.get("heart")
ASKED = "2026-03-01T09:30:00.000Z"
READER: dict[str, Any] = {"shown": SHOWN, "nonce": "0" * 64, "reader": "Bo Berg (technical)"}
ROLLBACK = ChangeQuestion(
    change_id="heart.rollback.00000003",
    use_case="heart",
    change="ROLL_BACK",
    person="arn:aws:iam::123456789012:user/kim",
    reason="Too few women are found.",
    execution="run-1",
    asked_at=ASKED,
    due_at=1_795_900_000,
    expires_at=1_796_400_000,
    live_version=3,
    replaced=2,
    restores=1,
)


def question() -> approval_page.Page:
    document = evaluated(scored(5, champion=True), scored(6, 100, champion=True), champion=LIVE)
    shadow = shadow_view_of([made("replay", 240), made("a" * 20, 60, seed=1)], HEART)
    more: dict[str, Any] = {
        "quorum": 2,
        "agreed": [DECIDER],
        "obstacle": OUTDATED,
        "objections": ["Choose an answer."],
    }
    papers = {"The full report": "?paper=report"}
    view = evidence_of(document, HEART)
    return approval_page.question(HEART, FACTS, view, shadow, papers=papers, **READER, **more)


def rollback() -> approval_page.Page:
    view = change_page.view_of("Heart disease risk", ROLLBACK, None, paused_since="")
    hindrance = ["You asked for this: somebody else has to agree."]
    return change_page.question_page(ROLLBACK, view, **READER, hindrances=hindrance, objections=hindrance)


def refused() -> approval_page.Page:
    answered = ROLLBACK.model_validate(ROLLBACK.model_dump() | {"status": "REFUSED", "decider": DECIDER})
    view = change_page.view_of("Heart disease risk", answered, None, paused_since="")
    return change_page.outcome_page(answered, view, shown=SHOWN, nonce="0" * 64)


def undelivered() -> approval_page.Page:
    return approval_page.outcome(HEART, FACTS | {"status": "APPROVED"}, shown=SHOWN, nonce="0" * 64)


@pytest.mark.parametrize("make", [question, rollback, refused, undelivered])
def test_no_page_of_an_approver_keeps_anybody_out(
    make: Callable[[], approval_page.Page], page: Page, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    file.write_text(make().html, encoding="utf-8")
    page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    page.goto(file.as_uri())
    assert page.locator("h1").count() == 1
    assert beyond_the_edge(page) == []
    assert barriers(page) == []
