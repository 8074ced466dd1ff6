"""What a careful reader would point out is pointed out, and nothing else."""

from __future__ import annotations

from typing import Any

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.jobs.report.cautions import cautions

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
    """A candidate of which there is nothing to be said, but for the changes."""
    better = {"auc": [0.05, 0.01, 0.09]}
    found: dict[str, Any] = {
        "recall_target": 0.8,
        "models": {"xgboost": FINE},
        "holdout": {"xgboost": FINE},
        "comparison": {"xgboost_vs_logistic": better, "xgboost_vs_floor": better},
        "groups": {"sex": {"female": COUNTS | FINE, "male": COUNTS | FINE}},
    }
    return found | changes


def said(**changes: Any) -> list[str]:
    return cautions(document(**changes), TITLES, GROUPS)


def test_of_a_candidate_without_a_fault_nothing_is_said() -> None:
    assert said() == []


def test_a_hold_out_that_contradicts_is_said_first() -> None:
    low = FINE | {"recall": [0.6, 0.45, 0.75], "observed_to_expected": [1.4, 1.03, 1.8]}

    recall, ratio = said(holdout={"xgboost": low})

    assert recall == (
        "Among patients that no model has seen, the flag finds 60% (45 to 75) of those with the condition: "
        "surely fewer than the 80% that were asked for."
    )
    assert ratio.endswith("1.40 (1.03 to 1.80) cases occurred per case predicted: the risks are too low.")


def test_risks_too_high_and_too_extreme_are_told_apart_from_too_low_and_too_timid() -> None:
    figures = FINE | {"observed_to_expected": [0.7, 0.6, 0.9], "calibration_slope": [0.6, 0.5, 0.8]}
    other = FINE | {"calibration_slope": [1.6, 1.2, 2.0]}

    high, extreme, timid = said(models={"xgboost": figures}, holdout={"xgboost": other})

    assert "too high" in high
    assert "too extreme" in extreme
    assert "too timid" in timid


def test_a_flag_no_better_than_acting_on_everyone_is_said() -> None:
    [line] = said(models={"xgboost": FINE | {"net_benefit_over_all": [0.01, -0.01, 0.03]}})

    assert (
        line
        == "Acting on the flag is not shown to be better than acting on everyone (0.010 (-0.010 to 0.030))."
    )


def test_a_simpler_model_that_does_as_well_or_better_is_named() -> None:
    pairs = {
        "xgboost_vs_logistic": {"auc": [-0.03, -0.05, -0.01]},
        "xgboost_vs_floor": {"auc": [0.01, -0.01, 0.03]},
    }

    better, as_well = said(comparison=pairs)

    assert better.startswith("Logistic regression, a simpler model, ranks patients better")
    assert as_well.startswith("Age alone, a simpler model, ranks patients as well")


def test_groups_that_are_found_less_often_miscalibrated_or_too_small_are_named() -> None:
    short = COUNTS | FINE | {"recall": [0.5, 0.4, 0.6], "observed_to_expected": [0.6, 0.4, 0.9]}
    small = {"n": 30, "positives": 6, "fn": 6} | dict.fromkeys(FINE, NOT_EVALUATED)

    found, ratio, unjudged = said(groups={"sex": {"female": small, "male": short}})

    assert found == "Found surely less often than the 80% asked for: men: 50% (40 to 60)."
    assert ratio.startswith("Cases per case predicted surely not 1: men: 0.60 (0.40 to 0.90).")
    assert unjudged == (
        "Too few cases to judge: women (30 patients, 6 with the condition, 6 of them not flagged)."
    )


def test_what_was_not_evaluated_is_no_fault() -> None:
    nothing = dict.fromkeys(FINE, NOT_EVALUATED)

    assert said(models={"xgboost": nothing}, holdout={"xgboost": nothing}, comparison={}) == []
