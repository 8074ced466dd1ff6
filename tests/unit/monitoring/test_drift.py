import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from scipy import stats

from clinrisk import use_cases
from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.drift import (
    ColumnDrift,
    bin_starts,
    binned,
    column_drifts,
    drift_finding,
    holm,
    null_p_value,
    population_stability_index,
)
from clinrisk.core.monitoring.findings import CheckFinding, CheckVerdict, ProfileMaterial
from clinrisk.core.profiles.feature_profile import ColumnCounts, Profile
from clinrisk.use_cases.base import UseCase

Draw = Callable[..., Profile]
Findings = Callable[[str, dict[str, CheckFinding]], None]
COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=8)


def finding(use_case: UseCase, reference: Profile, current: Profile, rng: Generator) -> CheckFinding:
    return drift_finding(use_case, ProfileMaterial(reference, current, 0, rng))


@given(counts=COUNTS)
def test_the_stability_index_is_the_symmetrised_divergence_of_scipy(counts: list[int]) -> None:
    reference, current = np.array(counts), np.array(counts[::-1])
    p, q = ((c + 0.5) / (c + 0.5).sum() for c in (reference, current))
    expected = stats.entropy(p, q) + stats.entropy(q, p)
    assert population_stability_index(reference, current) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_its_definition(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(c >= p for c, p in zip(corrected, p_values, strict=True))
    order = np.argsort(p_values, kind="stable")
    steps = [(len(p_values) - rank) * p_values[place] for rank, place in enumerate(order)]
    expected = np.minimum(1, np.maximum.accumulate(steps))
    assert [corrected[place] for place in order] == pytest.approx(expected.tolist())


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


def test_the_p_value_is_uniform_without_drift_and_small_with_it(rng: Generator) -> None:
    shares = np.array([0.3, 0.3, 0.2, 0.1, 0.1])
    null = [
        null_p_value(rng.multinomial(150, shares), rng.multinomial(40, shares), rng, 400) for _ in range(300)
    ]
    assert stats.kstest(null, "uniform").pvalue > 0.01
    assert null_p_value(np.array([50, 50, 50]), np.array([40, 0, 0]), rng) < 0.001


def test_the_p_value_is_larger_where_the_reference_is_small(rng: Generator) -> None:
    current = np.array([12, 8])
    small = null_p_value(np.array([8, 12]), current, rng)
    large = null_p_value(np.array([800, 1200]), current, rng)
    assert large < small


@pytest.mark.parametrize(("psi", "drifted"), [(0.2499, False), (0.25, True), (0.2501, True)])
def test_a_column_drifts_from_its_limit_on(psi: float, drifted: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    assert ColumnDrift("age", psi, corrected_p=0.001).drifted is drifted


@pytest.mark.parametrize(("p_value", "drifted"), [(0.0199, True), (0.02, False), (0.0201, False)])
def test_a_column_drifts_only_with_a_p_value_below_its_limit(p_value: float, drifted: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    assert ColumnDrift("age", 1.0, corrected_p=p_value).drifted is drifted


def test_another_population_alerts_and_names_five_columns_without_values(
    heart: UseCase, profiled: Draw, rng: Generator
) -> None:
    reference, batch = profiled(300), profiled(60, older=25, missing=0.6)
    found = finding(heart, reference, batch, rng)
    assert found.verdict is CheckVerdict.ALERT
    drifts = column_drifts(heart, reference, batch, rng)
    assert all(drift.drifted for drift in drifts)
    assert found.statistic == round(drifts[0].psi, 4)
    assert found.threshold == 0.25
    assert found.detail.startswith("13 of 13 columns")
    named = [drift.column for drift in drifts if re.search(rf"\b{drift.column} \d", found.detail)]
    assert named == [drift.column for drift in drifts[:5]]
    assert "others" in found.detail


@pytest.mark.parametrize(("columns", "verdict"), [(0, "OK"), (1, "OK"), (2, "ALERT"), (3, "ALERT")])
def test_an_alert_needs_two_drifted_columns(
    heart: UseCase, profiled: Draw, rng: Generator, columns: int, verdict: str
) -> None:
    reference = batch = profiled(300)
    for name in ("sex", "fbs", "exang")[:columns]:
        reference, batch = (
            replace(profile, columns={**profile.columns, name: ColumnCounts(0, counts)})
            for profile, counts in ((reference, (200, 100)), (batch, (100, 200)))
        )
    found = finding(heart, reference, batch, rng)
    assert found.verdict == verdict
    assert found.detail.startswith(f"{columns} of 13 columns")
    assert "others" not in found.detail


def test_an_undrawn_p_value_leaves_the_correction_as_it_is(
    heart: UseCase, profiled: Draw, rng: Generator
) -> None:
    drifts = column_drifts(heart, profiled(300), profiled(60, older=25), rng)
    assert [drift.column for drift in drifts if drift.drifted] == ["age"]
    assert drifts == sorted(drifts, key=lambda drift: -drift.psi)
    assert all(drift.corrected_p == 1 for drift in drifts if drift.psi < LIMITS.drift_psi)


@pytest.mark.parametrize(
    ("reference", "current", "side"), [(300, 19, "batch"), (19, 300, "training set"), (19, 19, "batch")]
)
def test_too_few_rows_on_either_side_are_not_evaluated(  # noqa: PLR0917  # three facts, three fixtures
    heart: UseCase, profiled: Draw, rng: Generator, reference: int, current: int, side: str
) -> None:
    found = finding(heart, profiled(reference), profiled(current), rng)
    assert (found.verdict, found.statistic, found.threshold) == (CheckVerdict.NOT_EVALUATED, None, 0.25)
    assert re.search(rf"the {side} has 19 rows.* 20 ", found.detail)


@pytest.mark.parametrize(("reference", "current"), [(300, 20), (20, 300), (20, 21), (21, 20)])
def test_twenty_rows_on_both_sides_are_enough(
    heart: UseCase, profiled: Draw, rng: Generator, reference: int, current: int
) -> None:
    assert finding(heart, profiled(reference), profiled(current), rng).verdict is CheckVerdict.OK


def test_the_same_batch_and_seed_give_the_same_finding(heart: UseCase, profiled: Draw) -> None:
    reference, batch = profiled(300), profiled(50, older=12, missing=0.2)
    first, second = (finding(heart, reference, batch, np.random.default_rng(1)) for _ in range(2))
    assert first == second


def test_more_rows_of_the_same_shares_move_nothing_away(
    heart: UseCase, profiled: Draw, rng: Generator
) -> None:
    batch = profiled(300)
    thousandfold = replace(
        batch,
        rows=batch.rows * 1000,
        columns={
            name: ColumnCounts(c.missing * 1000, tuple(n * 1000 for n in c.counts))
            for name, c in batch.columns.items()
        },
    )
    assert finding(heart, batch, thousandfold, rng).verdict is CheckVerdict.OK


@pytest.mark.parametrize("rows", [20, 50, 100])
def test_healthy_batches_alert_in_at_most_one_percent(
    heart: UseCase, profiled: Draw, rng: Generator, rows: int
) -> None:
    alerts = sum(
        finding(heart, profiled(150), profiled(rows), rng).verdict is CheckVerdict.ALERT for _ in range(150)
    )
    assert alerts <= 1


@pytest.mark.parametrize("rows", [20, 50, 100])
def test_another_hospital_alerts_every_time(
    heart: UseCase, profiled: Draw, rng: Generator, rows: int
) -> None:
    reference = profiled(150)
    found = [finding(heart, reference, profiled(rows, older=20, missing=0.5), rng) for _ in range(30)]
    assert all(each.verdict is CheckVerdict.ALERT for each in found)


def test_every_ending_reads_as_it_was_read_aloud(
    heart: UseCase, profiled: Draw, rng: Generator, finding_snapshot: Findings
) -> None:
    drawn = profiled(300, missing=0.0)

    def counted(rows: int, moved: int) -> Profile:
        """Return a profile whose first columns have moved from their first cell to their last."""
        columns = {}
        for number, (name, column) in enumerate(drawn.columns.items()):
            cells = [0] * len(column.counts)
            cells[-1 if number < moved else 0] = rows
            columns[name] = ColumnCounts(0, tuple(cells))
        return replace(drawn, rows=rows, columns=columns)

    batches = {
        "small batch": (counted(300, 0), counted(19, 0)),
        "small training set": (counted(19, 0), counted(300, 0)),
        "in order": (counted(300, 0), counted(60, 0)),
        "one column": (counted(300, 0), counted(60, 1)),
        "five columns": (counted(300, 0), counted(60, 5)),
        "six columns": (counted(300, 0), counted(60, 6)),
    }
    finding_snapshot("drift", {ending: finding(heart, *both, rng) for ending, both in batches.items()})
