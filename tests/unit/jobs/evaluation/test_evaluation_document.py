"""The evaluation document keeps its published shape whatever the data are, and its verdict has a meaning."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clinrisk import use_cases
from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.profiles.score_profile import EVERYONE
from clinrisk.core.training.promotion import unmet_requirements
from clinrisk.errors import NotEnoughData
from clinrisk.jobs.evaluation.evaluation_document import ScoredPatients
from tests.unit.jobs.evaluation.documents import LIVE, USE_CASE, evaluated, scored

if TYPE_CHECKING:
    from clinrisk.jobs.evaluation.metrics import Floats, Labels
    from clinrisk.use_cases.base import UseCase


def test_a_good_candidate_meets_the_bar() -> None:
    document = evaluated(scored(1), scored(2, 80))

    assert document["unmet"] == []
    assert document["unmet"] == unmet_requirements(document, USE_CASE.bar)


def test_the_same_inputs_and_seed_give_the_same_document() -> None:
    documents = {json.dumps(evaluated(scored(1), scored(2, 80), seed=5), sort_keys=True) for _ in range(3)}

    assert len(documents) == 1


@pytest.mark.parametrize("seed", range(10))
def test_a_candidate_trained_on_shuffled_labels_is_blocked(seed: int) -> None:
    good = scored(seed)
    labels = np.random.default_rng(seed).permutation(good.labels)

    document = evaluated(ScoredPatients(labels, good.groups, good.scores), scored(seed + 50, 80))

    assert any(line.startswith("AUC: at least") for line in document["unmet"])


def test_a_leak_is_blocked_as_too_good_to_be_true() -> None:
    good = scored(3)
    leaked = np.clip(good.labels * 0.9 + 0.05 + 0.01 * good.scores["xgboost"], 0.01, 0.99)

    document = evaluated(
        ScoredPatients(good.labels, good.groups, {**good.scores, "xgboost": leaked}), scored(4, 80)
    )

    assert any("check for a leak" in line for line in document["unmet"])


def test_against_a_live_model_the_patients_who_change_sides_are_counted() -> None:
    document = evaluated(scored(5, champion=True), scored(6, 100, champion=True), champion=LIVE)

    changed = document["reclassification"]
    for part, size in (("training", 300), ("holdout", 100)):
        assert sum(sum(row.values()) for row in changed[part].values()) == size
        assert document["champion"]["compared"][part] == size
    assert "xgboost_vs_champion" in document["holdout_comparison"]
    assert document["models"]["champion"]["own_threshold"] == 0.4
    assert any("live model" in line["asked"] for line in document["requirements"])


def same_as_candidate(patients: ScoredPatients) -> ScoredPatients:
    scores = {**patients.scores, "champion": patients.scores["xgboost"].copy()}
    return ScoredPatients(patients.labels, patients.groups, scores)


def test_a_candidate_equal_to_the_champion_is_not_blocked_by_it() -> None:
    document = evaluated(same_as_candidate(scored(5)), same_as_candidate(scored(6, 100)), champion=LIVE)

    assert document["comparison"]["xgboost_vs_champion"]["auc"] == [0.0, 0.0, 0.0]
    assert not any("live model" in line for line in document["unmet"])


def test_a_candidate_surely_worse_than_the_champion_is_blocked() -> None:
    worse = [same_as_candidate(patients) for patients in (scored(5), scored(6, 100))]
    rng = np.random.default_rng(0)
    for patients in worse:
        noise = rng.normal(0, 3, len(patients.labels))
        margins = np.log(patients.scores["champion"] / (1 - patients.scores["champion"])) + noise
        patients.scores["xgboost"] = 1 / (1 + np.exp(-margins))  # type: ignore[index]

    document = evaluated(*worse, champion=LIVE)

    assert any("AUC not below that of the live model by more than 0.03" in line for line in document["unmet"])


def test_only_patients_whom_both_models_can_judge_are_compared() -> None:
    partly = same_as_candidate(scored(5))
    partly.scores["champion"][200:] = np.nan
    unseen = same_as_candidate(scored(6, 100))
    unseen.scores["champion"][:] = np.nan

    document = evaluated(partly, unseen, champion=replace(LIVE, same_features=False))

    assert document["comparison"]["xgboost_vs_champion"]["patients"] == 200
    assert document["holdout_comparison"]["xgboost_vs_champion"]["auc"] == NOT_EVALUATED
    assert "champion" not in document["holdout"]
    assert not any("live model" in line for line in document["unmet"])


def test_a_champion_that_shares_no_patient_blocks_and_says_why() -> None:
    both = [same_as_candidate(patients) for patients in (scored(5), scored(6, 100))]
    for patients in both:
        patients.scores["champion"][:] = np.nan

    other = replace(LIVE, same_features=False, why_not="the live model was trained on other features")
    document = evaluated(*both, champion=other)

    assert document["reclassification"] == NOT_EVALUATED
    [line] = document["unmet"]
    assert line.startswith("Compared with the live model on the same patients (found not evaluated")
    assert "trained on other features" in line


def test_the_budget_of_looks_at_the_hold_out_is_a_requirement() -> None:
    spent = evaluated(scored(1), scored(2, 80), holdout_uses=USE_CASE.bar.holdout_uses)
    overspent = evaluated(scored(1), scored(2, 80), holdout_uses=USE_CASE.bar.holdout_uses + 1)

    assert spent["unmet"] == []
    assert overspent["unmet"] == ["Candidates checked on these hold-out patients: at most 20 (found 21)"]


def _one_outcome(labels: Labels) -> Labels:
    return np.zeros_like(labels)


@pytest.mark.parametrize("size", [0, 1, 3, 40])
def test_a_hold_out_that_can_show_nothing_blocks_and_says_so(size: int) -> None:
    empty = scored(7, size)
    document = evaluated(scored(8), ScoredPatients(_one_outcome(empty.labels), empty.groups, empty.scores))

    assert document["holdout"]["xgboost"].get("auc", NOT_EVALUATED) == NOT_EVALUATED
    assert any("not evaluated" in line for line in document["unmet"])


def _constant(scores: Floats) -> Floats:
    return np.full_like(scores, 0.3)


def test_constant_risks_block_without_a_crash() -> None:
    out_of_fold, holdout = scored(9), scored(10, 80)

    document = evaluated(
        *(
            ScoredPatients(s.labels, s.groups, {n: _constant(v) for n, v in s.scores.items()})
            for s in (out_of_fold, holdout)
        )
    )

    assert document["models"]["xgboost"]["calibration_slope"] == NOT_EVALUATED
    assert "Calibration slope: 95% interval within 0.6 to 2 (found not evaluated)" in document["unmet"]


def test_training_patients_of_one_outcome_are_not_enough() -> None:
    out_of_fold = scored(11)

    with pytest.raises(NotEnoughData):
        evaluated(
            ScoredPatients(_one_outcome(out_of_fold.labels), out_of_fold.groups, out_of_fold.scores),
            scored(12),
        )


def test_the_groups_serve_as_the_baseline_of_the_bias_check() -> None:
    document = evaluated(scored(13), scored(14, 80))

    for attribute in USE_CASE.protected:
        assert sum(group["n"] for group in document["groups"][attribute.name].values()) == 300
    assert EVERYONE not in document["groups"]


def test_every_use_case_has_a_floor_that_the_document_names() -> None:
    found: list[UseCase] = [use_cases.get(name) for name in use_cases.names()]

    assert all(use_case.baseline_feature in use_case.feature_names for use_case in found)
