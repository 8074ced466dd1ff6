"""What an approver should note is named, from the limit on, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.jobs.report.cautions import cautions, doubted

TITLES = {"logistic": "logistic regression", "floor": "age alone"}
GROUPS = {"sex": {"female": "women", "male": "men"}}
FINE = {
    "recall": [0.82, 0.75, 0.88],
    "observed_to_expected": [1.02, 0.9, 1.15],
    "calibration_slope": [0.97, 0.85, 1.1],
    "net_benefit": [0.03, 0.02, 0.04],
    "net_benefit_over_all": [0.02, 0.01, 0.03],
}
COUNTS = {"n": 100, "positives": 40, "fn": 8}


def document(**changes: Any) -> dict[str, Any]:
    """A candidate without a fault, but for the changes."""
    better = {"auc": [0.05, 0.01, 0.09]}
    found: dict[str, Any] = {
        "recall_target": 0.8,
        "models": {"xgboost": FINE},
        "holdout": {"xgboost": FINE},
        "comparison": {"xgboost_vs_logistic": better, "xgboost_vs_floor": better},
        "groups": {"sex": {"female": COUNTS | FINE, "male": COUNTS | FINE}},
    }
    return found | changes


def sentences(**changes: Any) -> list[str]:
    return cautions(document(**changes), TITLES, GROUPS)


def test_a_candidate_without_a_fault_has_no_cautions() -> None:
    assert sentences() == []


@pytest.mark.parametrize(
    ("figure", "ends", "words"),
    [
        ("recall", [0.6, 0.45, 0.7999], ["fewer", "80%"]),
        ("observed_to_expected", [1.4, 1.001, 1.8], ["1.40 (1.00 to 1.80)", "too low"]),
        ("observed_to_expected", [0.7, 0.6, 0.999], ["0.70 (0.60 to 1.00)", "too high"]),
        ("calibration_slope", [0.6, 0.5, 0.999], ["0.60 (0.50 to 1.00)", "too extreme"]),
        ("calibration_slope", [1.6, 1.001, 2.0], ["1.60 (1.00 to 2.00)", "not extreme enough"]),
    ],
)
@pytest.mark.parametrize(("part", "among"), [("models", "out of fold"), ("holdout", "no model has seen")])
def test_an_interval_on_the_wrong_side_is_a_caution(
    part: str, among: str, figure: str, ends: list[float], words: list[str]
) -> None:
    [line] = sentences(**{part: {"xgboost": FINE | {figure: ends}}})

    assert all(word in line for word in [among, *words])


@pytest.mark.parametrize(
    ("figure", "ends"),
    [
        ("recall", [0.6, 0.45, 0.8]),
        ("observed_to_expected", [1.4, 1.0, 1.8]),
        ("observed_to_expected", [0.7, 0.6, 1.0]),
        ("calibration_slope", [0.6, 0.5, 1.0]),
        ("calibration_slope", [1.6, 1.0, 2.0]),
        ("net_benefit", [0.03, 0.0001, 0.05]),
        ("net_benefit_over_all", [0.03, 0.0001, 0.05]),
    ],
)
def test_an_interval_that_reaches_the_limit_is_none(figure: str, ends: list[float]) -> None:
    assert sentences(models={"xgboost": FINE | {figure: ends}}) == []


@pytest.mark.parametrize(
    ("figure", "other"), [("net_benefit", "no one"), ("net_benefit_over_all", "everyone")]
)
def test_a_flag_not_shown_to_be_worth_acting_on_is_named(figure: str, other: str) -> None:
    [line] = sentences(models={"xgboost": FINE | {figure: [0.01, 0.0, 0.03]}})

    assert f"acting on {other}" in line
    assert "0.010 (0.000 to 0.030)" in line


def test_a_simpler_model_that_does_as_well_or_better_is_named() -> None:
    pairs = {
        "xgboost_vs_logistic": {"auc": [-0.03, -0.05, -0.0001]},
        "xgboost_vs_floor": {"auc": [0.01, 0.0, 0.03]},
    }

    better, as_well = sentences(comparison=pairs)

    assert better.startswith("Logistic regression, a simpler model, ranks patients better")
    assert "not shown to rank patients better than age alone" in as_well


def test_groups_with_too_few_cases_found_wrong_risks_or_too_few_patients_are_named() -> None:
    short = COUNTS | FINE | {"recall": [0.5, 0.4, 0.6], "observed_to_expected": [0.6, 0.4, 0.9]}
    small = {"n": 30, "positives": 6, "fn": 6} | dict.fromkeys(FINE, NOT_EVALUATED)

    found, ratio, unjudged = sentences(groups={"sex": {"female": small, "male": short}})

    assert "men 50% (40% to 60%)" in found
    assert "men 0.60 (0.40 to 0.90)" in ratio
    assert "Of the 1 groups" in ratio
    assert "women (30 patients, 6 with the condition, 6 of them not flagged)" in unjudged


def test_what_was_not_evaluated_is_no_fault() -> None:
    nothing = dict.fromkeys(FINE, NOT_EVALUATED)

    assert sentences(models={"xgboost": nothing}, holdout={"xgboost": nothing}, comparison={}) == []


CHECKS: dict[str, Any] = {
    "duplicates": {"equal": 3, "nearly_equal": 4, "auc": 0.9, "auc_without": 0.8951},
    "intervals": [{"band": "low", "rows": 40, "observed": [0.1, 0.04, 0.23], "low": 0.05, "high": 0.2}],
    "doubts": {"rows": 50, "not_scored": 1, "uncertain": 8},
    "absences": [],
}
TWO_PARTS = {"training": {"rows": 250}, "holdout": {"rows": 50}}


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("duplicates", {"equal": 4}, ["4 of 300 patients agree in every input"]),
        ("duplicates", {"auc_without": 0.894}, ["4 patients are nearly equal", "0.894 instead of 0.900"]),
        ("intervals", {"observed": [0.4, 0.21, 0.6]}, ["40 held-out patients in the band low", "5% to 20%"]),
        ("intervals", {"observed": [0.02, 0.01, 0.04]}, ["40 held-out patients in the band low"]),
    ],
)
def test_evidence_that_speaks_against_itself_is_a_caution(
    part: str, change: dict[str, Any], words: list[str]
) -> None:
    assert sentences(counts=TWO_PARTS, cross_checks=CHECKS) == []

    changed = CHECKS | {part: CHECKS[part] | change if part == "duplicates" else [CHECKS[part][0] | change]}
    [line] = sentences(counts=TWO_PARTS, cross_checks=changed)

    assert all(word in line for word in words)


@pytest.mark.parametrize(("treated", "noted"), [(3, False), (4, True)])
def test_outcomes_that_an_earlier_flag_may_have_changed_are_a_caution(treated: int, *, noted: bool) -> None:
    found = sentences(counts=TWO_PARTS, cross_checks=CHECKS | {"acted_on": treated})
    assert [line for line in found if "an earlier flag of 4 of 300 patients" in line] == found
    assert bool(found) is noted


def test_an_auc_that_could_not_be_found_is_no_caution() -> None:
    alone = CHECKS | {"duplicates": {"equal": 0, "nearly_equal": 9, "auc": 0.9, "auc_without": None}}

    assert sentences(counts=TWO_PARTS, cross_checks=alone) == []


def test_the_share_without_a_certain_risk_is_stated_or_stated_to_be_unknown() -> None:
    assert "1 (2%) would have no risk" in doubted({"cross_checks": CHECKS})
    assert "8 (16%) an uncertain one" in doubted({"cross_checks": CHECKS})
    assert "was not counted" in doubted({})
