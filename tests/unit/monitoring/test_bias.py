from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fairlearn.metrics import demographic_parity_difference, equal_opportunity_difference
from numpy.random import Generator

from clinrisk.core.monitoring.bias import (
    GAP_RISE_LIMIT,
    SELECTION_RATE,
    TRUE_POSITIVE_RATE,
    Rate,
    bias_finding,
    current_rates,
    gap_draws,
    gap_rise,
    rate_gap,
)
from clinrisk.core.monitoring.findings import CheckVerdict
from clinrisk.core.profiles.score_profile import ScoreProfile, score_profile_of
from clinrisk.use_cases.base import UseCase


def scored(
    use_case: UseCase, rows: int, rng: Generator, found_in_women: float = 0.85, *, labelled: bool = True
) -> tuple[ScoreProfile, dict[str, Any]]:
    """Draw a batch in which a share of women's cases is found, and 85% of men's; and its rows."""
    sex = rng.choice(["female", "male"], rows, p=[0.4, 0.6])
    age = rng.choice(["under_45", "45_to_64", "65_and_over"], rows)
    label = (rng.random(rows) < 0.45).astype(int)
    sensitivity = np.where(sex == "female", found_in_women, 0.85)
    flagged = rng.random(rows) < np.where(label == 1, sensitivity, 0.2)
    risk = np.where(flagged, 0.7, 0.1)
    truth = label if labelled else None
    profile = score_profile_of(use_case, risk, flagged, {"sex": sex, "age_band": age}, truth)
    return profile, {"sex": sex, "label": label, "flagged": flagged.astype(int)}


def approved(profile: ScoreProfile) -> dict[str, Any]:
    """Spell a batch as evaluation.json's groups."""
    return {"groups": {name: groups for name, groups in profile.to_dict().items() if name != "all"}}


def gap_of(profile: ScoreProfile, labelled: bool) -> float:  # noqa: FBT001 (a parametrized case)
    measure = TRUE_POSITIVE_RATE if labelled else SELECTION_RATE
    rates = current_rates(profile, "sex", measure).values()
    return float(rate_gap(np.array([rate.hits / rate.trials for rate in rates])))


def test_a_group_whose_outcomes_nobody_knows_has_no_share_of_cases_found(
    heart: UseCase, rng: Generator
) -> None:
    batch, _ = scored(heart, 600, rng)
    sex = batch.attributes["sex"]
    partly = {**sex, "female": replace(sex["female"], outcomes=None)}
    unknown = replace(batch, attributes={**batch.attributes, "sex": partly})
    assert set(current_rates(unknown, "sex", TRUE_POSITIVE_RATE)) == {"male"}


@pytest.mark.parametrize("seed", range(5))
def test_the_gaps_are_those_of_fairlearn(heart: UseCase, seed: int) -> None:
    profile, rows = scored(heart, 400, np.random.default_rng(seed), 0.6)
    truth, flags, sex = rows["label"], rows["flagged"], rows["sex"]
    parity = demographic_parity_difference(truth, flags, sensitive_features=sex)
    opportunity = equal_opportunity_difference(truth, flags, sensitive_features=sex)
    assert gap_of(profile, labelled=False) == pytest.approx(parity, abs=1e-12)
    assert gap_of(profile, labelled=True) == pytest.approx(opportunity, abs=1e-12)


def test_drawing_counts_is_resampling_rows(rng: Generator) -> None:
    groups = {"female": Rate(12, 30), "male": Rate(50, 70)}
    rows = np.array([(0, 1)] * 12 + [(0, 0)] * 18 + [(1, 1)] * 50 + [(1, 0)] * 20)
    by_rows = []
    for _ in range(3000):
        picked = rows[rng.integers(100, size=100)]
        by_rows.append(abs(picked[picked[:, 0] == 0, 1].mean() - picked[picked[:, 0] == 1, 1].mean()))
    drawn = gap_draws(groups, rng, 3000)
    for share in (0.025, 0.5, 0.975):
        assert np.quantile(drawn, share) == pytest.approx(np.quantile(by_rows, share), abs=0.02)


def test_a_wide_gap_that_was_approved_is_no_alert(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(scored(heart, 600, rng, 0.45)[0])
    found = bias_finding(heart, evaluation, scored(heart, 400, rng, 0.45)[0], rng)
    assert found.verdict is CheckVerdict.OK


def test_a_group_whose_cases_are_found_less_often_than_approved_alerts(
    heart: UseCase, rng: Generator
) -> None:
    evaluation = approved(scored(heart, 600, rng)[0])
    found = bias_finding(heart, evaluation, scored(heart, 400, rng, 0.4)[0], rng)
    assert found.verdict is CheckVerdict.ALERT
    assert found.statistic is not None
    assert found.statistic > found.threshold == GAP_RISE_LIMIT
    assert "by sex: the gap in the share of cases found is 0." in found.detail


def test_a_gap_that_closed_is_no_alert(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(scored(heart, 600, rng, 0.4)[0])
    found = bias_finding(heart, evaluation, scored(heart, 400, rng, 0.85)[0], rng)
    assert found.verdict is CheckVerdict.OK


def test_without_outcomes_the_flagged_shares_are_compared(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(scored(heart, 600, rng)[0])
    batch, _ = scored(heart, 600, rng, 0.1, labelled=False)
    found = bias_finding(heart, evaluation, batch, rng)
    assert found.verdict is CheckVerdict.ALERT
    assert "the gap in the share flagged" in found.detail


def test_groups_with_few_known_cases_are_named_with_their_count_and_left_out(
    heart: UseCase, rng: Generator
) -> None:
    evaluation = approved(scored(heart, 600, rng)[0])
    batch, _ = scored(heart, 30, rng)
    found = bias_finding(heart, evaluation, batch, rng)
    cases = batch.attributes["age_band"]["under_45"].outcomes
    assert cases is not None
    assert cases.positives < 10
    assert f"age_band under_45 ({cases.positives})" in found.detail
    assert "fewer than 10 known cases" in found.detail


def test_with_no_two_groups_that_are_large_enough_nothing_is_judged(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(scored(heart, 600, rng)[0])
    for scores in (scored(heart, 15, rng)[0], scored(heart, 15, rng, labelled=False)[0], None):
        found = bias_finding(heart, evaluation, scores, rng)
        assert found.verdict is CheckVerdict.NOT_EVALUATED
        assert found.statistic is None


def test_a_group_that_the_approver_never_saw_is_left_out(heart: UseCase, rng: Generator) -> None:
    batch, _ = scored(heart, 600, rng)
    evaluation = approved(batch)
    del evaluation["groups"]["sex"]["female"]
    renamed = replace(batch, attributes={name: batch.attributes[name] for name in ("all", "sex")})
    found = bias_finding(heart, evaluation, renamed, rng)
    assert found.verdict is CheckVerdict.NOT_EVALUATED
    assert "sex female" in found.detail


@pytest.mark.parametrize(
    ("before", "now"), [((20, 91), (12, 50)), ((10, 20), (10, 10)), ((50, 50), (30, 30))]
)
def test_equal_groups_seldom_alert_however_small(
    rng: Generator, before: tuple[int, int], now: tuple[int, int]
) -> None:
    def draw(trials: tuple[int, int]) -> dict[str, Rate]:
        return {name: Rate(int(rng.binomial(n, 0.85)), n) for name, n in zip("ab", trials, strict=True)}

    alerts = sum(gap_rise("sex", draw(before), draw(now), rng).low > GAP_RISE_LIMIT for _ in range(200))
    assert alerts <= 6
