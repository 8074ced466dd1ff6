"""Risks before they go out: against the model's own evaluation, and by how many are doubtful."""

from typing import Any

import numpy as np
import pytest

from clinrisk import use_cases
from clinrisk.core.profiles.score_profile import GroupScores, score_profile_of
from clinrisk.core.scoring.risk_judgement import judge_risks
from clinrisk.messages.scoring import BatchVerdict

HEART = use_cases.get("heart")
# Each patient is in one group of each attribute; flags are 45%.
EVALUATION: dict[str, Any] = {
    "groups": {
        "sex": {"female": {"n": 100, "flagged": 30}, "male": {"n": 200, "flagged": 105}},
        "age_band": {"under_45": {"n": 20, "flagged": 9}, "unknown": "NOT_EVALUATED"},
    }
}


def scores(flagged: int, others: int, *, uncertain: int = 0, not_scored: int = 0) -> GroupScores:
    """Count a batch whose flagged patients have the high risks."""
    risks = np.concatenate(
        [np.linspace(0.4, 0.95, flagged), np.linspace(0.02, 0.35, others), np.full(not_scored, np.nan)]
    )
    groups = {attribute.name: np.full(len(risks), "unknown") for attribute in HEART.protected}
    doubtful = np.arange(len(risks)) < uncertain
    return score_profile_of(HEART, risks, risks >= 0.4, groups, uncertain=doubtful).everyone


@pytest.mark.parametrize("rows", [20, 60, 1000])
def test_a_batch_that_is_flagged_as_the_evaluation_was_is_fit(rows: int) -> None:
    judged = judge_risks(EVALUATION, scores(round(rows * 0.45), rows - round(rows * 0.45)))
    assert judged.verdict is BatchVerdict.FIT, judged.cautions


@pytest.mark.parametrize("rows", [50, 150, 1000])
def test_a_batch_in_which_all_are_flagged_is_held(rows: int) -> None:
    judged = judge_risks(EVALUATION, scores(rows, 0))
    assert judged.verdict is BatchVerdict.HELD
    assert f"{rows} of {rows} patients (100%) are flagged, against 45%" in judged.cautions[0]


def test_nearly_one_risk_for_all_is_held() -> None:
    same = GroupScores(100, 45, tuple(95 if cell == 60 else 5 if cell == 20 else 0 for cell in range(100)))
    assert "nearly the same risk" in " ".join(judge_risks(EVALUATION, same).cautions)


@pytest.mark.parametrize(
    ("doubts", "verdict"),
    [
        ({"uncertain": 24}, BatchVerdict.FIT),
        ({"uncertain": 25}, BatchVerdict.CAUTION),
        ({"uncertain": 50}, BatchVerdict.HELD),
        ({"not_scored": 100}, BatchVerdict.HELD),
        ({"not_scored": 34}, BatchVerdict.CAUTION),
    ],
)
def test_doubtful_patients_are_a_caution_from_a_quarter_and_hold_a_batch_from_a_half(
    doubts: dict[str, int], verdict: BatchVerdict
) -> None:
    assert judge_risks(EVALUATION, scores(45, 55, **doubts)).verdict is verdict


def test_a_batch_of_which_no_patient_has_a_risk_is_held() -> None:
    judged = judge_risks(EVALUATION, scores(0, 0, not_scored=30))
    assert judged.verdict is BatchVerdict.HELD
    assert "30 of 30 patients (100%) have no risk" in judged.cautions[0]


def test_a_single_patient_is_never_held_for_being_uncertain() -> None:
    assert judge_risks(EVALUATION, scores(1, 0, uncertain=1)).verdict is BatchVerdict.CAUTION


@pytest.mark.parametrize("evaluation", [{}, {"groups": {}}, {"groups": {"sex": {"male": "NOT_EVALUATED"}}}])
def test_risks_without_an_evaluation_are_held_in_words(evaluation: dict[str, Any]) -> None:
    judged = judge_risks(evaluation, scores(45, 55))
    assert judged.verdict is BatchVerdict.HELD
    assert "held against nothing" in judged.cautions[0]


def test_what_holds_for_more_patients_comes_first() -> None:
    judged = judge_risks(EVALUATION, scores(45, 55, uncertain=60, not_scored=40))
    assert [caution.partition(" ")[0] for caution in judged.cautions] == ["60", "40"]
    assert [doubt.proven for doubt in judged.doubts] == pytest.approx([60 / 140, 40 / 140])


@pytest.mark.parametrize(("rows", "said"), [(19, False), (20, True)])
def test_one_risk_for_all_is_a_doubt_from_twenty_patients_on(rows: int, *, said: bool) -> None:
    same = GroupScores(rows, 9, tuple(rows if cell == 60 else 0 for cell in range(100)))
    assert ("nearly the same risk" in " ".join(judge_risks(EVALUATION, same).cautions)) == said
