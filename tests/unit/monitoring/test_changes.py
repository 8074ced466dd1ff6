"""Effects and their intervals: scipy is the oracle, and the stated error is held."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import cityblock

from clinrisk.core.monitoring.changes import (
    Change,
    ChangeKind,
    Effect,
    chance_of_one_value,
    correlation_changed,
    moved,
    share_moved,
    shifted,
    spread_of,
    t_value,
)

if TYPE_CHECKING:
    from numpy.random import Generator

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=8).filter(sum)


@given(COUNTS)
def test_the_share_that_moved_is_half_the_city_block_distance_of_scipy(counts: list[int]) -> None:
    reference, current = np.array(counts), np.array(counts[::-1])
    expected = cityblock(reference / reference.sum(), current / current.sum()) / 2
    assert share_moved(reference, current) == pytest.approx(expected, abs=1e-12)
    assert share_moved(reference, reference * 1000) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("before", "after"),
    [((0.5, 0.5), (0.5, 0.5)), ((0.4, 0.3, 0.2, 0.1), (0.3, 0.3, 0.2, 0.2)), ((0.9, 0.1), (0.6, 0.4))],
)
@pytest.mark.parametrize("rows", [20, 200])
def test_the_low_end_is_seldom_above_what_really_moved(
    rng: Generator, before: tuple[float, ...], after: tuple[float, ...], rows: int
) -> None:
    truth = float(np.abs(np.subtract(before, after)).sum() / 2)
    above = sum(
        moved(rng.multinomial(300, before), rng.multinomial(rows, after), 0.05, rng).low > truth
        for _ in range(300)
    )
    assert above <= 27  # 15 expected at most, and three standard errors


def test_the_low_end_nears_what_moved_as_rows_grow(rng: Generator) -> None:
    lows = [
        moved(np.array([5, 5]) * size, np.array([2, 8]) * size, 0.001, rng).low for size in (10, 100, 10_000)
    ]
    assert lows == sorted(lows)
    assert lows[-1] == pytest.approx(0.3, abs=0.02)


def test_a_change_of_the_visible_size_is_seen_in_about_four_of_five_cases(rng: Generator) -> None:
    reference = rng.multinomial(100_000, [0.5, 0.5])
    limit, significance = 0.1, 0.01
    visible = limit + moved(reference, rng.multinomial(400, [0.5, 0.5]), significance, rng).reach
    seen = sum(
        moved(reference, rng.multinomial(400, [0.5 - visible, 0.5 + visible]), significance, rng).low > limit
        for _ in range(200)
    )
    assert seen >= 150


@given(st.floats(0.9, 0.9999), st.floats(10, 1000))
def test_the_quantile_of_student_is_that_of_scipy(confidence: float, degrees: float) -> None:
    assert t_value(confidence, degrees) == pytest.approx(stats.t.ppf(confidence, degrees), rel=0.01)


def test_the_shift_of_a_mean_and_its_low_end_are_those_of_scipy(rng: Generator) -> None:
    levels = np.arange(10.0)
    before, now = rng.multinomial(200, np.full(10, 0.1)), rng.multinomial(80, [*[0.05] * 5, *[0.15] * 5])
    values = [np.repeat(levels, counts) for counts in (now, before)]
    found = shifted(before, now, levels, 0.025)
    assert found.size == pytest.approx(values[0].mean() - values[1].mean())
    interval = stats.ttest_ind(*values, equal_var=False).confidence_interval(0.95)
    # No narrower than Welch's: the batch is taken to vary at least as much as the training patients.
    assert found.low <= interval.low + 1e-3
    assert found.low == pytest.approx(interval.low, abs=0.2)
    assert spread_of(before, levels) == pytest.approx(values[1].std(ddof=1))


@pytest.mark.parametrize("rows", [20, 500])
def test_the_low_end_of_a_shift_is_seldom_above_it(rng: Generator, rows: int) -> None:
    levels, shares = np.arange(6.0), np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
    above = sum(
        shifted(rng.multinomial(300, shares), rng.multinomial(rows, shares), levels, 0.05).low > 0
        for _ in range(400)
    )
    assert above <= 60  # both directions count: 40 expected, and three standard errors


def test_a_correlation_is_held_against_another_on_the_scale_of_fisher() -> None:
    found = correlation_changed(0.5, 0.0, (203, 103), 0.05)
    assert found.size == pytest.approx(-math.atanh(0.5))
    assert found.low == pytest.approx(math.atanh(0.5) - stats.norm.ppf(0.975) * math.sqrt(1 / 200 + 1 / 100))
    assert abs(correlation_changed(1.0, -1.0, (100, 100), 0.05).size) < 6


@pytest.mark.parametrize("rows", [1, 5, 40])
def test_the_chance_of_one_value_is_that_of_the_beta_binomial(rows: int) -> None:
    found = chance_of_one_value(np.array([80, 20]), rows)
    ones = stats.betabinom(rows, 80.5, 20.5).pmf([0, rows])
    assert found == pytest.approx(ones.sum() if rows > 1 else 1.0)


def test_the_sure_part_of_a_change_is_counted_in_smallest_changes_that_matter() -> None:
    change = Change("age", ChangeKind.SHARE, Effect(0.5, 0.3, 0.2), 0.1, "")
    assert (round(change.proven, 9), round(change.visible, 9)) == (3.0, 0.3)
    assert Change("age", ChangeKind.SHARE, Effect(0.5, -0.3, 0.2), 0.1, "").proven == 0
