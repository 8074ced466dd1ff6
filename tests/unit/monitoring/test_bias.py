from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fairlearn.metrics import demographic_parity_difference, equal_opportunity_difference
from numpy.random import Generator

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring import bias
from clinrisk.core.monitoring.bias import (
    SELECTION_RATE,
    TRUE_POSITIVE_RATE,
    GapRise,
    Rate,
    bias_finding,
    current_rates,
    gap_draws,
    gap_rise,
    rate_gap,
)
from clinrisk.core.monitoring.findings import CheckFinding, CheckVerdict, ScoreMaterial
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


def finding(
    use_case: UseCase, evaluation: dict[str, Any], scores: ScoreProfile | None, rng: Generator
) -> CheckFinding:
    return bias_finding(use_case, ScoreMaterial(evaluation, scores, rng))


def batch_of(
    use_case: UseCase, *, women: tuple[int, int], men: tuple[int, int], labelled: bool
) -> ScoreProfile:
    """Make a batch from how many of how many women and men are flagged; all are cases where labelled."""
    sex = np.repeat(["female", "male"], [women[1], men[1]])
    flagged = np.concatenate([np.arange(total) < hits for hits, total in (women, men)])
    label = np.ones(len(sex), dtype=int) if labelled else None
    groups = {"sex": sex, "age_band": np.repeat("under_45", len(sex))}
    return score_profile_of(use_case, np.where(flagged, 0.7, 0.1), flagged, groups, label)


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
    found = finding(heart, evaluation, scored(heart, 400, rng, 0.45)[0], rng)
    assert found.verdict is CheckVerdict.OK


def test_a_group_whose_cases_are_found_less_often_than_approved_alerts(
    heart: UseCase, rng: Generator
) -> None:
    evaluation = approved(scored(heart, 600, rng)[0])
    found = finding(heart, evaluation, scored(heart, 400, rng, 0.4)[0], rng)
    assert found.verdict is CheckVerdict.ALERT
    assert found.threshold == 0.10
    assert found.statistic is not None
    assert found.statistic > found.threshold
    assert "by sex" in found.detail
    assert "share of cases found" in found.detail


def test_a_gap_that_closed_is_no_alert(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(scored(heart, 600, rng, 0.4)[0])
    found = finding(heart, evaluation, scored(heart, 400, rng, 0.85)[0], rng)
    assert found.verdict is CheckVerdict.OK


def test_without_outcomes_the_flagged_shares_are_compared(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(scored(heart, 600, rng)[0])
    batch, _ = scored(heart, 600, rng, 0.1, labelled=False)
    found = finding(heart, evaluation, batch, rng)
    assert found.verdict is CheckVerdict.ALERT
    assert "share flagged" in found.detail


def test_groups_with_few_known_cases_are_named_with_their_count_and_left_out(
    heart: UseCase, rng: Generator
) -> None:
    evaluation = approved(scored(heart, 600, rng)[0])
    batch, _ = scored(heart, 30, rng)
    found = finding(heart, evaluation, batch, rng)
    cases = batch.attributes["age_band"]["under_45"].outcomes
    assert cases is not None
    assert cases.positives < 10
    assert f"age: under 45 ({cases.positives})" in found.detail
    assert "10 known cases" in found.detail


def test_with_no_two_groups_that_are_large_enough_nothing_is_judged(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(scored(heart, 600, rng)[0])
    for scores in (scored(heart, 15, rng)[0], scored(heart, 15, rng, labelled=False)[0], None):
        found = finding(heart, evaluation, scores, rng)
        assert found.verdict is CheckVerdict.NOT_EVALUATED
        assert found.statistic is None


def test_a_group_that_the_approver_never_saw_is_left_out(heart: UseCase, rng: Generator) -> None:
    batch, _ = scored(heart, 600, rng)
    evaluation = approved(batch)
    del evaluation["groups"]["sex"]["female"]
    renamed = replace(batch, attributes={name: batch.attributes[name] for name in ("all", "sex")})
    found = finding(heart, evaluation, renamed, rng)
    assert found.verdict is CheckVerdict.NOT_EVALUATED
    assert "sex: women" in found.detail


@pytest.mark.parametrize(
    ("before", "now"), [((20, 91), (12, 50)), ((10, 20), (10, 10)), ((50, 50), (30, 30))]
)
def test_equal_groups_seldom_alert_however_small(
    rng: Generator, before: tuple[int, int], now: tuple[int, int]
) -> None:
    def draw(trials: tuple[int, int]) -> dict[str, Rate]:
        return {name: Rate(int(rng.binomial(n, 0.85)), n) for name, n in zip("ab", trials, strict=True)}

    alerts = sum(gap_rise("sex", draw(before), draw(now), rng).low > LIMITS.bias_gap_rise for _ in range(200))
    assert alerts <= 6


def test_the_finding_holds_the_gaps_of_its_worst_attribute(heart: UseCase, rng: Generator) -> None:
    before = batch_of(heart, women=(80, 100), men=(90, 100), labelled=True)
    now = batch_of(heart, women=(30, 100), men=(80, 100), labelled=True)
    found = finding(heart, approved(before), now, rng)
    assert (found.verdict, found.statistic, found.threshold) == (CheckVerdict.ALERT, 0.4, 0.10)
    assert "0.50" in found.detail
    assert "0.10" in found.detail


@pytest.mark.parametrize(("labelled", "fewest"), [(True, 10), (False, 20)])
@pytest.mark.parametrize("side", ["batch", "approved"])
def test_a_group_is_compared_from_its_minimum_on(
    heart: UseCase,
    rng: Generator,
    labelled: bool,  # noqa: FBT001 (a parametrized case)
    fewest: int,
    side: str,
) -> None:
    large = batch_of(heart, women=(80, 100), men=(90, 100), labelled=labelled)
    for size, evaluated in ((fewest - 1, False), (fewest, True), (fewest + 1, True)):
        small = batch_of(heart, women=(size // 2, size), men=(90, 100), labelled=labelled)
        before, now = (large, small) if side == "batch" else (small, large)
        found = finding(heart, approved(before), now, rng)
        assert (found.verdict is not CheckVerdict.NOT_EVALUATED) is evaluated, size
        assert ("sex: women" in found.detail) is not evaluated


def test_an_alert_needs_the_low_end_of_the_rise_above_its_limit(heart: UseCase) -> None:
    before = {"a": Rate(90, 100), "b": Rate(90, 100)}
    verdicts = []
    for lost in range(0, 60, 5):
        now = {"a": Rate(90 - lost, 100), "b": Rate(90, 100)}
        rise = gap_rise("sex", before, now, np.random.default_rng(5), LIMITS.bias_significance / 2)
        batch = batch_of(heart, women=(90 - lost, 100), men=(90, 100), labelled=True)
        evaluation = approved(batch_of(heart, women=(90, 100), men=(90, 100), labelled=True))
        found = finding(heart, evaluation, batch, np.random.default_rng(5))
        assert (found.verdict is CheckVerdict.ALERT) == (rise.low > 0.10)
        verdicts.append(found.verdict)
    assert set(verdicts) == {CheckVerdict.OK, CheckVerdict.ALERT}


def test_every_ending_reads_as_it_was_read_aloud(
    heart: UseCase, rng: Generator, finding_snapshot: Callable[[str, dict[str, CheckFinding]], None]
) -> None:
    def ending(women: int, of: int, *, labelled: bool) -> CheckFinding:
        before = batch_of(heart, women=(85, 100), men=(90, 100), labelled=labelled)
        now = batch_of(heart, women=(women, of), men=(90, 100), labelled=labelled)
        return finding(heart, approved(before), now, rng)

    endings = {
        "not scored": finding(heart, {}, None, rng),
        "few cases": ending(8, 9, labelled=True),
        "few patients": ending(8, 19, labelled=False),
        "in order": ending(85, 100, labelled=False),
        "fewer cases found": ending(30, 100, labelled=True),
        "fewer flagged": ending(30, 100, labelled=False),
    }
    finding_snapshot("bias", endings)


@pytest.mark.parametrize(("low", "verdict"), [(0.0999, "OK"), (0.1, "OK"), (0.1001, "ALERT")])
def test_a_rise_alerts_only_when_its_low_end_is_above_the_limit(
    heart: UseCase, rng: Generator, monkeypatch: pytest.MonkeyPatch, low: float, verdict: str
) -> None:
    monkeypatch.setattr(bias, "gap_rise", lambda attribute, *_: GapRise(attribute, 0.05, 0.4, low))
    batch, _ = scored(heart, 600, rng)
    assert finding(heart, approved(batch), batch, rng).verdict == verdict
