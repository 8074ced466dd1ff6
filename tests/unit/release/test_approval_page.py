"""The approval page shows evidence, escapes everything, and loads nothing."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from clinrisk import use_cases
from clinrisk.core.mails import LONGEST_SUBJECT, mail
from clinrisk.core.release.obstacles import outdated
from clinrisk.core.release.page import approval_page
from clinrisk.core.release.page.approval_page import (
    LONGEST_REASON,
    SHORTEST_REASON,
    answer_of,
    objections,
)
from clinrisk.core.release.page.evidence_view import evidence_of, summary_of
from clinrisk.core.release.page.shadow_view import shadow_view_of
from tests.unit.jobs.evaluation.documents import LIVE, evaluated, scored
from tests.unit.page_text import text_of
from tests.unit.release.comparisons import made

if TYPE_CHECKING:
    from tests.unit.conftest import Snapshot

SHOWN = "5" * 64
GOOD = {"decision": "approve", "version": "3", "reason": "Well calibrated in women too.", "shown": SHOWN}
FIGURES = {"auc": [0.9, 0.87, 0.93], "brier": [0.12, 0.1, 0.14], "calibration_slope": "NOT_EVALUATED"}
EVALUATION = {
    "threshold": 0.38,
    "counts": {"training": {"rows": 243, "positives": 112}, "holdout": {"rows": 60, "positives": 27}},
    "models": {"xgboost": FIGURES, "logistic": FIGURES, "champion": {"auc": [0.88, 0.8, 0.94]}},
    "holdout": {"xgboost": FIGURES},
    "comparison": {},
    "holdout_comparison": {},
    "groups": {"sex": {"female": {"n": 76, "recall": [0.86, 0.75, 0.93]}}},
    "gaps": {"sex": {"recall": [0.08, 0.0, 0.2]}},
}
DECIDER = {
    "approver_id": "0f1e2d3c4b5a",
    "name": "Ann Lee",
    "role": "clinical",
    "decided_at": "2026-03-01T09:30:00.000Z",
    "reason": "<b>no</b>",
    "shown": "5" * 64,
}
FACTS = {
    "package_version": 3,
    "run_id": "heart-1",
    "expires_at": 1_795_900_000,
    "unmet": (),
    "summary": "<script>alert(1)</script>",
    "threshold": 0.38,
    "digests": {"model": "0" * 64},
    "report_uri": "s3://results/report.html",
    "package_arn": "arn",
    "status": "REJECTED",
    "deciders": (DECIDER,),
    "reason": "<b>no</b>",
    "decided_at": "2026-03-01T09:30:00.000Z",
    "live_version": 0,
    "refusal": "",
}
OUTDATED = outdated(1, 2, "heart-0123456789")


def asked(**more: object) -> str:
    heart = use_cases.get("heart")
    evidence, shadow = evidence_of(EVALUATION, heart), shadow_view_of([], heart)
    given = {"shown": SHOWN, "nonce": "0" * 64, "reader": "Ann Lee (clinical)", "quorum": 1} | more
    given = {"papers": {"The full report": "?paper=report"}} | given
    return approval_page.question(heart, FACTS, evidence, shadow, **given).html  # type: ignore[arg-type]


def test_a_complete_answer_is_taken() -> None:
    assert objections(GOOD, 3, shown=SHOWN) == []


@pytest.mark.parametrize(
    "change",
    [
        {"version": "v3"},
        {"version": "03"},
        {"reason": " " * 20},
        {"reason": "x" * (LONGEST_REASON + 1)},
        {"decision": ""},
        {"decision": "APPROVED"},
        {"shown": "6" * 64},
        {"shown": ""},
    ],
)
def test_an_answer_that_lacks_something_is_not(change: dict[str, str]) -> None:
    assert len(objections(GOOD | change, 3, shown=SHOWN)) == 1


@pytest.mark.parametrize(
    ("ticked", "decision", "lacking"),
    [
        ({}, "approve", 1),
        ({"accept_sex_female": "yes"}, "approve", 1),
        ({"accept_sex_female": "yes", "accept_age_band_under_45": "no"}, "approve", 1),
        ({"accept_sex_female": "yes", "accept_age_band_under_45": "yes"}, "approve", 0),
        ({}, "reject", 0),
    ],
)
def test_an_approval_accepts_every_unproven_group(
    ticked: dict[str, str], decision: str, lacking: int
) -> None:
    form = GOOD | ticked | {"decision": decision}
    found = objections(form, 3, shown=SHOWN, unproven=("sex_female", "age_band_under_45"))
    assert len(found) == lacking


def test_an_empty_form_is_told_everything_it_lacks() -> None:
    assert objections({}, 3, shown=SHOWN) == [
        "There is new evidence since you opened this page. Please read it, then decide.",
        "Choose whether to approve or to reject.",
        "Type the version number shown on this page: 3.",
        "Give a reason of at least 10 characters.",
    ]
    talkative = GOOD | {"reason": "x" * 1001}
    assert objections(talkative, 3, shown=SHOWN) == ["Give a reason of at most 1000 characters."]


@pytest.mark.parametrize(
    ("length", "wrong"),
    [(SHORTEST_REASON - 1, 1), (SHORTEST_REASON, 0), (LONGEST_REASON, 0), (LONGEST_REASON + 1, 1)],
)
def test_a_reason_has_10_to_1000_characters(length: int, wrong: int) -> None:
    assert (SHORTEST_REASON, LONGEST_REASON) == (10, 1000)
    assert len(objections(GOOD | {"reason": f" {'x' * length} "}, 3, shown=SHOWN)) == wrong


@pytest.mark.parametrize(("decision", "kept"), [("approve", "APPROVED"), ("reject", "REJECTED")])
def test_an_answer_is_the_decision_and_the_reason_without_its_blanks(decision: str, kept: str) -> None:
    answer = answer_of(GOOD | {"decision": decision, "reason": "  Well calibrated. "})
    assert (answer.decision, answer.reason) == (kept, "Well calibrated.")


def test_what_cannot_be_released_any_more_may_still_be_rejected() -> None:
    [objection] = objections(GOOD, 3, shown=SHOWN, obstacle=OUTDATED)
    assert objection == f"This version cannot be released. {OUTDATED}"
    assert objections(GOOD | {"decision": "reject"}, 3, shown=SHOWN, obstacle=OUTDATED) == []


def test_evidence_that_compares_with_another_model_is_said_to_be_out_of_date_and_approves_nothing() -> None:
    html = asked(obstacle=OUTDATED)
    assert OUTDATED in html
    assert 'value="approve" required disabled' in html
    assert 'value="reject" required>' in html
    assert 'id="obstacle"' not in asked()
    assert 'value="approve" required>' in asked()


def test_the_form_carries_the_digest_of_what_the_page_shows() -> None:
    assert f'<input type="hidden" name="shown" value="{SHOWN}">' in asked()


def test_the_button_that_passes_a_decision_on_carries_what_the_form_carried() -> None:
    page = approval_page.outcome(use_cases.get("heart"), FACTS, shown=SHOWN, nonce="0" * 64)
    assert f'<input type="hidden" name="shown" value="{SHOWN}">' in page.html
    assert f'<input type="hidden" name="nonce" value="{"0" * 64}">' in page.html
    assert page.status == 200
    assert "<form" not in approval_page.outcome(use_cases.get("heart"), FACTS, status=410).html


def test_every_page_is_sent_with_the_headers_that_keep_it_apart() -> None:
    sent = approval_page.headers()
    rules = [rule.split(" ")[0] for rule in sent.pop("content-security-policy").split("; ")]
    assert rules == ["default-src", "style-src", "form-action", "frame-ancestors", "base-uri"]
    assert sent == {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "strict-transport-security": "max-age=63072000",
        "x-robots-tag": "noindex, nofollow",
    }


def test_a_moment_is_written_in_utc_wherever_the_page_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        written = approval_page.day(1_795_900_000), approval_page.day("2026-03-01T23:30:00+09:00")
    time.tzset()
    assert written == ("28 November 2026, 21:06 UTC", "1 March 2026, 14:30 UTC")


@pytest.mark.parametrize(
    ("became", "says"),
    [
        ({}, "Open the link again"),
        ({"live_version": 2}, "live version 2"),
        ({"refusal": OUTDATED}, OUTDATED),
    ],
)
def test_a_decided_page_says_what_became_of_an_approval(became: dict[str, object], says: str) -> None:
    html = approval_page.outcome(use_cases.get("heart"), FACTS | {"status": "APPROVED"} | became).html
    assert says in html
    assert ("but not released" in html) == ("refusal" in became)


def test_the_page_shows_each_figure_with_its_interval() -> None:
    html = asked()
    assert "0.900 (0.870 to 0.930)" in html
    assert "86% (75% to 93%)" in html
    assert "Live model" in html
    assert "not evaluated" in html


def test_what_people_wrote_is_escaped() -> None:
    html = asked(typed={"reason": "</textarea><script>", "version": '"'}, objections=("<i>",))
    outcome = approval_page.outcome(use_cases.get("heart"), FACTS).html
    assert "<script>" not in html + outcome
    assert "<b>no</b>" not in outcome


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    html = asked()
    assert not re.search(r"<script|<link|<img|src=|href=(?!.\?)|url\(|@import|\son[a-z]+=", html)


def test_the_pages_style_is_the_one_that_the_policy_allows() -> None:
    policy = approval_page.headers()["content-security-policy"]
    style = re.search(r"<style>(.*?)</style>", asked(), re.DOTALL)
    assert style is not None
    assert approval_page.allowed(style.group(1)) in policy


def test_every_field_of_the_form_has_a_label() -> None:
    html = asked()
    for field in re.findall(r'<(?:input type="text"|textarea) id="(\w+)"', html):
        assert f'for="{field}"' in html


def test_an_error_is_a_page_without_a_form() -> None:
    notice = approval_page.notice(403, "There is nothing to decide here", "This link has expired.")
    assert notice.status == 403
    assert "<form" not in notice.html


def test_the_summary_says_whom_how_well_and_whom_it_flags() -> None:
    summary = summary_of(EVALUATION, use_cases.get("heart"))
    assert summary == (
        f"{use_cases.get('heart').title}: trained on 243 patients, 112 of them with the condition. "
        "Cross-validated AUC with its 95% interval: 0.900 (0.870 to 0.930); logistic regression "
        "0.900 (0.870 to 0.930), age alone not evaluated. Patients are flagged from a risk of 38%, chosen "
        "to find 85% of the cases."
    )


def test_a_subject_is_what_sns_takes() -> None:
    subject = mail("Ä" * 300 + "\nBcc: x", "text").subject
    assert len(subject) <= LONGEST_SUBJECT < 100
    assert subject.isascii()
    assert "\n" not in subject


def test_a_real_evaluation_document_is_shown_complete() -> None:
    heart = use_cases.get("heart")
    document = evaluated(scored(5, champion=True), scored(6, 100, champion=True), champion=LIVE)
    evidence = evidence_of(document, heart)
    assert [bar.title for bar in evidence.areas] == [
        "This candidate",
        "Logistic regression",
        "Age alone",
        "Live model",
    ]
    assert (evidence.rows, evidence.positives, evidence.holdout_rows) == (300, 145, 100)
    known = [[name for name in each.group_names if name != "unknown"] for each in heart.protected]
    assert [len(attribute.groups) for attribute in evidence.groups] == [len(names) for names in known]
    for bar in evidence.areas:
        assert 0 <= bar.low <= bar.value <= bar.high <= 100


def test_what_an_evaluation_lacks_is_shown_as_not_evaluated() -> None:
    heart = use_cases.get("heart")
    without = {key: value for key, value in EVALUATION.items() if key not in {"groups", "gaps"}}
    bare = without | {
        "counts": {"training": {"rows": 243, "positives": 112}},
        "models": {"xgboost": {}, "floor": {"auc": "NOT_EVALUATED"}},
        "holdout": {"xgboost": {}},
    }
    evidence = evidence_of(bare, heart)
    assert (evidence.rows, evidence.positives, evidence.holdout_rows, evidence.areas) == (243, 112, 0, ())
    assert {line.cells for line in evidence.figures} == {("not evaluated", "not evaluated")}
    assert [(table.title, table.groups) for table in evidence.groups] == [
        (attribute.title, ()) for attribute in heart.protected
    ]
    assert {table.gap.cells for table in evidence.groups} == {("", *["not evaluated"] * 3)}


def test_an_area_is_drawn_from_chance_to_perfect() -> None:
    def drawn(auc: list[float]) -> tuple[float, float, float]:
        document = EVALUATION | {"models": {"xgboost": FIGURES | {"auc": auc}, "logistic": FIGURES}}
        bar = evidence_of(document, use_cases.get("heart")).areas[0]
        return bar.low, bar.value, bar.high

    assert drawn([0.75, 0.5, 1.0]) == (0.0, 50.0, 100.0)
    assert drawn([0.45, 0.4, 0.55]) == (0.0, 0.0, 10.0)


def test_the_question(snapshot: Snapshot) -> None:
    heart = use_cases.get("heart")
    document = evaluated(scored(5, champion=True), scored(6, 100, champion=True), champion=LIVE)
    shadow = shadow_view_of([made("replay", 240), made("a" * 20, 60, seed=1)], heart)
    facts = FACTS | {"summary": summary_of(document, heart), "threshold": document["threshold"]}
    page = approval_page.question(
        heart,
        facts,
        evidence_of(document, heart),
        shadow,
        shown=SHOWN,
        nonce="0" * 64,
        reader="Bo Berg (technical)",
        quorum=2,
        agreed=[DECIDER],
        obstacle=OUTDATED,
        papers={"The full report": "?paper=report"},
    )
    snapshot("question", text_of(page.html))


def test_the_outcome(snapshot: Snapshot) -> None:
    heart = use_cases.get("heart")
    facts = FACTS | {"deciders": (DECIDER | {"reason": "The age band is enough."},)}
    outcomes: dict[str, dict[str, object]] = {
        "REJECTED": {},
        "EXPIRED": {"decided_at": ""},
        "LAPSED": {},
        "APPROVED": {},
        "APPROVED, live": {"live_version": 2},
        "APPROVED, refused": {"refusal": OUTDATED},
        "OVERTAKEN": {"refusal": OUTDATED, "decided_at": ""},
        "STOPPED": {"refusal": "The release that asked has ended.", "decided_at": ""},
    }
    pages = [
        approval_page.outcome(heart, facts | {"status": name.partition(",")[0]} | more).html
        for name, more in outcomes.items()
    ]
    undelivered = facts | {"status": "APPROVED"}
    pages.append(approval_page.outcome(heart, undelivered, shown=SHOWN, nonce="0" * 64).html)
    snapshot("outcome", text_of("<p>---</p>".join(pages)))
