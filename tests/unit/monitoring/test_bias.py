"""Gaps between groups: fairlearn is the oracle; the approved gap is a number, today's has an interval."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import precision_score

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.bias import bias_finding, gaps
from clinrisk.core.monitoring.findings import CheckFinding, CheckVerdict, ScoreMaterial
from clinrisk.core.monitoring.group_gaps import (
    BY_OUTCOMES,
    BY_SCORES,
    CALIBRATION,
    FALSE_ALARMS,
    FLAGGED,
    PRECISION,
    RECALL,
    Counted,
    Gap,
    difference,
    log_ratio,
)
from clinrisk.core.monitoring.sequential import Sequential
from clinrisk.core.profiles.score_profile import ScoreProfile, merge, score_profile_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from clinrisk.core.monitoring.group_gaps import Measure
    from clinrisk.use_cases.base import UseCase


EVERY = (*BY_SCORES, *BY_OUTCOMES)


def drawn(  # what may be unfair
    use_case: UseCase,
    rows: int,
    rng: Generator,
    *,
    found: float = 0.85,
    false_alarms: float = 0.2,
    prevalence: float = 0.45,
    uncertain: float = 0.1,
) -> tuple[ScoreProfile, dict[str, Any]]:
    """Draw a labelled batch in which women are served as stated, and men with .85, .2, .45 and .1."""
    sex = rng.choice(["female", "male"], rows, p=[0.4, 0.6])
    women = sex == "female"
    age = rng.choice(["under_45", "45_to_64", "65_and_over"], rows)
    label = (rng.random(rows) < np.where(women, prevalence, 0.45)).astype(int)
    flagged = rng.random(rows) < np.where(
        label == 1, np.where(women, found, 0.85), np.where(women, false_alarms, 0.2)
    )
    doubts = rng.random(rows) < np.where(women, uncertain, 0.1)
    risk = np.where(flagged, 0.8, 0.15)
    groups = {"sex": sex, "age_band": age}
    profile = score_profile_of(use_case, risk, flagged, groups, label, uncertain=doubts)
    return profile, {"sex": sex, "label": label, "flagged": flagged.astype(int)}


def unlabelled(profile: ScoreProfile) -> ScoreProfile:
    return ScoreProfile(
        {
            attribute: {name: replace(group, outcomes=None) for name, group in groups.items()}
            for attribute, groups in profile.attributes.items()
        }
    )


def approved(profile: ScoreProfile) -> dict[str, Any]:
    """Spell a batch as evaluation.json's groups."""
    groups = {name: groups for name, groups in profile.to_dict().items() if name != "all"}
    for attribute, counts in groups.items():
        for name, flat in counts.items():
            ratio = flat["positives"] / profile.attributes[attribute][name].expected_positives
            flat["observed_to_expected"] = [ratio, ratio, ratio]
    return {"groups": groups}


def finding(
    use_case: UseCase,
    evaluation: dict[str, Any],
    scores: ScoreProfile,
    rng: Generator,
    known: ScoreProfile | None = None,
) -> CheckFinding:
    labelled = scores if known is None and scores.everyone.outcomes else known
    predicted = scores.everyone.n, scores.everyone.flagged
    return bias_finding(use_case, ScoreMaterial(evaluation, unlabelled(scores), rng, {}, labelled, predicted))


def gap_by_sex(use_case: UseCase, profile: ScoreProfile, measure: Measure) -> Gap:
    found = [
        gap
        for gap in gaps(use_case, approved(profile), profile, measure, Sequential())
        if isinstance(gap, Gap)
    ]
    return next(gap for gap in found if gap.attribute == "sex")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("measure", "oracle"),
    [
        (FLAGGED, selection_rate),
        (RECALL, true_positive_rate),
        (FALSE_ALARMS, false_positive_rate),
        (PRECISION, precision_score),
    ],
)
def test_the_gap_of_women_is_the_signed_difference_of_fairlearn(
    heart: UseCase, seed: int, measure: Measure, oracle: Callable[..., float]
) -> None:
    profile, rows = drawn(heart, 400, np.random.default_rng(seed), found=0.6)
    frame = MetricFrame(
        metrics=oracle, y_true=rows["label"], y_pred=rows["flagged"], sensitive_features=rows["sex"]
    )
    expected = frame.by_group["female"] - frame.by_group["male"]
    gap = gap_by_sex(heart, profile, measure)
    assert gap.today.value == pytest.approx(expected, abs=1e-12)
    assert gap.approved == pytest.approx(expected, abs=1e-12)
    assert gap.rate == pytest.approx(frame.by_group["female"], abs=1e-12)


def test_calibration_is_cases_per_expected_case_against_those_of_the_others(
    heart: UseCase, rng: Generator
) -> None:
    profile, _ = drawn(heart, 4000, rng)
    women, men = (profile.attributes["sex"][name] for name in ("female", "male"))
    assert women.outcomes is not None
    assert men.outcomes is not None
    ratios = [group.outcomes.positives / group.expected_positives for group in (women, men) if group.outcomes]
    gap = gap_by_sex(heart, profile, CALIBRATION)
    assert math.exp(gap.today.value) == pytest.approx(ratios[0] / ratios[1], rel=0.002)
    assert math.exp(gap.approved) == pytest.approx(ratios[0] / ratios[1], rel=0.002)


@pytest.mark.parametrize(
    ("unfair", "title"),
    [
        ({"found": 0.45}, "share of cases found"),
        ({"found": 1.0, "false_alarms": 0.6}, "share of false alarms"),
        ({"false_alarms": 0.6}, "share of flags that are right"),
        ({"false_alarms": 0.6}, "share flagged"),
        ({"prevalence": 0.8, "found": 0.6}, "cases per expected case"),
        ({"uncertain": 0.6}, "share of uncertain risks"),
    ],
)
def test_a_group_that_is_served_otherwise_alerts_in_every_measure(
    heart: UseCase, rng: Generator, unfair: dict[str, float], title: str
) -> None:
    evaluation = approved(drawn(heart, 3000, rng)[0])
    batch, _ = drawn(heart, 3000, rng, **unfair)
    found = finding(heart, evaluation, batch, rng)
    assert found.verdict is CheckVerdict.ALERT
    every = [
        gap
        for one in EVERY
        for gap in gaps(heart, evaluation, batch, one, Sequential())
        if isinstance(gap, Gap)
    ]
    changed = {(gap.measure.title, gap.group) for gap in every if gap.beyond > 1}
    assert (title, "women") in changed
    assert "sex, women" in found.detail
    assert found.statistic is not None
    assert found.statistic > found.threshold == 1


@pytest.mark.parametrize(("before", "now"), [(0.95, 0.6), (0.6, 0.95)])
def test_a_gap_that_turned_round_alerts_in_either_direction(
    heart: UseCase, rng: Generator, before: float, now: float
) -> None:
    evaluation = approved(drawn(heart, 3000, rng, found=before)[0])
    found = finding(heart, evaluation, drawn(heart, 3000, rng, found=now)[0], rng)
    assert found.verdict is CheckVerdict.ALERT


def test_a_wide_gap_that_was_approved_is_no_alert(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(drawn(heart, 20_000, rng, found=0.45)[0])
    assert finding(heart, evaluation, drawn(heart, 1000, rng, found=0.45)[0], rng).verdict == "OK"


def test_the_approved_gap_is_a_number_however_few_patients_gave_it(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(drawn(heart, 150, rng)[0])
    known = {
        name: Counted(group["tp"], group["positives"]) for name, group in evaluation["groups"]["sex"].items()
    }
    before = known["female"].hits / known["female"].trials - known["male"].hits / known["male"].trials
    share = 0.85 + before - 0.25
    found = finding(heart, evaluation, drawn(heart, 100_000, rng, found=share)[0], rng)
    assert found.verdict is CheckVerdict.ALERT
    assert f"approved with {before:+.2f} on {known['female'].trials:.0f} known cases" in found.detail


def test_many_patients_show_a_growth_that_few_do_not(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(drawn(heart, 50_000, rng)[0])
    verdicts = [
        finding(heart, evaluation, drawn(heart, rows, rng, found=0.68)[0], rng).verdict
        for rows in (200, 40_000)
    ]
    assert verdicts == [CheckVerdict.OK, CheckVerdict.ALERT]


def test_one_known_outcome_leaves_the_flags_of_all_to_judge(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(drawn(heart, 3000, rng)[0])
    batch, _ = drawn(heart, 2000, rng, found=0.2, false_alarms=0.02)
    one, _ = drawn(heart, 1, rng)
    found = finding(heart, evaluation, unlabelled(batch), rng, one)
    assert found.verdict is CheckVerdict.ALERT
    assert "share flagged" in found.detail
    assert "with fewer than 10 known cases" in found.detail


def test_outcomes_of_flagged_patients_alone_say_nothing_about_cases_found(
    heart: UseCase, rng: Generator
) -> None:
    def of_flagged(profile: ScoreProfile) -> ScoreProfile:
        def only(group: Any) -> Any:
            outcomes = replace(group.outcomes, positives=group.outcomes.tp)
            return replace(group, n=group.flagged, outcomes=outcomes)

        return ScoreProfile(
            {
                attribute: {name: only(group) for name, group in groups.items()}
                for attribute, groups in profile.attributes.items()
            }
        )

    evaluation = approved(drawn(heart, 3000, rng)[0])
    batch, _ = drawn(heart, 2000, rng, found=0.5, prevalence=0.5)
    found = finding(heart, evaluation, unlabelled(batch), rng, of_flagged(batch))
    assert (
        "Cases found, false alarms and calibration were not evaluated: outcomes are known of" in found.detail
    )
    assert "the share of cases found is" not in found.detail


def test_a_group_of_which_there_is_no_patient_is_named(heart: UseCase, rng: Generator) -> None:
    profile, _ = drawn(heart, 600, rng)
    sex = {"male": profile.attributes["sex"]["male"]}
    batch = replace(profile, attributes={**profile.attributes, "sex": sex})
    assert "No patient is in: sex: women." in finding(heart, approved(profile), batch, rng).detail


def test_a_group_that_the_approver_never_saw_is_left_out(heart: UseCase, rng: Generator) -> None:
    batch, _ = drawn(heart, 600, rng)
    evaluation = approved(batch)
    del evaluation["groups"]["sex"]["female"]
    found = finding(heart, evaluation, batch, rng)
    assert "sex: women" in found.detail


@pytest.mark.parametrize(("trials", "judged"), [(19, False), (20, True)])
def test_a_group_is_compared_from_its_minimum_on(heart: UseCase, trials: int, *, judged: bool) -> None:
    sex = np.repeat(["female", "male"], [trials, 100])
    groups = {"sex": sex, "age_band": np.repeat("under_45", len(sex))}
    profile = score_profile_of(heart, np.full(len(sex), 0.1), np.zeros(len(sex), dtype=bool), groups)
    found = list(gaps(heart, approved_counts(profile), profile, FLAGGED, Sequential()))
    assert any(isinstance(gap, Gap) for gap in found) is judged
    assert (f"sex: women ({trials})" in found) is not judged


def approved_counts(profile: ScoreProfile) -> dict[str, Any]:
    return {"groups": {name: groups for name, groups in profile.to_dict().items() if name != "all"}}


def test_with_no_group_that_is_large_enough_nothing_is_judged(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(drawn(heart, 600, rng)[0])
    found = finding(heart, evaluation, drawn(heart, 15, rng)[0], rng)
    assert (found.verdict, found.statistic) == (CheckVerdict.NOT_EVALUATED, None)
    assert "sex: women (" in found.detail
    nothing = bias_finding(heart, ScoreMaterial(evaluation, None, rng))
    assert (nothing.verdict, nothing.statistic) == (CheckVerdict.NOT_EVALUATED, None)


def test_what_could_have_been_seen_falls_with_more_patients(heart: UseCase, rng: Generator) -> None:
    visible = [gap_by_sex(heart, drawn(heart, rows, rng)[0], RECALL).visible for rows in (200, 2000, 20_000)]
    assert visible == sorted(visible, reverse=True)
    assert visible[-1] < 0.15
    detail = finding(heart, approved(drawn(heart, 2000, rng)[0]), drawn(heart, 2000, rng)[0], rng).detail
    assert "A change of the gap would have shown from 0.1" in detail


@pytest.mark.parametrize("rows", [20, 100, 1000])
def test_healthy_batches_seldom_alert(heart: UseCase, rng: Generator, rows: int) -> None:
    evaluation = approved(drawn(heart, 100_000, rng)[0])
    alerts = sum(
        finding(heart, evaluation, drawn(heart, rows, rng)[0], rng).verdict is CheckVerdict.ALERT
        for _ in range(150)
    )
    assert alerts <= 1


def test_batches_added_up_are_judged_as_one(heart: UseCase, rng: Generator) -> None:
    evaluation = approved(drawn(heart, 3000, rng)[0])
    parts = [drawn(heart, 300, rng, found=0.5)[0] for _ in range(4)]
    total = merge(parts)
    gap = gap_by_sex(heart, total, RECALL)
    women = [part.attributes["sex"]["female"].outcomes for part in parts]
    assert gap.rate == sum(one.tp for one in women if one) / sum(one.positives for one in women if one)
    assert finding(heart, evaluation, total, rng).verdict is CheckVerdict.ALERT


def test_every_measure_has_an_interval_about_its_value(heart: UseCase, rng: Generator) -> None:
    profile, _ = drawn(heart, 500, rng)
    for measure in (*BY_SCORES, *BY_OUTCOMES):
        for gap in gaps(heart, approved(profile), profile, measure, Sequential()):
            if isinstance(gap, Gap):
                assert gap.today.low <= gap.today.value <= gap.today.high


def test_intervals_hold_what_they_say(rng: Generator) -> None:
    shares, ratios = 0, 0
    for _ in range(500):
        one, other = rng.binomial(60, 0.8), rng.binomial(150, 0.7)
        found = difference(Counted(one, 60), Counted(other, 150), 0.9)
        shares += found.low <= 0.1 <= found.high
        cases, others = rng.binomial(200, 0.1), rng.binomial(500, 0.08)
        ratio = log_ratio(Counted(cases, 200, 20), Counted(others, 500, 40), 0.9)
        ratios += ratio.low <= 0 <= ratio.high
    assert min(shares, ratios) >= 430


def test_every_ending_reads_as_it_was_read_aloud(
    heart: UseCase, finding_snapshot: Callable[[str, dict[str, CheckFinding]], None]
) -> None:
    rng = np.random.default_rng(7)
    evaluation = approved(drawn(heart, 2000, rng)[0])
    endings = {
        "not scored": bias_finding(heart, ScoreMaterial({}, None, rng)),
        "few patients": finding(heart, evaluation, drawn(heart, 12, rng)[0], rng),
        "in order": finding(heart, evaluation, drawn(heart, 900, rng)[0], rng),
        "fewer cases found": finding(heart, evaluation, drawn(heart, 900, rng, found=0.4)[0], rng),
        "more cases than expected": finding(
            heart, evaluation, drawn(heart, 2000, rng, prevalence=0.8, found=0.6)[0], rng
        ),
        "more doubts": finding(heart, evaluation, drawn(heart, 900, rng, uncertain=0.7)[0], rng),
    }
    assert LIMITS.bias_doubt_gap == 0.25
    finding_snapshot("bias", endings)
