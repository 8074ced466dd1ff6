"""Intervals of proportions agree with scipy, at the ends too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from clinrisk.core.evaluation.estimates import Estimate, normal, wilson, z_value


@given(st.integers(1, 300), st.data())
def test_wilson_agrees_with_scipy(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))

    found = wilson(hits, trials)

    expected = binomtest(hits, trials).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.value == hits / trials


def test_none_and_all_end_exactly_at_0_and_1() -> None:
    assert wilson(0, 20).as_list() == pytest.approx([0.0, 0.0, 0.161125])
    assert wilson(20, 20).as_list() == pytest.approx([1.0, 0.838875, 1.0])


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_the_normal_interval_is_that_of_scipy(confidence: float) -> None:
    low, high = norm.interval(confidence, loc=2.0, scale=0.5)

    assert normal(2.0, 0.5, confidence).as_list() == pytest.approx([2.0, low, high])
    assert z_value(confidence) == pytest.approx(norm.ppf(0.5 + confidence / 2))


def test_an_estimate_travels_as_three_numbers() -> None:
    assert Estimate(0.2, 0.1, 0.3).as_list() == [0.2, 0.1, 0.3]
