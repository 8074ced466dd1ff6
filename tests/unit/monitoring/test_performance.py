from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from sklearn.metrics import roc_auc_score

from clinrisk.core.monitoring.findings import CheckVerdict
from clinrisk.core.monitoring.performance import RATIO_LIMIT, auc, observed_to_expected, performance_finding
from clinrisk.core.profiles.score_profile import GroupScores, score_cells, score_profile_of
from clinrisk.jobs.evaluation.intervals import delong
from clinrisk.use_cases.base import UseCase

APPROVED: dict[str, Any] = {"models": {"xgboost": {"auc": [0.9, 0.86, 0.94]}}}
HISTOGRAM = st.lists(st.integers(0, 9), min_size=6, max_size=6).filter(lambda counts: sum(counts) >= 2)


def labelled(use_case: UseCase, risk: Any, label: Any) -> GroupScores:
    sex = np.repeat("male", len(risk))
    return score_profile_of(use_case, risk, risk >= 0.4, {"sex": sex, "age_band": sex}, label).everyone


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
    found = performance_finding(labelled(heart, *cohort(rng, 300)), APPROVED)
    assert found.verdict is CheckVerdict.OK
    assert found.threshold == 0.86
    assert "In 300 patients with known outcome the AUC is 0.9" in found.detail


def test_a_model_that_ranks_worse_alerts(heart: UseCase, rng: Generator) -> None:
    found = performance_finding(labelled(heart, *cohort(rng, 300, separation=0.5)), APPROVED)
    assert found.verdict is CheckVerdict.ALERT
    assert found.statistic is not None
    assert found.statistic < found.threshold == 0.86


def test_a_model_that_ranks_backwards_alerts(heart: UseCase, rng: Generator) -> None:
    risk, label = cohort(rng, 300)
    found = performance_finding(labelled(heart, 1 - risk, label), APPROVED)
    assert found.verdict is CheckVerdict.ALERT
    assert found.statistic is not None
    assert found.statistic < 0.2


def test_a_better_model_is_no_alert(heart: UseCase, rng: Generator) -> None:
    low = {"models": {"xgboost": {"auc": [0.6, 0.55, 0.65]}}}
    assert performance_finding(labelled(heart, *cohort(rng, 300)), low).verdict is CheckVerdict.OK


@pytest.mark.parametrize("power", [0.3, 2.5])
def test_too_many_or_too_few_cases_alert_though_the_ranking_is_fine(
    heart: UseCase, rng: Generator, power: float
) -> None:
    risk, label = cohort(rng, 600)
    found = performance_finding(labelled(heart, risk**power, label), APPROVED)
    assert found.verdict is CheckVerdict.ALERT
    assert found.threshold == RATIO_LIMIT


def test_without_outcomes_nothing_is_judged(heart: UseCase, rng: Generator) -> None:
    risk, _ = cohort(rng, 50)
    for scores in (None, labelled(heart, risk, None)):
        found = performance_finding(scores, APPROVED)
        assert found.verdict is CheckVerdict.NOT_EVALUATED
        assert "no outcomes of this batch have arrived yet" in found.detail


@pytest.mark.parametrize(("cases", "others"), [(9, 40), (40, 9), (0, 50), (50, 0)])
def test_with_fewer_than_ten_of_either_kind_nothing_is_judged(
    heart: UseCase, cases: int, others: int
) -> None:
    label = np.repeat([1, 0], [cases, others])
    found = performance_finding(labelled(heart, np.linspace(0, 1, len(label)), label), APPROVED)
    assert found.verdict is CheckVerdict.NOT_EVALUATED
    assert f"{cases} patients with the outcome and {others} without" in found.detail


def test_healthy_batches_of_a_hundred_seldom_alert(heart: UseCase, rng: Generator) -> None:
    alerts = sum(
        performance_finding(labelled(heart, *cohort(rng, 100)), APPROVED).verdict is CheckVerdict.ALERT
        for _ in range(200)
    )
    assert alerts <= 2
