"""What clinicians did, on the page: shares with intervals, and nothing of what is too small."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from clinrisk.core.monitoring.page import model_page
from clinrisk.core.monitoring.page.feedback_lines import share_of
from clinrisk.core.profiles.feedback_profile import FeedbackProfile, GroupFeedback, Responses
from tests.unit.monitoring.page.page_facts import FEEDBACK, FEW, HEART, page_facts
from tests.unit.page_text import text_of


def shown(feedback: FeedbackProfile | None, months: dict[str, FeedbackProfile] | None = None) -> str:
    html = model_page.page(HEART, page_facts(feedback=feedback, feedback_months=months or {}))
    return text_of(html[html.index('aria-labelledby="feedback"') : html.index('aria-labelledby="drift"')])


def test_shares_have_wilson_s_intervals_and_none_is_made_of_too_few() -> None:
    for hits, trials in ((20, 60), (0, 25), (20, 20)):
        found = share_of(hits, trials)
        assert found is not None
        oracle = binomtest(hits, trials).proportion_ci(method="wilson")
        assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))
    assert share_of(3, 19) is None


def test_flags_and_others_are_counted_apart() -> None:
    text = shown(FEEDBACK)
    line = next(line for line in text.splitlines() if line.startswith("all since the release"))
    cells = [cell.strip().partition(" (")[0] for cell in line.split("|")]
    # 70 of 100, 30 of 300, 10 of 100, 20 of 60, 3 of 30
    assert cells[1:] == ["400", "70%", "10.0%", "10%", "33%", "10%"]
    assert "risk: high" in text
    assert "risk: low" not in text


def test_of_a_group_that_is_too_small_nothing_is_shown() -> None:
    line = next(line for line in shown(FEEDBACK).splitlines() if line.startswith("sex: women"))
    assert [cell.strip() for cell in line.split("|")][1:] == ["fewer than 20"] * 6


def test_reasons_and_roles_are_shares_of_enough() -> None:
    text = shown(FEEDBACK)
    assert "Reasons of 23 overridden risks: examined or treated already 65%, no reason given 35%." in text
    assert "physician: of 100 responses 23% overridden, 10% not seen." in text
    assert "nurse" not in text
    few = FeedbackProfile({**FEEDBACK.groups, "all": {"all": FEW}}, {}, {"other": 1})
    text = shown(few)
    none = FeedbackProfile({**FEEDBACK.groups, "all": {"all": FEW}})
    assert "Reasons" not in shown(none)
    assert "Reasons were not evaluated: fewer than 20 risks were overridden." in text
    assert "The share of flags overridden was not evaluated: fewer than 20 flags were seen" in text


def test_months_are_lines_and_a_picture_where_there_are_several() -> None:
    months = {f"2026-0{number}": FEEDBACK for number in (2, 3)}
    facts = page_facts(feedback=FEEDBACK, feedback_months=months)
    html = model_page.page(HEART, facts)
    assert "Share of flags overridden: 2026-02: 33%; 2026-03: 33%" in html
    assert [line[:7] for line in shown(FEEDBACK, months).splitlines() if line.startswith("2026-")] == list(
        months
    )
    assert "Share of flags overridden: " not in model_page.page(HEART, page_facts(feedback=FEEDBACK))


def test_without_a_response_to_this_version_the_page_names_the_command() -> None:
    unanswered = FeedbackProfile({"all": {"all": GroupFeedback(Responses(50), Responses(150))}})
    for feedback in (None, unanswered):
        text = shown(feedback)
        assert "nobody knows whether its flags are seen or followed" in text
        assert "clinrisk drop FILE --as heart/feedback --wait" in text
