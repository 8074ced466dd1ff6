"""What a candidate would change beside the live model is counted as scipy and scikit-learn count it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import spearmanr, ttest_rel
from sklearn.metrics import cohen_kappa_score

from clinrisk import use_cases
from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.release import shadow
from clinrisk.jobs.release.shadow_comparison import FlaggedRisks, compare, comparison, rank_correlation

if TYPE_CHECKING:
    from numpy.random import Generator

HEART = use_cases.get("heart")


def two_models(rng: Generator, size: int) -> tuple[FlaggedRisks, FlaggedRisks]:
    risks = np.round(rng.beta(1, 4, size), 2)  # rounded, so that there are ties
    others = np.clip(np.round(risks + rng.normal(0.02, 0.1, size), 2), 0, 1)
    return FlaggedRisks(risks, risks >= 0.2), FlaggedRisks(others, others >= 0.25)


@pytest.mark.parametrize("seed", range(20))
def test_figures_are_those_of_scipy_and_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    champion, candidate = two_models(rng, int(rng.integers(30, 500)))
    found = compare(champion, candidate)
    assert found["rank_correlation"] == pytest.approx(
        spearmanr(champion.risks, candidate.risks).statistic, abs=1e-9
    )
    kappa = cohen_kappa_score(champion.flagged, candidate.flagged)
    assert found["kappa"] == pytest.approx(kappa, abs=1e-9)
    assert found["agreement"][0] == pytest.approx(np.mean(champion.flagged == candidate.flagged), abs=1e-12)
    value, low, high = found["shift"]
    interval = ttest_rel(candidate.risks, champion.risks).confidence_interval(0.95)
    assert value == pytest.approx(np.mean(candidate.risks - champion.risks), abs=1e-12)
    # Student's interval is the wider one; for so many patients hardly.
    assert (low, high) == pytest.approx((interval.low, interval.high), abs=0.1 * (high - low))


def test_every_patient_is_counted_once_and_on_the_side_of_who_flags() -> None:
    champion = FlaggedRisks(np.array([0.9, 0.9, 0.1, 0.1]), np.array([True, True, False, False]))
    candidate = FlaggedRisks(np.array([0.9, 0.1, 0.9, 0.1]), np.array([True, False, True, False]))
    found = compare(champion, candidate)
    assert {name: found[name] for name in shadow.COUNTS} == dict.fromkeys(shadow.COUNTS, 1)
    only = compare(
        FlaggedRisks(champion.risks[:2], champion.flagged[:2]),
        FlaggedRisks(candidate.risks[:2], candidate.flagged[:2]),
    )
    assert (only["only_champion"], only["only_candidate"]) == (1, 0)


def test_too_few_patients_give_counts_and_no_figure() -> None:
    champion, candidate = two_models(np.random.default_rng(1), shadow.MINIMUM_ROWS - 1)
    found = compare(champion, candidate)
    assert found["n"] == shadow.MINIMUM_ROWS - 1
    figures = ("agreement", "kappa", "rank_correlation", "shift")
    assert {found[name] for name in figures} == {NOT_EVALUATED}


def test_models_that_say_one_thing_to_everybody_have_no_order_and_no_chance_to_correct_for() -> None:
    same = FlaggedRisks(np.full(50, 0.3), np.full(50, fill_value=False))
    found = compare(same, same)
    assert found["agreement"][0] == 1.0
    assert (found["rank_correlation"], found["kappa"]) == (NOT_EVALUATED, NOT_EVALUATED)
    assert rank_correlation(same.risks, np.arange(50.0)) is None


def document(champion: FlaggedRisks, candidate: FlaggedRisks, groups: dict[str, Any]) -> dict[str, Any]:
    return comparison(HEART, champion, candidate, groups, {"batch": "replay", "champion_version": 1})


def test_groups_add_up_and_their_order_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    champion, candidate = two_models(rng, 400)
    groups = {each.name: rng.choice(list(each.group_names), 400) for each in HEART.protected}
    found = document(champion, candidate, groups)
    for by_group in found["groups"].values():
        added = shadow.together(by_group.values())
        assert added == {name: found["everyone"][name] for name in added}
    order = rng.permutation(400)
    again = document(
        FlaggedRisks(champion.risks[order], champion.flagged[order]),
        FlaggedRisks(candidate.risks[order], candidate.flagged[order]),
        {name: member[order] for name, member in groups.items()},
    )
    assert again["groups"].keys() == found["groups"].keys()
    assert shadow.together([again["everyone"]]) == shadow.together([found["everyone"]])
    assert again["everyone"]["rank_correlation"] == pytest.approx(found["everyone"]["rank_correlation"])
    assert "NaN" not in json.dumps(found)


def test_an_absent_group_is_left_out() -> None:
    champion, candidate = two_models(np.random.default_rng(4), 60)
    groups = {"sex": np.full(60, "female"), "age_band": np.full(60, "under_45")}
    assert set(document(champion, candidate, groups)["groups"]["sex"]) == {"female"}
