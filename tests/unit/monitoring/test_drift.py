import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator

from clinrisk import use_cases
from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.drift import changes, drift_finding
from clinrisk.core.monitoring.findings import CheckFinding, CheckVerdict, ProfileMaterial
from clinrisk.core.monitoring.input_changes import bin_starts, binned
from clinrisk.core.monitoring.risk_changes import in_bins
from clinrisk.core.profiles.feature_profile import ColumnCounts, Profile, merge, profile_of
from clinrisk.core.profiles.pair_sums import PairSums
from clinrisk.core.profiles.score_profile import ScoreProfile, score_profile_of
from clinrisk.jobs.evaluation.calibration import risk_histogram
from clinrisk.use_cases.base import UseCase
from clinrisk.use_cases.columns import Number

Draw = Callable[..., Profile]
Findings = Callable[[str, dict[str, CheckFinding]], None]


def finding(use_case: UseCase, reference: Profile, current: Profile, rng: Generator) -> CheckFinding:
    return drift_finding(use_case, ProfileMaterial(reference, current, 0, rng))


def with_column(profile: Profile, name: str, missing: int, counts: tuple[int, ...]) -> Profile:
    return replace(profile, columns={**profile.columns, name: ColumnCounts(missing, counts)})


def test_a_number_is_cut_at_the_quintiles_of_the_reference(heart: UseCase) -> None:
    counts = [0] * 100
    for cell in (10, 20, 30, 40, 50):
        counts[cell] = 10
    assert bin_starts(heart.column("chol"), ColumnCounts(0, tuple(counts))) == [0, 11, 21, 31, 41]


def test_a_value_that_most_rows_share_gives_fewer_bins_and_no_rows_one(heart: UseCase) -> None:
    most_at_zero = ColumnCounts(0, (90, *[0] * 98, 10))
    assert bin_starts(heart.column("oldpeak"), most_at_zero) == [0, 1]
    assert bin_starts(heart.column("oldpeak"), ColumnCounts(50, (0,) * 100)) == [0]


def test_each_code_is_a_bin_and_missing_is_the_last(heart: UseCase) -> None:
    counts = ColumnCounts(7, (4, 3, 2, 1))
    starts = bin_starts(heart.column("cp"), counts)
    assert binned(counts, starts).tolist() == [4, 3, 2, 1, 7]


@given(st.integers(0, 2**32 - 1))
def test_no_row_is_lost_in_the_bins(seed: int) -> None:
    rng = np.random.default_rng(seed)
    column = use_cases.get("heart").column("chol")
    reference, current = (ColumnCounts(3, tuple(rng.poisson(0.7, 100).tolist())) for _ in range(2))
    starts = bin_starts(column, reference)
    assert binned(current, starts).sum() == current.present + current.missing
    assert len(starts) <= 5


@pytest.mark.parametrize("name", [column.name for column in use_cases.get("heart").columns])
def test_one_empty_column_alerts_from_twenty_rows_on(
    heart: UseCase, profiled: Draw, rng: Generator, name: str
) -> None:
    batch = profiled(20)
    emptied = with_column(batch, name, 20, (0,) * len(batch.columns[name].counts))
    found = finding(heart, profiled(300), emptied, rng)
    assert found.verdict is CheckVerdict.ALERT
    assert f"({name})" in found.detail


@pytest.mark.parametrize("name", [column.name for column in use_cases.get("heart").columns])
def test_one_constant_column_alerts_from_fifty_rows_on(
    heart: UseCase, profiled: Draw, rng: Generator, name: str
) -> None:
    batch = profiled(50)
    cells = list(batch.columns[name].counts)
    commonest = int(np.argmax(cells))
    constant = tuple(50 if cell == commonest else 0 for cell in range(len(cells)))
    found = finding(heart, profiled(300), with_column(batch, name, 0, constant), rng)
    assert found.verdict is CheckVerdict.ALERT
    assert "one and the same value in all of 50 rows" in found.detail


def test_a_column_that_was_as_good_as_constant_at_training_may_be_so(
    heart: UseCase, profiled: Draw, rng: Generator
) -> None:
    reference = with_column(profiled(300), "fbs", 0, (299, 1))
    assert finding(heart, reference, with_column(profiled(60), "fbs", 0, (60, 0)), rng).verdict == "OK"


def test_an_older_population_alerts_with_its_means_and_more_surely_with_more_rows(
    heart: UseCase, profiled: Draw, rng: Generator
) -> None:
    reference = profiled(300)
    found = [finding(heart, reference, profiled(rows, older=10), rng) for rows in (100, 1000)]
    assert all(each.verdict is CheckVerdict.ALERT for each in found)
    assert re.search(
        r"age \(age\): the mean is 7\d[.\d]* years, against 6\d[.\d]* at training", found[1].detail
    )
    sure = [each.statistic for each in found]
    assert sure[0] is not None
    assert sure[1] is not None
    assert found[0].threshold == 1 < sure[0] < sure[1]


def test_a_shift_that_the_use_case_holds_for_small_is_in_order_however_many_rows(
    heart: UseCase, profiled: Draw, rng: Generator
) -> None:
    reference = batch = profiled(300)
    larger = {
        name: ColumnCounts(column.missing * 1000, tuple(1000 * count for count in column.counts))
        for name, column in batch.columns.items()
    }
    thousandfold = replace(batch, rows=300_000, columns=larger)
    assert finding(heart, reference, thousandfold, rng).verdict is CheckVerdict.OK


def test_columns_that_no_longer_go_together_alert_though_each_is_as_before(
    heart: UseCase, patients: Any, rng: Generator
) -> None:
    def drawn(rows: int, *, shuffled: bool) -> Profile:
        table = patients(heart, rows, rng)
        table["thalach"] = np.clip(200 - table["age"] + rng.normal(0, 8, rows), 40, 240)
        if shuffled:
            table["thalach"] = rng.permutation(table["thalach"])
        return profile_of(heart, table, {})

    reference = drawn(300, shuffled=False)
    assert finding(heart, reference, drawn(300, shuffled=False), rng).verdict is CheckVerdict.OK
    found = finding(heart, reference, drawn(300, shuffled=True), rng)
    assert found.verdict is CheckVerdict.ALERT
    assert "age and highest heart rate reached go together otherwise: correlation" in found.detail


def test_what_is_missing_together_alerts_though_each_column_is_missing_as_often(
    heart: UseCase, patients: Any, rng: Generator
) -> None:
    def drawn(*, together: bool) -> Profile:
        table = patients(heart, 1000, rng, missing=0.0)
        for number, name in enumerate(("chol", "trestbps")):
            absent = np.roll(np.arange(1000) % 4 == 0, 0 if together else number)
            table[name] = np.where(absent, np.nan, table[name])
        return profile_of(heart, table, {})

    found = finding(heart, drawn(together=False), drawn(together=True), rng)
    assert found.verdict is CheckVerdict.ALERT
    assert "are missing together in a further 25% of the rows" in found.detail


def test_another_mix_of_groups_alerts(heart: UseCase, profiled: Draw, rng: Generator) -> None:
    reference, batch = (
        replace(profiled(200), groups={"sex": {"female": women, "male": 200 - women}}) for women in (60, 140)
    )
    assert "groups by sex: 40% of the patients" in finding(heart, reference, batch, rng).detail


def scored(use_case: UseCase, risk: Any, *, uncertain: float = 0.0) -> ScoreProfile:
    rows = len(risk)
    groups = {"sex": np.repeat("male", rows), "age_band": np.repeat("under_45", rows)}
    doubts = np.arange(rows) < uncertain * rows
    return score_profile_of(use_case, risk, risk >= 0.4, groups, uncertain=doubts)


def evaluated(use_case: UseCase, risk: Any) -> dict[str, Any]:
    profile = scored(use_case, risk).to_dict()
    return {
        "groups": {name: groups for name, groups in profile.items() if name != "all"},
        "curves": {"risks": risk_histogram(np.zeros(len(risk), dtype=int), risk)},
        "cross_checks": {"doubts": {"rows": 100, "not_scored": 0, "uncertain": 10}},
    }


@pytest.mark.parametrize(
    ("power", "uncertain", "expected"),
    [
        (1.0, 0.1, None),
        (0.5, 0.1, "risks: their mean is 0."),
        (0.5, 0.1, "of the patients are in other fifths of risk"),
        (0.5, 0.1, "patients flagged: "),
        (0.5, 0.1, "sex, men, flagged: "),
        (1.0, 0.6, "patients uncertain: 60% of 500, against 10% of 100 in the evaluation"),
    ],
)
def test_risks_and_flags_and_doubts_are_held_against_the_evaluation(  # noqa: PLR0917  # three facts, three fixtures
    heart: UseCase, profiled: Draw, rng: Generator, power: float, uncertain: float, expected: str | None
) -> None:
    evaluation = evaluated(heart, rng.beta(1.2, 3, 300))
    scores = scored(heart, rng.beta(1.2, 3, 500) ** power, uncertain=uncertain)
    material = ProfileMaterial(profiled(300), profiled(500), 0, rng, evaluation, scores)
    found = drift_finding(heart, material)
    sentences = [change.sentence for change in changes(heart, material) if change.proven > 1]
    if expected is None:
        assert (found.verdict, sentences) == (CheckVerdict.OK, [])
    else:
        assert found.verdict is CheckVerdict.ALERT
        assert any(expected in sentence for sentence in sentences)
        assert "The model flags" in found.detail


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(0, 1))
def test_every_risk_is_in_one_bin_of_the_evaluation(risks: list[float], top: int) -> None:
    heart = use_cases.get("heart")
    edges = np.linspace(0, (0.3, 1.0)[top], 21)
    found = in_bins(scored(heart, np.array(risks)).everyone, edges)
    assert found.sum() == len(risks)
    assert found.min() >= 0


def test_a_risk_is_counted_in_the_bin_that_it_is_in_or_next_to_it(heart: UseCase, rng: Generator) -> None:
    risks = rng.beta(1, 4, 5000)
    edges = np.linspace(0, 0.8, 21)
    exact = np.histogram(np.minimum(risks, 0.8), edges)[0]
    assert np.abs(np.cumsum(in_bins(scored(heart, risks).everyone, edges) - exact)).max() <= 50


def test_an_evaluation_without_these_figures_leaves_them_out(
    heart: UseCase, profiled: Draw, rng: Generator
) -> None:
    material = ProfileMaterial(profiled(300), profiled(100), 0, rng, {}, scored(heart, rng.random(100)))
    assert drift_finding(heart, material).verdict is CheckVerdict.OK


def test_pairs_of_an_earlier_form_are_left_out(heart: UseCase, profiled: Draw, rng: Generator) -> None:
    table = ((1,),)
    batch = replace(profiled(100), pairs=PairSums(table, table, table, table))
    assert finding(heart, profiled(300), batch, rng).verdict is CheckVerdict.OK


@pytest.mark.parametrize("changed", [{"schema_version": 2}, {"use_case": "stroke"}])
def test_profiles_of_another_contract_are_not_evaluated(
    heart: UseCase, profiled: Draw, rng: Generator, changed: dict[str, Any]
) -> None:
    found = finding(heart, profiled(300), replace(profiled(100), **changed), rng)
    assert found.verdict is CheckVerdict.NOT_EVALUATED
    assert "contract" in found.detail


def test_a_column_that_nobody_had_at_training_and_nobody_has_now_is_in_order(
    heart: UseCase, profiled: Draw, rng: Generator
) -> None:
    reference, batch = (with_column(profiled(rows), "ca", rows, (0,) * 100) for rows in (300, 60))
    assert finding(heart, reference, batch, rng).verdict is CheckVerdict.OK


def test_five_changes_are_named_and_the_others_counted(
    heart: UseCase, profiled: Draw, rng: Generator
) -> None:
    material = ProfileMaterial(profiled(300), profiled(60, older=25, missing=0.6), 0, rng)
    drifted = {change.subject for change in changes(heart, material) if change.proven > 1}
    found = drift_finding(heart, material)
    assert len(drifted) > 5
    assert f"; and {len(drifted) - 5} more." in found.detail


@pytest.mark.parametrize(
    ("reference", "current", "side"), [(300, 19, "batch"), (19, 300, "training set"), (19, 19, "batch")]
)
def test_too_few_rows_on_either_side_are_not_evaluated(  # noqa: PLR0917  # three facts, three fixtures
    heart: UseCase, profiled: Draw, rng: Generator, reference: int, current: int, side: str
) -> None:
    found = finding(heart, profiled(reference), profiled(current), rng)
    assert (found.verdict, found.statistic, found.threshold) == (CheckVerdict.NOT_EVALUATED, None, 1.0)
    assert re.search(rf"the {side} has 19 rows.* 20 ", found.detail)


@pytest.mark.parametrize(("reference", "current"), [(300, 20), (20, 300), (20, 21), (21, 20)])
def test_twenty_rows_on_both_sides_are_enough(
    heart: UseCase, profiled: Draw, rng: Generator, reference: int, current: int
) -> None:
    found = finding(heart, profiled(reference), profiled(current), rng)
    assert found.verdict is CheckVerdict.OK
    assert "In four of five cases they would have shown" in found.detail


def test_the_same_batch_and_seed_give_the_same_finding(heart: UseCase, profiled: Draw) -> None:
    reference, batch = profiled(300), profiled(50, older=12, missing=0.2)
    first, second = (finding(heart, reference, batch, np.random.default_rng(1)) for _ in range(2))
    assert first == second


def test_many_batches_added_up_are_judged_as_one_batch_of_their_rows(
    heart: UseCase, patients: Any, rng: Generator
) -> None:
    reference = profile_of(heart, patients(heart, 300, rng), {})
    table = patients(heart, 600, rng, older=4)
    parts = [
        profile_of(heart, {name: values[start : start + 40] for name, values in table.items()}, {})
        for start in range(0, 600, 40)
    ]
    one, many = profile_of(heart, table, {}), merge(parts)
    # The waves begin anew in every part; nothing else differs.
    found = [finding(heart, reference, each, np.random.default_rng(2)) for each in (one, many)]
    assert found[0] == found[1]
    assert found[0].verdict is CheckVerdict.ALERT
    alone = [finding(heart, reference, part, np.random.default_rng(2)).verdict for part in parts]
    assert CheckVerdict.OK in alone


@pytest.mark.slow
@pytest.mark.parametrize("rows", [20, 100])
def test_of_fifty_healthy_batches_at_most_one_alerts(
    heart: UseCase, profiled: Draw, rng: Generator, rows: int
) -> None:
    alerts = sum(
        finding(heart, profiled(150), profiled(rows), rng).verdict is CheckVerdict.ALERT for _ in range(50)
    )
    assert alerts <= 1


@pytest.mark.parametrize("rows", [20, 50, 100])
def test_another_hospital_alerts_every_time(
    heart: UseCase, profiled: Draw, rng: Generator, rows: int
) -> None:
    reference = profiled(150)
    found = [finding(heart, reference, profiled(rows, older=20, missing=0.5), rng) for _ in range(30)]
    assert all(each.verdict is CheckVerdict.ALERT for each in found)


def test_every_number_and_code_has_a_smallest_change_that_matters() -> None:
    for name in use_cases.names():
        for column in use_cases.get(name).columns:
            span = column.high - column.low if isinstance(column, Number) else 1.0
            assert 0 < (column.matters or LIMITS.drift_moved) < span


def test_every_ending_reads_as_it_was_read_aloud(
    heart: UseCase, profiled: Draw, rng: Generator, finding_snapshot: Findings
) -> None:
    drawn = replace(profiled(300, missing=0.0), pairs=None)

    def counted(rows: int, changed: int) -> Profile:
        """Return a profile whose first columns have moved from mostly their first cell to their last."""
        columns = {}
        for number, (name, column) in enumerate(drawn.columns.items()):
            cells = [0] * len(column.counts)
            cells[0 if number >= changed else -1] = rows * 4 // 5
            cells[-1 if number >= changed else 0] += rows - rows * 4 // 5
            columns[name] = ColumnCounts(0, tuple(cells))
        return replace(drawn, rows=rows, columns=columns, groups={})

    batches = {
        "small batch": (counted(300, 0), counted(19, 0)),
        "small training set": (counted(19, 0), counted(300, 0)),
        "in order": (counted(300, 0), counted(60, 0)),
        "one column": (counted(300, 0), counted(60, 1)),
        "six columns": (counted(300, 0), counted(60, 6)),
        "an empty column": (
            counted(300, 0),
            with_column(counted(60, 0), "cp", 60, (0, 0, 0, 0)),
        ),
    }
    endings = {ending: finding(heart, *both, np.random.default_rng(4)) for ending, both in batches.items()}
    finding_snapshot("drift", endings)
