"""The bar blocks what it says it blocks, names it in words, and lets through what meets it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from clinrisk import use_cases
from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.release.obstacles import compared_with, outdated
from clinrisk.core.training.group_bar import group_verdict
from clinrisk.core.training.promotion import (
    REFERENCES,
    Unproven,
    requirements,
    unmet_requirements,
    unproven,
)
from clinrisk.use_cases.bar import PromotionBar

BAR = PromotionBar(
    lowest_auc=0.8,
    highest_auc=0.95,
    margin_to_baseline=0.05,
    margin_to_floor=0.0,
    margin_to_champion=0.04,
    highest_brier=0.17,
    calibration_slope=(0.6, 1.6),
    observed_to_expected=(0.8, 1.25),
    minimum_events=40,
    minimum_rows=120,
)
FIGURES = {
    "auc": [0.9, 0.87, 0.93],
    "brier": [0.13, 0.1, 0.16],
    "calibration_slope": [0.9, 0.7, 1.1],
    "observed_to_expected": [1.02, 0.9, 1.15],
}
GOOD: dict[str, Any] = {
    "floor_feature": "age",
    "counts": {"training": {"rows": 243, "positives": 113}},
    "models": {"xgboost": FIGURES},
    "holdout": {"xgboost": {"auc": [0.87, 0.76, 0.97]}, "champion": {"auc": [0.88, 0.77, 0.97]}},
    "comparison": {
        "xgboost_vs_logistic": {"auc": [-0.01, -0.03, 0.01], "expected_cases": [1.01, 0.99, 1.03]},
        "xgboost_vs_floor": {"auc": [0.28, 0.2, 0.35]},
        "xgboost_vs_champion": {
            "auc": [-0.01, -0.03, 0.02],
            "brier": [0.001, -0.004, 0.006],
            "expected_cases": [1.0, 0.98, 1.02],
        },
    },
    "holdout_comparison": {"xgboost_vs_champion": {"auc": [-0.01, -0.06, 0.04]}},
    "group_comparison": {
        "xgboost_vs_champion": {
            "sex": {
                "female": {
                    "auc": [-0.01, -0.05, 0.03],
                    "recall": [0.0, -0.05, 0.05],
                    "expected_cases": [1.02, 0.97, 1.07],
                    "released_observed_to_expected": [1.0, 0.8, 1.2],
                }
            }
        }
    },
    "champion": {"compared": {"training": 243, "holdout": 60}, "why_not": ""},
    "groups": {
        "sex": {
            "female": {
                "n": 80,
                "positives": 24,
                "auc": [0.8, 0.7, 0.9],
                "calibration_slope": [1.0, 0.6, 1.4],
                "observed_to_expected": [1.1, 0.7, 1.7],
            }
        }
    },
    "looks": 3,
}


def changed(path: str, value: object) -> dict[str, Any]:
    document = deepcopy(GOOD)
    *folders, last = path.split("/")
    inner = document
    for folder in folders:
        inner = inner[folder]
    inner[last] = value
    return document


def test_a_candidate_that_meets_the_bar_has_nothing_unmet() -> None:
    assert unmet_requirements(GOOD, BAR) == []
    assert all(line.met for line in requirements(GOOD, BAR))


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("counts/training/rows", 100, "Patients to learn from: at least 120 (found 100)"),
        ("counts/training/positives", 39, "Patients with the condition: at least 40 (found 39)"),
        ("models/xgboost/auc", [0.79, 0.7, 0.85], "AUC: at least 0.8 (found 0.790)"),
        (
            "models/xgboost/auc",
            [0.99, 0.98, 1.0],
            "AUC that these data can honestly give: at most 0.95 (found 0.990: check for a leak)",
        ),
        ("models/xgboost/auc", NOT_EVALUATED, "AUC: at least 0.8 (found not evaluated)"),
        (
            "comparison/xgboost_vs_logistic/auc",
            [-0.03, -0.06, 0.0],
            (
                "AUC not below that of the logistic regression baseline by more than 0.05, "
                "with 95% confidence (found difference -0.030 [-0.060, +0.000])"
            ),
        ),
        (
            "comparison/xgboost_vs_floor/auc",
            [0.01, -0.01, 0.03],
            "AUC not below that of age alone, with 95% confidence (found difference +0.010 [-0.010, +0.030])",
        ),
        (
            "comparison/xgboost_vs_champion/auc",
            NOT_EVALUATED,
            (
                "AUC not below that of the live model by more than 0.04, with 95% confidence "
                "(found not evaluated)"
            ),
        ),
        (
            "comparison/xgboost_vs_champion/brier",
            [0.01, 0.0, 0.02],
            (
                "Brier score not above that of the live model by more than 0.01, with 95% confidence "
                "(found difference +0.010 [+0.000, +0.020])"
            ),
        ),
        (
            "holdout_comparison/xgboost_vs_champion/auc",
            [-0.2, -0.3, -0.1],
            (
                "Hold-out patients do not show an AUC lower than the live model's by 0.04 "
                "(found difference -0.200 [-0.300, -0.100])"
            ),
        ),
        (
            "champion",
            {"compared": {"training": 0, "holdout": 0}, "why_not": "it has other features"},
            (
                "Compared with the live model on the same patients "
                "(found not evaluated: it has other features)"
            ),
        ),
        (
            "groups/sex/female/auc",
            [0.4, 0.3, 0.49],
            "No group has an AUC below 0.5, with 95% confidence (found sex female 0.40 [0.30, 0.49])",
        ),
        (
            "groups/sex/female/observed_to_expected",
            [3.0, 2.1, 4.0],
            (
                "Observed cases per expected case of every group within 0.5 to 2 "
                "(found sex female 3.00 [2.10, 4.00])"
            ),
        ),
        ("looks", 21, "Candidates checked on these hold-out patients: at most 20 (found 21)"),
        ("models/xgboost/brier", [0.2, 0.1, 0.3], "Brier score: at most 0.17 (found 0.200)"),
        (
            "models/xgboost/calibration_slope",
            [0.4, 0.3, 0.5],
            "Calibration slope: 95% interval within 0.6 to 1.6 (found 0.40 [0.30, 0.50])",
        ),
        (
            "models/xgboost/observed_to_expected",
            [1.4, 1.3, 1.5],
            "Observed cases per expected case: 95% interval within 0.8 to 1.25 (found 1.40 [1.30, 1.50])",
        ),
        (
            "comparison/xgboost_vs_logistic/expected_cases",
            [1.2, 1.1, 1.3],
            (
                "Expected cases within a factor of 1.15 of those under the logistic regression baseline "
                "(found 1.20 [1.10, 1.30])"
            ),
        ),
        (
            "comparison/xgboost_vs_champion/expected_cases",
            NOT_EVALUATED,
            "Expected cases within a factor of 1.15 of those under the live model (found not evaluated)",
        ),
        (
            "group_comparison/xgboost_vs_champion/sex/female/expected_cases",
            [0.75, 0.7, 0.8],
            (
                "Expected cases of every group within a factor of 1.15 of those under the live model "
                "(found sex female 0.75 [0.70, 0.80])"
            ),
        ),
        (
            "group_comparison/xgboost_vs_champion/sex/female/recall",
            [-0.2, -0.3, -0.11],
            (
                "Share of cases found in use of no group lower than under the live model by more than 0.1 "
                "(found sex female -0.20 [-0.30, -0.11])"
            ),
        ),
        (
            "holdout/xgboost/auc",
            [0.6, 0.5, 0.7],
            "Hold-out patients do not rule out an AUC of 0.8 (found 0.600 [0.500, 0.700])",
        ),
    ],
)
def test_each_requirement_blocks_in_its_own_words(path: str, value: object, reason: str) -> None:
    assert reason in unmet_requirements(changed(path, value), BAR)


def test_without_a_live_model_nothing_is_asked_about_one() -> None:
    document = changed("champion", None)

    assert not any("live model" in line.asked for line in requirements(document, BAR))
    assert unmet_requirements(document, BAR) == []


@pytest.mark.parametrize(
    ("path", "met", "unmet"),
    [
        ("counts/training/rows", 120, 119),
        ("counts/training/positives", 40, 39),
        ("models/xgboost/auc", [0.8, 0.7, 0.9], [0.7999, 0.7, 0.9]),
        ("models/xgboost/auc", [0.95, 0.9, 1.0], [0.9501, 0.9, 1.0]),
        ("comparison/xgboost_vs_logistic/auc", [0.0, -0.05, 0.1], [0.0, -0.0501, 0.1]),
        ("comparison/xgboost_vs_floor/auc", [0.1, 0.0, 0.2], [0.1, -0.0001, 0.2]),
        ("comparison/xgboost_vs_champion/auc", [0.0, -0.04, 0.1], [0.0, -0.0401, 0.1]),
        ("comparison/xgboost_vs_champion/brier", [0.0, -0.01, 0.01], [0.0, -0.01, 0.0101]),
        ("holdout_comparison/xgboost_vs_champion/auc", [-0.1, -0.2, -0.04], [-0.1, -0.2, -0.0401]),
        ("models/xgboost/brier", [0.17, 0.1, 0.2], [0.1701, 0.1, 0.2]),
        ("models/xgboost/calibration_slope", [0.8, 0.6, 1.0], [0.8, 0.5999, 1.0]),
        ("models/xgboost/calibration_slope", [1.3, 1.0, 1.6], [1.3, 1.0, 1.6001]),
        ("models/xgboost/observed_to_expected", [0.9, 0.8, 1.0], [0.9, 0.7999, 1.0]),
        ("models/xgboost/observed_to_expected", [1.1, 1.0, 1.25], [1.1, 1.0, 1.2501]),
        ("comparison/xgboost_vs_logistic/expected_cases", [1.1, 1.05, 1.15], [1.1, 1.05, 1.1501]),
        ("comparison/xgboost_vs_champion/expected_cases", [0.9, 1 / 1.15, 1.0], [0.9, 0.8695, 1.0]),
        ("groups/sex/female/auc", [0.4, 0.3, 0.5], [0.4, 0.3, 0.4999]),
        ("groups/sex/female/observed_to_expected", [0.2, 0.08, 0.5], [0.2, 0.08, 0.4999]),
        ("groups/sex/female/observed_to_expected", [5.0, 2.0, 12.5], [5.0, 2.0001, 12.5]),
        ("groups/sex/female/calibration_slope", [-0.5, -1.5, 0.5], [-0.5, -1.5, 0.4999]),
        ("holdout/xgboost/auc", [0.7, 0.6, 0.8], [0.7, 0.6, 0.7999]),
        ("looks", 20, 21),
    ],
)
def test_each_limit_is_met_at_the_limit_and_not_beyond(path: str, met: object, unmet: object) -> None:
    assert unmet_requirements(changed(path, met), BAR) == []
    assert len(unmet_requirements(changed(path, unmet), BAR)) == 1


def test_a_group_that_is_not_evaluated_is_not_counted_among_those_judged() -> None:
    found = {line.asked: line.found for line in requirements(GOOD, BAR)}
    none = {line.asked: line.found for line in requirements(changed("groups", {}), BAR)}

    [asked] = [name for name in found if name.startswith("No group has an AUC")]
    assert (found[asked], none[asked]) == ("none of 1 groups", "none of 0 groups")


def test_a_harm_that_nothing_can_show_is_listed_by_name() -> None:
    heart = use_cases.get("heart")
    assert unproven(GOOD, heart) == [
        Unproven(
            "sex_female",
            "sex: women",
            80,
            24,
            ("Observed cases per expected case of every group within 0.75 to 1.33: 1.10 [0.70, 1.70]",),
        )
    ]
    unknown = changed("groups/sex/female/calibration_slope", NOT_EVALUATED)
    [listed] = unproven(unknown, heart)
    assert "Calibration slope of every group within 0.5 to 2: not evaluated" in listed.doubts
    shown = changed("groups/sex/female/observed_to_expected", [1.0, 0.8, 1.2])
    assert unproven(shown, heart) == []


def test_a_first_released_model_that_shares_no_patient_is_listed() -> None:
    apart = {"compared": {"training": 0, "holdout": 0}, "why_not": "it has other features"}
    listed = unproven(GOOD | {"first_released": apart}, use_cases.get("heart"))
    assert listed[-1].title == "the first released model"
    assert listed[-1].doubts == ("cannot be compared: it has other features",)


def test_risks_may_move_where_the_outcomes_show_that_the_live_model_is_wrong() -> None:
    moved = "group_comparison/xgboost_vs_champion/sex/female"
    document = changed(f"{moved}/expected_cases", [1.6, 1.5, 1.7])
    assert len(unmet_requirements(document, BAR)) == 1
    document["group_comparison"]["xgboost_vs_champion"]["sex"]["female"]["released_observed_to_expected"] = [
        2.6,
        2.1,
        3.2,
    ]
    assert unmet_requirements(document, BAR) == []
    everyone = changed("comparison/xgboost_vs_champion/expected_cases", [1.6, 1.5, 1.7])
    everyone["models"]["champion"] = {"observed_to_expected": [1.6, 1.3, 1.9]}
    assert unmet_requirements(everyone, BAR) == []


@pytest.mark.parametrize("name", ["champion", "first_released"])
def test_no_group_may_be_worse_than_under_either_released_model(name: str) -> None:
    document = changed("group_comparison/xgboost_vs_champion/sex/female/auc", [-0.2, -0.3, -0.11])
    document[name] = GOOD["champion"]
    for part in ("comparison", "group_comparison"):
        document[part][f"xgboost_vs_{name}"] = document[part]["xgboost_vs_champion"]
    assert any(
        f"AUC of no group lower than under {REFERENCES[name]}" in u for u in unmet_requirements(document, BAR)
    )


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        ([1.0, 0.8, 1.25], "shown"),
        ([1.0, 0.79, 1.25], "unseen"),
        ([1.0, 0.8, 1.26], "unseen"),
        ([1.5, 1.2501, 2.0], "harm"),
        ([0.7, 0.6, 0.7999], "harm"),
        # Large enough to be shown if it were right: then an estimate beyond the limit is harm.
        ([1.27, 1.12, 1.44], "harm"),
        ([0.79, 0.7, 0.895], "harm"),
        ([1.24, 1.1, 1.4], "unseen"),
        # Too small for that: nobody could have seen it.
        ([1.3, 0.9, 1.87], "unseen"),
    ],
)
def test_an_interval_shows_harm_or_leaves_it_unseen(figure: list[float], verdict: str) -> None:
    assert group_verdict(figure, (0.8, 1.25), 1.0, factor=True).value == verdict


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [([0.0, -0.1, 0.1], "shown"), ([-0.11, -0.15, -0.07], "harm"), ([-0.11, -0.2, 0.0], "unseen")],
)
def test_a_margin_has_one_side(figure: list[float], verdict: str) -> None:
    assert group_verdict(figure, (-0.1, float("inf")), 0.0).value == verdict


def test_a_group_after_one_that_is_not_evaluated_is_judged_as_well() -> None:
    small, harmed = {"auc": NOT_EVALUATED}, GOOD["groups"]["sex"]["female"] | {"auc": [0.3, 0.2, 0.45]}
    found = unmet_requirements(changed("groups/sex", {"female": small, "male": harmed}), BAR)
    assert len(found) == 1
    assert "sex male 0.30 [0.20, 0.45]" in found[0]


@pytest.mark.parametrize(
    ("compared", "live", "words"),
    [
        (1, 2, ("version 1", "version 2 is live")),
        (0, 1, ("no model was live", "version 1 is live")),
        (2, 0, ("version 2", "no model is live now")),
    ],
)
def test_evidence_that_compares_with_another_model_names_both(
    compared: int, live: int, words: tuple[str, str]
) -> None:
    was, now = words
    sentence = outdated(compared, live, "heart-1")
    assert was in sentence
    assert sentence.endswith(
        f", but {now}. Compare it with the live model: clinrisk evaluate heart-1 --reason TEXT."
    )


@pytest.mark.parametrize("version", [0, 1, 7])
def test_evidence_that_compares_with_the_live_model_holds(version: int) -> None:
    assert outdated(version, version, "heart-1") == ""


@pytest.mark.parametrize(
    ("evaluation", "version"), [({"champion": {"live_version": 3}}, 3), ({"champion": None}, 0), ({}, 0)]
)
def test_the_model_compared_with_is_the_one_that_was_live(evaluation: dict[str, Any], version: int) -> None:
    assert compared_with(evaluation) == version


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


def test_an_evaluation_that_counts_no_uses_of_the_hold_out_is_the_first() -> None:
    uses = requirements(without("looks"), BAR)[-1]
    assert (uses.asked, uses.found, uses.met) == (
        "Candidates checked on these hold-out patients: at most 20",
        "1",
        True,
    )


def test_what_an_older_evaluation_lacks_is_as_if_there_were_none() -> None:
    assert requirements(without("groups"), BAR) == requirements(changed("groups", {}), BAR)
    assert requirements(without("champion"), BAR) == requirements(changed("champion", None), BAR)
    [floor] = [line for line in requirements(without("floor_feature"), BAR) if "floor" in line.asked]
    assert floor.asked == ("AUC not below that of the floor (one feature alone), with 95% confidence")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_that_was_not_evaluated_does_not_meet_the_bar(name: str) -> None:
    absent = deepcopy(GOOD)
    del absent["models"]["xgboost"][name]
    for document in (changed(f"models/xgboost/{name}", NOT_EVALUATED), absent):
        unmet = [line for line in requirements(document, BAR) if not line.met]
        assert unmet
        assert all(line.found.startswith("not evaluated") for line in unmet)


@pytest.mark.parametrize("path", ["holdout/xgboost/auc", "comparison/xgboost_vs_floor/auc"])
def test_what_could_not_be_compared_does_not_meet_the_bar(path: str) -> None:
    [line] = [line for line in requirements(changed(path, NOT_EVALUATED), BAR) if not line.met]
    assert line.found == "not evaluated"


def test_patients_that_have_no_risk_from_both_models_are_the_reason_where_none_is_given() -> None:
    nobody = {"compared": {"training": 0, "holdout": 0}, "why_not": ""}
    [line] = [line for line in requirements(changed("champion", nobody), BAR) if not line.met]
    assert line.found == "not evaluated: no patient has a risk from both"
