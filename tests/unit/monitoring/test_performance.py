import re
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from sklearn.metrics import roc_auc_score

from clinrisk import use_cases
from clinrisk.core.evaluation.estimates import wilson
from clinrisk.core.monitoring.findings import CheckFinding, CheckVerdict, ScoreMaterial
from clinrisk.core.monitoring.performance import auc, observed_to_expected, odds_factor, performance_finding
from clinrisk.core.monitoring.sequential import Sequential
from clinrisk.core.profiles.score_profile import EVERYONE, ScoreProfile, score_cells, score_profile_of
from clinrisk.jobs.evaluation.intervals import delong
from clinrisk.use_cases.base import UseCase

APPROVED: dict[str, Any] = {"models": {"xgboost": {"auc": [0.9, 0.86, 0.94]}}}
LOW: dict[str, Any] = {"models": {"xgboost": {"auc": [0.5, 0.3, 0.7]}}}
HISTOGRAM = st.lists(st.integers(0, 9), min_size=6, max_size=6).filter(lambda counts: sum(counts) >= 2)


def labelled(use_case: UseCase, risk: Any, label: Any) -> ScoreProfile:
    sex = np.repeat("male", len(risk))
    return score_profile_of(use_case, risk, risk >= 0.4, {"sex": sex, "age_band": sex}, label)


def finding(
    use_case: UseCase, scores: ScoreProfile | None, evaluation: dict[str, Any] = APPROVED
) -> CheckFinding:
    known = None if scores is None or scores.everyone.outcomes is None else scores
    return performance_finding(use_case, judged(evaluation, scores, known))


def judged(
    evaluation: dict[str, Any],
    scores: ScoreProfile | None,
    known: ScoreProfile | None,
    outcomes: Any = MappingProxyType({}),
) -> ScoreMaterial:
    """Spell the material: some predictions, and those of them whose outcomes are known."""
    predicted = (0, 0) if scores is None else (scores.everyone.n, scores.everyone.flagged)
    return ScoreMaterial(evaluation, scores, np.random.default_rng(0), outcomes, known, predicted)


def cohort(rng: Generator, rows: int, separation: float = 2.0) -> tuple[Any, Any]:
    """Draw labels, and calibrated risks whose ROC area grows with the separation."""
    label = (rng.random(rows) < 0.45).astype(int)
    evidence = rng.normal(label * separation, 1)
    odds = 0.45 / 0.55 * np.exp(separation * evidence - separation**2 / 2)
    return odds / (1 + odds), label


@given(HISTOGRAM, HISTOGRAM)
def test_the_area_of_two_histograms_is_that_of_scikit_learn_on_the_rows(
    cases: list[int], others: list[int]
) -> None:
    scores = np.repeat([*range(6), *range(6)], [*cases, *others])
    labels = np.repeat([1, 0], [sum(cases), sum(others)])
    assert auc(cases, others).value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@given(HISTOGRAM, HISTOGRAM)
def test_the_interval_of_two_histograms_is_delongs_on_the_rows(cases: list[int], others: list[int]) -> None:
    scores = np.repeat([*range(6), *range(6)], [*cases, *others]).astype(float)
    labels = np.repeat([1, 0], [sum(cases), sum(others)])
    expected, found = delong(labels, scores), auc(cases, others)
    assert found.low == pytest.approx(max(expected.low, 0), abs=1e-9)
    assert found.high == pytest.approx(min(expected.high, 1), abs=1e-9)


def test_what_alerts_at_a_first_look_may_be_chance_at_the_hundredth(heart: UseCase, rng: Generator) -> None:
    risk, label = cohort(rng, 120, separation=0.9)
    scores = labelled(heart, risk, label)
    material = judged(APPROVED, scores, scores)
    first = performance_finding(heart, material)
    later = [
        performance_finding(heart, replace(material, sequential=sequential))
        for sequential in (Sequential(100), Sequential(growing=True))
    ]
    assert first.verdict is CheckVerdict.ALERT
    assert {one.verdict for one in later} == {CheckVerdict.OK}
    assert {one.statistic for one in later} == {first.statistic}


def test_a_hundred_cells_cost_less_than_half_a_percent_of_area(rng: Generator) -> None:
    risk, label = cohort(rng, 2000)
    cells = score_cells(risk)
    cases, others = (np.bincount(cells[label == value], minlength=100).tolist() for value in (1, 0))
    assert auc(cases, others).value == pytest.approx(roc_auc_score(label, risk), abs=0.005)


def test_the_interval_of_observed_to_expected_covers_one_in_about_95_of_100(rng: Generator) -> None:
    risks = rng.beta(2, 5, 200)
    covered = 0
    for _ in range(400):
        ratio = observed_to_expected(int((rng.random(200) < risks).sum()), float(risks.sum()), 200)
        covered += ratio.low <= 1 <= ratio.high
    # The formula takes patients to be alike, which errs on the wide side.
    assert covered / 400 >= 0.93


def test_a_model_as_good_as_approved_is_in_order(heart: UseCase, rng: Generator) -> None:
    scores = labelled(heart, *cohort(rng, 300))
    found = finding(heart, scores)
    outcomes = scores.everyone.outcomes
    assert outcomes is not None
    others = np.subtract(scores.everyone.score_counts, outcomes.score_counts_positive).tolist()
    area = auc(outcomes.score_counts_positive, others)
    assert (found.verdict, found.statistic, found.threshold) == (
        CheckVerdict.OK,
        round(area.value, 4),
        0.86,
    )
    assert "300 predictions" in found.detail
    assert f"{area.value:.3f} ({area.low:.3f} to {area.high:.3f})" in found.detail


def test_a_model_that_ranks_worse_alerts(heart: UseCase, rng: Generator) -> None:
    found = finding(heart, labelled(heart, *cohort(rng, 300, separation=0.5)))
    assert found.verdict is CheckVerdict.ALERT
    assert found.statistic is not None
    assert found.statistic < found.threshold == 0.86


def test_a_model_that_ranks_backwards_alerts(heart: UseCase, rng: Generator) -> None:
    risk, label = cohort(rng, 300)
    found = finding(heart, labelled(heart, 1 - risk, label))
    assert found.verdict is CheckVerdict.ALERT
    assert found.statistic is not None
    assert found.statistic < 0.2


def test_a_better_model_is_no_alert(heart: UseCase, rng: Generator) -> None:
    low = {"models": {"xgboost": {"auc": [0.6, 0.55, 0.65]}}}
    assert finding(heart, labelled(heart, *cohort(rng, 300)), low).verdict is CheckVerdict.OK


@pytest.mark.parametrize("power", [0.3, 2.5])
def test_too_many_or_too_few_cases_alert_though_the_ranking_is_fine(
    heart: UseCase, rng: Generator, power: float
) -> None:
    risk, label = cohort(rng, 600)
    found = finding(heart, labelled(heart, risk**power, label))
    assert found.verdict is CheckVerdict.ALERT
    assert found.threshold == 1.25
    assert found.statistic is not None
    assert not 0.8 <= found.statistic <= 1.25


def test_without_outcomes_nothing_is_judged(heart: UseCase, rng: Generator) -> None:
    risk, _ = cohort(rng, 50)
    for scores in (None, labelled(heart, risk, None)):
        found = finding(heart, scores)
        assert found.verdict is CheckVerdict.NOT_EVALUATED
        assert (found.statistic, found.threshold) == (None, 0.86)
        assert "no outcomes" in found.detail


@pytest.mark.parametrize(
    ("cases", "others", "judged_area"),
    [(9, 400, False), (400, 9, False), (10, 400, True), (400, 10, True), (11, 11, True)],
)
def test_ten_patients_of_either_kind_are_needed_for_the_area_alone(
    heart: UseCase,
    cases: int,
    others: int,
    judged_area: bool,  # noqa: FBT001 (pytest passes it by name)
) -> None:
    label = np.repeat([1, 0], [cases, others])
    found = finding(heart, labelled(heart, np.linspace(0, 1, len(label)), label))
    assert found.verdict is not CheckVerdict.NOT_EVALUATED
    assert ("the AUC was not evaluated" in found.detail) is not judged_area


@pytest.mark.parametrize(
    ("cases", "rows", "risk", "verdict"),
    [
        (115, 123, 0.45, "ALERT"),
        (5, 1500, 0.1, "ALERT"),
        (0, 1500, 0.1, "ALERT"),
        (60, 60, 0.5, "ALERT"),
        (10, 100, 0.01, "ALERT"),
        (9, 60, 0.15, "NOT_EVALUATED"),
        (10, 60, 0.15, "OK"),
    ],
)
def test_calibration_needs_ten_cases_expected_or_found_and_nothing_else(  # four facts
    heart: UseCase, cases: int, rows: int, risk: float, verdict: str
) -> None:
    label = np.repeat([1, 0], [cases, rows - cases])
    found = finding(heart, labelled(heart, np.full(rows, risk), label), LOW)
    assert found.verdict == verdict
    assert f"{cases} cases" in found.detail


@given(st.integers(0, 60), st.floats(0.05, 0.8))
def test_the_factor_of_the_odds_of_equal_risks_is_that_of_their_odds(cases: int, risk: float) -> None:
    heart = use_cases.get("heart")
    label = np.repeat([1, 0], [cases, 60 - cases])
    found = odds_factor(labelled(heart, np.full(60, risk), label).everyone, cases)
    assert found.low <= found.value <= found.high
    if 0 < cases < 60:
        middle = ((int(np.sqrt(risk) * 100) + 0.5) / 100) ** 2
        expected = cases / (60 - cases) / (middle / (1 - middle))
        assert found.value == pytest.approx(expected, rel=0.01)
        # The score interval of one proportion is Wilson's.
        share = wilson(cases, 60, 0.98)
        assert found.low / expected == pytest.approx(
            share.low / (1 - share.low) / (cases / (60 - cases)), rel=0.01
        )


def test_doubled_odds_alert_though_the_share_of_cases_hardly_rose(heart: UseCase, rng: Generator) -> None:
    risk, _ = cohort(rng, 1500, separation=3.0)
    label = (rng.random(1500) < 2 * risk / (1 + risk)).astype(int)
    found = finding(heart, labelled(heart, risk, label))
    assert found.verdict is CheckVerdict.ALERT
    assert found.statistic is not None
    assert found.statistic > 1.25


@pytest.mark.parametrize(
    ("known_others", "verdict"), [(0, "NOT_EVALUATED"), (20, "NOT_EVALUATED"), (250, "OK")]
)
def test_outcomes_of_flagged_patients_alone_are_not_judged(
    heart: UseCase, rng: Generator, known_others: int, verdict: str
) -> None:
    risk, label = cohort(rng, 600)
    others = np.flatnonzero(risk < 0.4)[known_others:]
    kept = np.setdiff1d(np.arange(600), others)
    every, known = labelled(heart, risk, None), labelled(heart, risk[kept], label[kept])
    found = performance_finding(heart, judged(APPROVED, every, known))
    assert found.verdict == verdict
    expected = "flagged patients and of" if verdict == "NOT_EVALUATED" else "Outcomes are known of"
    assert expected in found.detail


def test_an_order_states_what_so_many_patients_would_have_shown(heart: UseCase, rng: Generator) -> None:
    details = [finding(heart, labelled(heart, *cohort(rng, rows))).detail for rows in (200, 4000)]
    falls, factors = (
        [float(re.search(pattern, detail)[1]) for detail in details]  # type: ignore[index]
        for pattern in (r"an AUC that had fallen by ([.\d]+)", r"odds of ([.\d]+) times")
    )
    assert falls[0] > falls[1] > 0.04
    assert factors[0] > factors[1] > 1.25


@pytest.mark.parametrize("cases", range(20, 81, 4))
def test_the_ratio_alerts_when_its_whole_interval_is_outside_the_limits(heart: UseCase, cases: int) -> None:
    risk = np.repeat([0.4, 0.6], 100)
    label = np.zeros(200, dtype=int)
    # Two in three cases have the higher risk, so the ranking is as good whatever the number of cases.
    label[:cases], label[100 : 100 + 2 * cases] = 1, 1
    scores = labelled(heart, risk, label)
    found = finding(heart, scores, {"models": {"xgboost": {"auc": [0.6, 0.4, 0.7]}}})
    outcomes = scores.everyone.outcomes
    assert outcomes is not None
    ratio = observed_to_expected(outcomes.positives, scores.everyone.expected_positives, 200)
    odds = odds_factor(scores.everyone, outcomes.positives)
    by_odds = odds.low > 1.25 or odds.high < 0.8
    outside = ratio.low > 1.25 or ratio.high < 0.8
    assert by_odds or not outside
    outside = outside or by_odds
    worst = odds if not (ratio.low > 1.25 or ratio.high < 0.8) else ratio
    assert (found.verdict is CheckVerdict.ALERT) == outside
    if outside:
        assert (found.statistic, found.threshold) == (round(worst.value, 4), 1.25)


def test_healthy_batches_of_a_hundred_seldom_alert(heart: UseCase, rng: Generator) -> None:
    alerts = sum(
        finding(heart, labelled(heart, *cohort(rng, 100))).verdict is CheckVerdict.ALERT for _ in range(200)
    )
    assert alerts <= 2


def test_every_ending_reads_as_it_was_read_aloud(
    heart: UseCase, finding_snapshot: Callable[[str, dict[str, CheckFinding]], None]
) -> None:
    risk, label = np.repeat([0.1, 0.2, 0.7, 0.8], 50), np.repeat([0, 1, 0, 1], [85, 15, 25, 75])
    endings = {
        "no outcomes": finding(heart, labelled(heart, risk, None)),
        "few cases": finding(heart, labelled(heart, risk[:10], np.repeat([0, 1], [8, 2]))),
        "flagged only": performance_finding(
            heart, judged(APPROVED, labelled(heart, risk, None), labelled(heart, risk[100:], label[100:]))
        ),
        "in order": finding(heart, labelled(heart, risk, label)),
        "ranks backwards": finding(heart, labelled(heart, 1 - risk, label)),
        "fewer cases": finding(heart, labelled(heart, risk**0.1, label)),
        "more cases": finding(heart, labelled(heart, risk / 2, label)),
    }
    finding_snapshot("performance", endings)


def test_outcomes_on_another_grid_are_an_error_and_no_finding(heart: UseCase, rng: Generator) -> None:
    scores = labelled(heart, *cohort(rng, 100))
    everyone = replace(scores.everyone, score_counts=(100,))
    with pytest.raises(ValueError, match="not aligned"):
        finding(heart, ScoreProfile({EVERYONE: {EVERYONE: everyone}}))


def test_outcomes_that_are_not_in_the_figures_are_counted(heart: UseCase, rng: Generator) -> None:
    scores, evaluation = (
        labelled(heart, *cohort(rng, 300)),
        {"models": {"xgboost": {"auc": [0.9, 0.86, 0.93]}}},
    )
    arrived = {"joined": 300, "waiting": 9, "earlier": 2}
    detail = performance_finding(heart, judged(evaluation, scores, scores, arrived)).detail
    assert detail.endswith("Outcomes that are not in these figures: 9 waiting, 2 earlier.")
