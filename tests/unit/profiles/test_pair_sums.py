"""What is computed of sums is what numpy, scikit-learn and scipy compute of the rows."""

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import stats
from sklearn.linear_model import Ridge

from clinrisk.core.profiles.pair_sums import (
    BLOCK,
    FEWEST,
    SAMPLED,
    PairSums,
    add_pair_sums,
    pair_sums_of,
    stride,
)
from clinrisk.core.scoring.batch_judgement import RIDGE, agreement


@pytest.fixture
def levels(rng: Generator) -> NDArray[np.float64]:
    """Four inputs of 400 patients that go together, as whole levels."""
    shared = rng.normal(size=400)
    columns = [np.round(50 + 8 * (shared * weight + rng.normal(size=400))) for weight in (1, 0.7, -0.5)]
    return np.stack([*columns, (shared > 0.3).astype(float)])


def sums(levels: NDArray[np.float64]) -> PairSums:
    found = pair_sums_of(levels, levels)
    assert found is not None
    return found


def test_correlations_are_those_of_the_rows(levels: NDArray[np.float64]) -> None:
    assert sums(levels).correlations() == pytest.approx(np.corrcoef(levels), abs=1e-12)


def test_a_pair_is_correlated_over_the_rows_that_have_both(
    levels: NDArray[np.float64], rng: Generator
) -> None:
    levels[rng.random(levels.shape) < 0.2] = np.nan
    found = sums(levels).correlations()
    both = ~np.isnan(levels[0]) & ~np.isnan(levels[3])
    assert found[0, 3] == pytest.approx(np.corrcoef(levels[0][both], levels[3][both])[0, 1], abs=1e-12)


def test_an_input_that_does_not_vary_goes_with_nothing(levels: NDArray[np.float64]) -> None:
    levels[1] = 7
    assert sums(levels).correlations()[1].tolist() == [0, 1, 0, 0]


def test_the_agreement_is_that_of_a_ridge_regression_on_the_others(levels: NDArray[np.float64]) -> None:
    table, others = sums(levels).correlations(), np.array([1, 2, 3])
    scaled = (levels - levels.mean(axis=1, keepdims=True)) / levels.std(axis=1, keepdims=True)
    ridge = Ridge(alpha=RIDGE * levels.shape[1], fit_intercept=False).fit(scaled[1:].T, scaled[0])
    predicted = np.corrcoef(ridge.predict(scaled[1:].T), scaled[0])[0, 1]
    expected, found = agreement(table, table, 0, others, levels.shape[1])
    assert found == pytest.approx(predicted, abs=1e-9)
    assert 0 < expected < found


def test_the_order_grows_with_the_variance_between_blocks_as_an_analysis_of_variance_has_it(
    levels: NDArray[np.float64],
) -> None:
    drifting = (levels + np.linspace(0, 20, 400)).round().astype(np.float64)
    for table in (levels, drifting):
        order, error = sums(table).order()
        blocks = table[0].reshape(-1, BLOCK)
        means = blocks.mean(axis=1)
        assert order[0] == pytest.approx((BLOCK * means.var() / table[0].var() - 1) / (BLOCK - 1), abs=1e-12)
        p_value = stats.f_oneway(*blocks).pvalue
        assert (order[0] > 3 * error[0]) == (p_value < 0.001)


def test_a_sorted_column_is_in_order_and_few_blocks_prove_nothing(levels: NDArray[np.float64]) -> None:
    order, _ = sums(np.sort(levels, axis=1)).order()
    assert (order[:3] > 0.9).all()
    assert np.isinf(sums(levels[:, :40]).order()[1]).all()


def test_blocks_with_a_missing_value_do_not_look_like_order(
    levels: NDArray[np.float64], rng: Generator
) -> None:
    many = np.tile(levels, 5)[:, rng.permutation(2000)]
    many[0, rng.random(2000) < 0.15] = np.nan
    order, error = sums(many).order()
    assert 100 < sums(many).blocks[0] * 3 < 200
    assert abs(order[0]) < 4 * error[0]


def test_sums_add_up_in_any_order_and_survive_json(levels: NDArray[np.float64]) -> None:
    parts = [sums(levels[:, a : a + 100]) for a in range(0, 400, 100)]
    assert add_pair_sums(parts) == add_pair_sums(parts[::-1]) == sums(levels)
    assert PairSums.from_dict(sums(levels).to_dict()) == sums(levels)
    assert add_pair_sums([None, parts[0]]) == parts[0]
    assert add_pair_sums([None]) is None


def test_a_few_rows_single_nobody_out(levels: NDArray[np.float64]) -> None:
    assert pair_sums_of(levels[:, : FEWEST - 1], levels) is None
    assert pair_sums_of(levels[:, :FEWEST], levels[:, :FEWEST]) is not None


@pytest.mark.parametrize("rows", [0, 1, SAMPLED, SAMPLED + 1, 10 * SAMPLED])
def test_at_most_so_many_rows_of_a_chunk_are_sampled(rows: int) -> None:
    assert len(range(0, rows, stride(rows))) <= SAMPLED


def test_a_rare_flag_tells_as_little_as_the_patients_who_have_it(levels: NDArray[np.float64]) -> None:
    levels[3] = 0
    levels[3, :4] = 1
    found = sums(levels)
    assert found.informative_rows(0) == 400
    assert found.informative_rows(3) == pytest.approx(4 * 400 * 0.01 * 0.99)
