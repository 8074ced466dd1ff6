"""Group figures and gaps agree with fairlearn, and small groups are not evaluated."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn import metrics as oracle
from hypothesis import given
from hypothesis import strategies as st

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.jobs.evaluation.group_figures import (
    MINIMUM_EVENTS,
    Membership,
    counts_of,
    enough_for,
    gaps,
    group_figures,
    group_tables,
    intersections,
    membership,
)
from clinrisk.jobs.evaluation.metrics import Confusion, Floats, Labels

THRESHOLD = 0.4


def cohort(seed: int, size: int = 600) -> tuple[Labels, Floats, Membership]:
    rng = np.random.default_rng(seed)
    of = rng.choice(np.array(["female", "male", "unknown"]), size, p=[0.4, 0.5, 0.1])
    labels = (rng.random(size) < np.where(of == "male", 0.5, 0.3)).astype(np.int64)
    scores = np.clip(rng.normal(0.35 + 0.2 * labels, 0.15, size), 0.01, 0.99)
    return labels, scores, membership("sex", ("female", "male", "unknown"), of)


def names_of(division: Membership) -> np.ndarray:  # type: ignore[type-arg]
    return np.array(division.names)[division.codes]


def test_gaps_agree_with_fairlearn() -> None:
    labels, scores, by_sex = cohort(1)
    flagged = (scores >= THRESHOLD).astype(int)
    table = group_tables(labels, scores, THRESHOLD, [by_sex], draws=50)["sex"]

    found = gaps({name: counts_of(group) for name, group in table.items()}, 200, np.random.default_rng(0))

    given_to_oracle = {"y_true": labels, "y_pred": flagged, "sensitive_features": names_of(by_sex)}
    expected = {
        "selection_rate": oracle.demographic_parity_difference(**given_to_oracle),
        "selection_rate_ratio": oracle.demographic_parity_ratio(**given_to_oracle),
        "equal_opportunity_difference": oracle.equal_opportunity_difference(**given_to_oracle),
        "equalized_odds_difference": oracle.equalized_odds_difference(**given_to_oracle),
    }
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-12)
        assert 0 <= found[name][1] <= found[name][0] <= found[name][2] <= 1


def test_group_rates_agree_with_fairlearn() -> None:
    labels, scores, by_sex = cohort(2)
    rates = {
        "selection_rate": oracle.selection_rate,
        "recall": oracle.true_positive_rate,
        "false_positive_rate": oracle.false_positive_rate,
    }
    frame = oracle.MetricFrame(
        metrics=rates,
        y_true=labels,
        y_pred=(scores >= THRESHOLD).astype(int),
        sensitive_features=names_of(by_sex),
    )

    table = group_tables(labels, scores, THRESHOLD, [by_sex], draws=50)["sex"]

    for name, group in table.items():
        for rate in rates:
            assert group[rate][0] == pytest.approx(frame.by_group.loc[name, rate], abs=1e-12)


@given(st.integers(0, 1000))
def test_relabelling_groups_permutes_the_table(seed: int) -> None:
    labels, scores, by_sex = cohort(seed, 200)
    renamed = {"female": "b", "male": "c", "unknown": "a"}
    other = membership("sex", ("a", "b", "c"), np.array([renamed[name] for name in names_of(by_sex)]))

    first = group_tables(labels, scores, THRESHOLD, [by_sex], draws=50)["sex"]
    second = group_tables(labels, scores, THRESHOLD, [other], draws=50)["sex"]

    assert {renamed[name]: group for name, group in first.items()} == second


def test_permuting_patients_changes_nothing() -> None:
    labels, scores, by_sex = cohort(3)
    order = np.random.default_rng(1).permutation(len(labels))
    shuffled = Membership("sex", by_sex.names, by_sex.codes[order])

    first = group_tables(labels, scores, THRESHOLD, [by_sex], draws=50)["sex"]
    second = group_tables(labels[order], scores[order], THRESHOLD, [shuffled], draws=50)["sex"]

    for name, group in first.items():
        for figure, value in group.items():
            assert second[name][figure] == (
                value if isinstance(value, str) else pytest.approx(value, abs=1e-9)
            )


def test_a_group_with_too_few_cases_keeps_its_counts_and_loses_its_rates() -> None:
    labels, scores, by_sex = cohort(4, 400)
    of = names_of(by_sex)
    few = np.flatnonzero(labels == 1)[: MINIMUM_EVENTS - 1]
    many = np.flatnonzero(labels == 0)[:40]
    of[:], of[few], of[many] = "male", "female", "female"

    division = membership("sex", ("female", "male"), of)
    group = group_tables(labels, scores, THRESHOLD, [division], draws=50)["sex"]["female"]

    assert (group["n"], group["positives"]) == (49, 9)
    assert group["recall"] == group["auc"] == group["calibration_slope"] == NOT_EVALUATED
    assert group["selection_rate"] != NOT_EVALUATED


@pytest.mark.parametrize(
    "counts",
    [
        {},
        {"male": Confusion(30, 20, 10, 40)},
        {"male": Confusion(30, 20, 10, 40), "female": Confusion(0, 0, 0, 60)},
    ],
    ids=["nobody", "one group", "a group without cases"],
)
def test_a_gap_needs_two_groups_that_can_be_judged(counts: dict[str, Confusion]) -> None:
    found = gaps(counts, 50, np.random.default_rng(0))

    assert found["equal_opportunity_difference"] == found["equalized_odds_difference"] == NOT_EVALUATED


@pytest.mark.parametrize(
    "rates",
    [(0.5, 0.5), (0.5, 0.5, 0.5), (0.3, 0.6), (0.2, 0.5, 0.7)],
    ids=["two alike", "three alike", "two apart", "three apart"],
)
def test_a_gap_interval_covers_the_true_gap_no_gap_included(rates: tuple[float, ...]) -> None:
    covered = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        counts = {
            str(name): Confusion(tp=(hits := int(rng.binomial(80, rate))), fp=30, fn=80 - hits, tn=70)
            for name, rate in enumerate(rates)
        }
        _, low, high = gaps(counts, 300, rng)["recall"]
        covered += low <= max(rates) - min(rates) <= high

    assert covered / 300 >= 0.91


def test_a_group_in_which_nobody_was_missed_still_leaves_a_gap_uncertain() -> None:
    counts = {"men": Confusion(30, 20, 0, 40), "women": Confusion(12, 20, 0, 40)}

    value, low, high = gaps(counts, 500, np.random.default_rng(0))["recall"]

    assert (value, low) == (0.0, 0.0)
    assert 0.05 < high < 0.35


def test_the_interval_of_a_gap_of_two_large_groups_is_that_of_a_difference() -> None:
    counts = {"men": Confusion(300, 100, 200, 400), "women": Confusion(150, 100, 150, 400)}
    error = np.sqrt(0.6 * 0.4 / 500 + 0.5 * 0.5 / 300)

    found = gaps(counts, 20_000, np.random.default_rng(0))["recall"]

    assert found == pytest.approx([0.1, 0.1 - 1.96 * error, 0.1 + 1.96 * error], abs=0.003)


def test_a_ratio_of_shares_flagged_survives_a_group_that_is_never_flagged() -> None:
    counts = {"young": Confusion(0, 0, 2, 98), "old": Confusion(30, 20, 10, 40)}

    value, low, high = gaps(counts, 500, np.random.default_rng(0))["selection_rate_ratio"]

    assert value == 0.0
    assert 0 <= low <= value <= high < 0.3


def test_crossing_attributes_puts_every_patient_into_exactly_one_group() -> None:
    _, _, sex = cohort(5)
    age = membership("age", ("young", "old"), np.array(["young", "old"] * 300))

    (crossed,) = intersections([sex, age])

    assert crossed.attribute == "sex & age"
    assert crossed.names[0] == "female & young"
    assert np.bincount(crossed.codes, minlength=6).sum() == 600
    assert names_of(crossed)[0].split(" & ") == [names_of(sex)[0], names_of(age)[0]]


@pytest.mark.parametrize(("rows", "judged"), [(19, False), (20, True), (21, True)])
def test_a_group_is_judged_from_20_patients_on(rows: int, *, judged: bool) -> None:
    labels = np.arange(rows) % 2
    found = group_figures(labels, np.linspace(0.1, 0.9, rows), 0.5, 10, np.random.default_rng(0))

    assert (found["n"], found["positives"]) == (rows, rows // 2)
    assert (found["selection_rate"] != NOT_EVALUATED) == judged
    assert (found["brier"] != NOT_EVALUATED) == judged


@pytest.mark.parametrize(
    ("counts", "rates"),
    [
        (Confusion(9, 30, 0, 30), {"selection_rate", "false_positive_rate", "precision"}),
        (Confusion(10, 30, 0, 30), {"selection_rate", "recall", "false_positive_rate", "precision"}),
        (Confusion(20, 0, 20, 9), {"selection_rate", "recall", "precision"}),
        (Confusion(20, 1, 20, 9), {"selection_rate", "recall", "false_positive_rate", "precision"}),
        (Confusion(5, 4, 20, 20), {"selection_rate", "recall", "false_positive_rate"}),
        (Confusion(5, 5, 20, 20), {"selection_rate", "recall", "false_positive_rate", "precision"}),
        (Confusion(5, 4, 5, 5), set()),
    ],
    ids=["9 cases", "10 cases", "9 others", "10 others", "9 flagged", "10 flagged", "19 patients"],
)
def test_a_rate_is_judged_from_10_patients_in_its_denominator_on(counts: Confusion, rates: set[str]) -> None:
    assert {rate for rate, enough in enough_for(counts).items() if enough} == rates


def test_a_small_groups_figures_are_known_by_hand() -> None:
    labels = np.array([1] * 12 + [0] * 18)
    scores = np.array([0.8] * 9 + [0.2] * 3 + [0.6] * 6 + [0.1] * 12)

    found = group_figures(labels, scores, 0.5, 10, np.random.default_rng(0))

    assert (found["tp"], found["fp"], found["fn"], found["tn"]) == (9, 6, 3, 12)
    expected = {
        "selection_rate": 0.5,
        "recall": 0.75,
        "specificity": 2 / 3,
        "false_positive_rate": 1 / 3,
        "precision": 0.6,
        "npv": 0.8,
        "f1": 2 * 9 / (2 * 9 + 6 + 3),
        "net_benefit": 9 / 30 - 6 / 30,
        "net_benefit_over_all": 12 / 30 - 3 / 30,
        "observed_to_expected": 12 / 12.6,
        "brier": (9 * 0.04 + 3 * 0.64 + 6 * 0.36 + 12 * 0.01) / 30,
        "auc": (9 * 18 + 3 * 12) / (12 * 18),
    }
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-12), name
