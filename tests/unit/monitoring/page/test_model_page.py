"""What the page of a live model computes of counts, and what it shows and teaches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from clinrisk.core.evaluation.estimates import Estimate
from clinrisk.core.monitoring.findings import Check
from clinrisk.core.monitoring.page import model_page, svg_charts
from clinrisk.core.monitoring.page.drift_history import Departure, history_of
from clinrisk.core.monitoring.page.outcome_figures import calibration_points, figures_of
from clinrisk.core.monitoring.sequential import Sequential
from clinrisk.messages.live_changes import Pause
from tests.unit.monitoring.page.page_facts import (
    GROUP,
    HEART,
    change,
    finding,
    labelled,
    page_facts,
    rolled_back,
)
from tests.unit.page_text import text_of

if TYPE_CHECKING:
    from clinrisk.messages.monitoring import Finding, KnownFinding


def test_levels_of_risk_hold_all_patients_and_all_cases_and_are_right_where_the_risks_are() -> None:
    known = labelled(4000).everyone
    assert known.outcomes is not None
    points = calibration_points(known)
    assert len(points) == 10
    assert sum(rows for _, _, rows in points) == known.n
    assert round(sum(one.value * rows for _, one, rows in points)) == known.outcomes.positives
    assert sum(one.low <= risk <= one.high for risk, one, _ in points) >= 8
    assert [risk for risk, _, _ in points] == sorted(risk for risk, _, _ in points)


def test_levels_are_as_many_as_there_are_patients_and_none_where_no_outcome_is_known() -> None:
    assert [rows for _, _, rows in calibration_points(labelled(3).everyone)] == [1, 1, 1]
    assert calibration_points(replace(labelled(30).everyone, outcomes=None)) == []


def test_figures_of_a_month_are_those_of_the_check() -> None:
    profile = labelled(400)
    found = figures_of("2026-03", profile, (500, 250), Sequential())
    assert (found.rows, found.share_known) == (400, 0.8)
    assert found.area is not None
    assert found.area.low < 5 / 6 < found.area.high
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(found.cases / found.expected)


def test_outcomes_of_some_kinds_of_patients_only_give_counts_and_no_figure() -> None:
    found = figures_of("2026-03", labelled(400), (4000, 210), Sequential())
    assert found.selective
    assert (found.area, found.ratio, found.recall, found.precision) == (None, None, None, None)


def test_a_month_without_outcomes_has_no_row() -> None:
    assert figures_of("2026-03", None, (200, 100), Sequential()).rows == 0


def test_of_several_changes_of_a_subject_the_surest_is_drawn_and_pairs_are_left_out() -> None:
    batches = [
        [change("age (age)", -2.0, -0.5), change("age (age)", 1.0, 0.75), change("age and sex", 3.0, 2.0)],
        [],
        [change("age (age)", -0.25, -1.0), change("risks", 0.5, 0.25)],
    ]
    age, risks = history_of(HEART, batches)
    assert age.title == "age"
    assert age.batches == (Departure(2.0, 1.5), None, Departure(0.5, 0.0))
    assert age.worst == 1.5
    assert risks.batches == (None, None, Departure(1.0, 0.5))


def test_what_is_surely_out_is_marked_and_everything_stays_inside_its_picture() -> None:
    quiet = svg_charts.small_history([(0.5, 0.0), None], "calm")
    loud = svg_charts.small_history([(40.0, 9.0)], "drifted")
    assert " out" not in quiet
    assert loud.count(" out") == 2
    assert 'cy="6.0"' in loud
    assert " out" in svg_charts.gap_bar(1.2, 2.0, 9.0, "beyond")
    assert " out" not in svg_charts.gap_bar(-0.4, 0.9, 2.0, "perhaps")


def test_a_text_in_a_picture_is_escaped() -> None:
    points = [("<b>", Estimate(0.8, 0.7, 0.9))]
    drawn = svg_charts.over_time(points, band=(0.7, 0.9), line=0.8, description='"')
    assert "<b>" not in drawn
    assert "&lt;b&gt;" in drawn


def shown(**changes: object) -> str:
    return text_of(model_page.page(HEART, page_facts(**changes)))


def test_the_same_facts_give_the_same_bytes() -> None:
    facts = page_facts()
    assert model_page.page(HEART, facts) == model_page.page(HEART, facts)


def test_the_page_of_a_year_states_who_what_and_how_well() -> None:
    text = shown()
    assert "Approved by Ann Müller (clinical) on 31 January 2026: Well calibrated." in text
    assert "1 finding is open" in text
    assert "heart-drift open · operator · until 16 March 2026 · overdue" in text
    assert "heart-bias" not in text
    assert "ward-7.csv | 200 | not checked | alert | not checked | OK" in text
    assert len([line for line in text.splitlines() if line.startswith("2026-")]) == 10
    assert "age 1 of 1 out" in text
    assert "The trend begins" not in text


def test_calibration_is_drawn_next_to_the_approved_one_and_by_group_as_a_factor() -> None:
    html = model_page.page(HEART, page_facts())
    assert html.count('class="before"') == 1
    lines = [line for line in text_of(html).splitlines() if "cases per expected case" in line]
    assert len(lines) == 2
    assert all("1.00 times (0.80 to 1.25)" in line for line in lines)


def test_a_gap_that_is_surely_beyond_its_margin_comes_first_and_is_marked() -> None:
    facts = page_facts()
    groups = facts.evaluation["groups"]
    fewer = {"female": GROUP | {"flagged": 120, "tp": 100, "fp": 20}}
    worse = {**groups, "sex": {**groups["sex"], **fewer}}
    html = model_page.page(HEART, replace(facts, evaluation={**facts.evaluation, "groups": worse}))
    first = next(line for line in text_of(html).splitlines() if "share flagged" in line)
    assert first.startswith("women (sex)")
    assert "margins, outside the limits" in html


def test_a_model_that_is_live_again_names_who_did_it_and_why() -> None:
    text = shown(live=rolled_back())
    assert "Live again in place of version 2: version 1, by arn:aws:iam::1:user/ada." in text


def test_outcomes_of_some_kinds_of_patients_only_are_shown_as_counts() -> None:
    selective = figures_of("all since the release", labelled(400), (4000, 210), Sequential())
    text = shown(months=[selective], since_release=selective, predicted=(4000, 210), labelled=labelled(400))
    assert "not evaluated: outcomes of some kinds of patients only" in text
    assert "Cases found, false alarms and calibration by group wait" in text


@pytest.mark.parametrize(
    ("acted_on", "words"), [(0, ""), (19, "of fewer than 20 of the"), (1200, "of 1,200 of the")]
)
def test_outcomes_that_a_flag_may_have_changed_are_counted(acted_on: int, words: str) -> None:
    text = shown(acted_on=acted_on)
    sentence = f"Clinicians accepted the flag {words}"
    assert ("Clinicians accepted the flag" in text, sentence in text) == (bool(words), bool(words))


def test_before_the_first_batch_every_part_says_what_to_do() -> None:
    none = figures_of("all since the release", None, (0, 0), Sequential())
    text = shown(
        scored=None, labelled=None, predicted=(0, 0), months=[], since_release=none,
        known=[], findings=every_check(), batches=[], changes=[],
    )  # fmt: skip
    assert "No finding is open" in text
    assert "Did not run" not in text
    assert "clinrisk drop FILE --as heart/outcomes --wait" in text
    assert text.count("clinrisk drop FILE --as heart/inference --wait") == 2
    assert "20 scored patients of a group are needed" in text
    assert "no batch yet" in text


NO_OUTCOMES: dict[str, Any] = {
    "labelled": None,
    "months": [],
    "since_release": figures_of("all since the release", None, (0, 0), Sequential()),
}


def test_outcomes_that_are_in_no_figure_are_counted_and_never_called_absent() -> None:
    left = {"waiting": 12, "conflicting": 3, "learned": 200}
    counted = (
        "Outcomes that are not in these figures: 12 waiting, 3 conflicting, 200 of patients whom the model "
        "learned from."
    )
    alone = shown(**NO_OUTCOMES, outcomes=left)
    assert f"No outcome counts yet, so nobody knows how well this version does here. {counted}" in alone
    assert "Those that wait count by themselves" in alone
    assert "No outcomes yet" not in alone
    assert counted in shown(outcomes=left)
    assert "Those that wait" not in shown(**NO_OUTCOMES, outcomes={"learned": 200})


def test_patients_whom_the_model_learned_from_are_counted_where_they_are_left_out() -> None:
    text = shown(scored=replace(labelled(200), left_out=40))
    assert "40 patients whom the model learned from are not in the figures of risks." in text


def every_check() -> list[Finding]:
    return [finding(check.value, "NOT_EVALUATED") for check in Check]


@pytest.mark.parametrize("known", [[], page_facts().known])
def test_a_check_that_did_not_run_reassures_nobody(known: list[KnownFinding]) -> None:
    text = shown(known=known, findings=[one for one in every_check() if one.check != "bias"])
    assert "Did not run this time, so nobody knows: bias." in text
    assert "No finding is open" not in text
    assert ("Not all checks ran" in text) is (known == [])


def test_a_pause_that_lasts_is_stated_on_top() -> None:
    pause = Pause(
        use_case="heart", person="ada", reason="New units.", since="2026-11-30T08:15:00.000Z", execution="e"
    )
    assert "Results are paused since 30 November 2026, 08:15 UTC, by ada: New units." in shown(pause=pause)
    assert "Results are paused" not in shown()


def test_a_month_with_too_few_cases_for_an_area_is_named() -> None:
    few = figures_of("2026-12", labelled(12), (12, 6), Sequential())
    sentence = "An AUC needs 10 patients with the condition and as many without it: 2026-12"
    assert sentence in shown(months=[few])
