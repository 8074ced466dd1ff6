import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from scipy.integrate import quad
from scipy.stats import norm

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.sequential import Sequential, errors_at_every_moment


@pytest.mark.parametrize("rows", [50, 500, 20_000])
@pytest.mark.parametrize("error", [0.05, 0.001])
def test_at_the_boundary_a_mixture_of_likelihood_ratios_is_one_over_the_error(
    rows: int, error: float
) -> None:
    # Ville's inequality for the mixture of exp(l * S - l^2 * rows / 2) over l from N(0, rho^2).
    rho = math.sqrt((-2 * math.log(error) + math.log(1 - 2 * math.log(error))) / LIMITS.sequential_rows)
    total = errors_at_every_moment(error, rows) * math.sqrt(rows)
    peak = total / (rows + 1 / rho**2)
    width = 10 / math.sqrt(rows + 1 / rho**2)
    mixture, _ = quad(
        lambda x: math.exp(x * total - x**2 * rows / 2) * norm.pdf(x, scale=rho), peak - width, peak + width
    )
    assert mixture == pytest.approx(1 / error, rel=1e-6)


def test_who_looks_after_every_patient_for_years_is_wrong_as_rarely_as_who_looks_once(rng: Generator) -> None:
    moments = np.arange(10, 4000, 10)
    sums = rng.normal(size=(1500, 4000)).cumsum(axis=1)[:, moments - 1] / np.sqrt(moments)
    always = np.array([errors_at_every_moment(0.05, rows) for rows in moments.tolist()])
    assert (np.abs(sums) > always).any(axis=1).mean() < 0.05
    # With the interval of a single look a third are.
    assert (np.abs(sums) > 1.96).any(axis=1).mean() > 0.3


def test_a_years_batches_have_six_and_a_half_times_the_error_of_one_together() -> None:
    errors = [1 - Sequential(number).confidence(0.98, 100) for number in range(1, 366)]
    assert errors[0] == pytest.approx(0.02)
    assert sum(errors) / 0.02 == pytest.approx(0.5772 + math.log(365), abs=0.01)


@given(st.integers(1, 10_000), st.booleans(), st.integers(0, 10**9))
def test_a_later_look_and_one_that_is_repeated_never_have_more_error(
    number: int,
    growing: bool,  # noqa: FBT001 - drawn
    rows: int,
) -> None:
    one = 1 - 0.05 / 49
    found = Sequential(number, growing=growing).confidence(one, rows)
    assert one <= found < 1
    assert found <= Sequential(number + 1, growing=growing).confidence(one, rows) < 1
    assert Sequential(number).confidence(one, rows) <= Sequential(number, growing=True).confidence(one, rows)


def test_a_finding_says_what_its_intervals_hold_for() -> None:
    assert Sequential().note == ""
    assert Sequential(7).note == " The intervals hold for all looks over 7 batches since the release."
    assert Sequential(2, growing=True).note == " The intervals hold for all looks while outcomes arrive."
