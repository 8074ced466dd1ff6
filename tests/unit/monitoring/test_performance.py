import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from sklearn.metrics import roc_auc_score

from clinrisk.core.monitoring.findings import CheckFinding, CheckVerdict, ScoreMaterial
from clinrisk.core.monitoring.performance import auc, observed_to_expected, performance_finding
from clinrisk.core.profiles.score_profile import EVERYONE, ScoreProfile, score_cells, score_profile_of
from clinrisk.jobs.evaluation.intervals import delong
from clinrisk.use_cases.base import UseCase

APPROVED: dict[str, Any] = {"models": {"xgboost": {"auc": [0.9, 0.86, 0.94]}}}
HISTOGRAM = st.lists(st.integers(0, 9), min_size=6, max_size=6).filter(lambda counts: sum(counts) >= 2)


def labelled(use_case: UseCase, risk: Any, label: Any) -> ScoreProfile:
    sex = np.repeat("male", len(risk))
    return score_profile_of(use_case, risk, risk >= 0.4, {"sex": sex, "age_band": sex}, label)


def finding(
    use_case: UseCase, scores: ScoreProfile | None, evaluation: dict[str, Any] = APPROVED
) -> CheckFinding:
    return performance_finding(use_case, ScoreMaterial(evaluation, scores, np.random.default_rng(0)))


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
    ("cases", "others", "enough"),
    [
        *((9, 40, False), (40, 9, False), (0, 50, False), (50, 0, False)),
        *((10, 40, True), (40, 10, True), (10, 10, True), (11, 11, True)),
    ],
)
def test_ten_patients_of_either_kind_are_needed(
    heart: UseCase,
    cases: int,
    others: int,
    enough: bool,  # noqa: FBT001 (pytest passes it by name)
) -> None:
    label = np.repeat([1, 0], [cases, others])
    found = finding(heart, labelled(heart, np.linspace(0, 1, len(label)), label))
    assert (found.verdict is not CheckVerdict.NOT_EVALUATED) is enough
    if not enough:
        assert found.statistic is None
        assert {str(cases), str(others), "10"} <= set(re.findall(r"\d+", found.detail))


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
    outside = ratio.low > 1.25 or ratio.high < 0.8
    assert (found.verdict is CheckVerdict.ALERT) == outside
    if outside:
        assert (found.statistic, found.threshold) == (round(ratio.value, 4), 1.25)


def test_healthy_batches_of_a_hundred_seldom_alert(heart: UseCase, rng: Generator) -> None:
    alerts = sum(
        finding(heart, labelled(heart, *cohort(rng, 100))).verdict is CheckVerdict.ALERT for _ in range(200)
    )
    assert alerts <= 2


def test_every_ending_reads_as_it_was_read_aloud(
    heart: UseCase, finding_snapshot: Callable[[str, dict[str, CheckFinding]], None]
) -> None:
    risk, label = np.repeat([0.1, 0.2, 0.7, 0.8], 50), np.repeat([0, 1, 0, 1], [80, 20, 10, 90])
    endings = {
        "no outcomes": finding(heart, labelled(heart, risk, None)),
        "few cases": finding(heart, labelled(heart, risk, np.repeat([0, 1], [191, 9]))),
        "in order": finding(heart, labelled(heart, risk, label)),
        "ranks backwards": finding(heart, labelled(heart, 1 - risk, label)),
        "fewer cases": finding(heart, labelled(heart, risk**0.1, label)),
        "more cases": finding(heart, labelled(heart, risk / 2, label)),
    }
    finding_snapshot("performance", endings)


def test_outcomes_on_another_grid_are_an_error_and_no_finding(heart: UseCase, rng: Generator) -> None:
    scores = labelled(heart, *cohort(rng, 100))
    everyone = replace(scores.everyone, score_counts=(100,))
    with pytest.raises(ValueError, match="longer"):
        finding(heart, ScoreProfile({EVERYONE: {EVERYONE: everyone}}))


def test_outcomes_that_are_not_in_the_figures_are_counted(heart: UseCase, rng: Generator) -> None:
    scores, evaluation = (
        labelled(heart, *cohort(rng, 300)),
        {"models": {"xgboost": {"auc": [0.9, 0.86, 0.93]}}},
    )
    arrived = {"joined": 300, "waiting": 9, "earlier": 2}
    detail = performance_finding(heart, ScoreMaterial(evaluation, scores, rng, arrived)).detail
    assert detail.endswith("Outcomes that are not in these figures: 9 waiting, 2 earlier.")
