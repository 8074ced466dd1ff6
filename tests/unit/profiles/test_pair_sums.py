"""What is computed of sums is what numpy, scikit-learn and scipy compute of the rows."""

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from clinrisk.core.profiles.pair_sums import (
    FEWEST,
    SAMPLED,
    WAVES,
    PairSums,
    add_pair_sums,
    pair_sums_of,
    stride,
    waves,
)
from clinrisk.core.scoring.column_agreement import RIDGE, InputAgreement, input_agreement


@pytest.fixture
def levels(rng: Generator) -> NDArray[np.float64]:
    """Four inputs of 400 patients that go together, as whole levels."""
    shared = rng.normal(size=400)
    columns = [np.round(50 + 8 * (shared * weight + rng.normal(size=400))) for weight in (1, 0.7, -0.5)]
    return np.stack([*columns, (shared > 0.3).astype(float)])


def sums(levels: NDArray[np.float64]) -> PairSums:
    found = pair_sums_of(levels)
    assert found is not None
    return found


def correlations(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlations of the inputs alone."""
    return sums(levels).correlations()[: len(levels), : len(levels)]


def agreement(levels: NDArray[np.float64], one: int) -> InputAgreement:
    """Return the agreement of an input of a batch that is its own reference."""
    table, rows = sums(levels).correlations(), levels.shape[1]
    others = np.array([other for other in range(len(levels)) if other != one])
    return input_agreement(table, table, one, others, len(levels), (rows, rows), (2 / rows) ** 0.5)


def test_correlations_are_those_of_the_rows(levels: NDArray[np.float64]) -> None:
    assert correlations(levels) == pytest.approx(np.corrcoef(levels), abs=1e-12)


def test_a_pair_is_correlated_over_the_rows_that_have_both(
    levels: NDArray[np.float64], rng: Generator
) -> None:
    levels[rng.random(levels.shape) < 0.2] = np.nan
    found = correlations(levels)
    both = ~np.isnan(levels[0]) & ~np.isnan(levels[3])
    assert found[0, 3] == pytest.approx(np.corrcoef(levels[0][both], levels[3][both])[0, 1], abs=1e-12)


def test_an_input_that_does_not_vary_goes_with_nothing(levels: NDArray[np.float64]) -> None:
    levels[1] = 7
    assert correlations(levels)[1].tolist() == [0, 1, 0, 0]


def test_the_agreement_is_that_of_a_ridge_regression_on_the_others(levels: NDArray[np.float64]) -> None:
    scaled = (levels - levels.mean(axis=1, keepdims=True)) / levels.std(axis=1, keepdims=True)
    ridge = Ridge(alpha=RIDGE * levels.shape[1], fit_intercept=False).fit(scaled[1:].T, scaled[0])
    prediction = ridge.predict(scaled[1:].T)
    found = agreement(levels, 0)
    assert found.found == pytest.approx(np.corrcoef(prediction, scaled[0])[0, 1], abs=1e-9)
    assert 0 < found.expected < found.found
    along = waves(levels.shape[1])
    moves = np.array([np.corrcoef(levels[0], wave)[0, 1] for wave in along])
    follows = np.array([np.corrcoef(prediction, wave)[0, 1] for wave in along])
    assert found.moves == pytest.approx((moves @ moves - (WAVES - 1) / 400) ** 0.5, abs=1e-9)
    assert found.follows == pytest.approx(moves @ follows / np.linalg.norm(moves), abs=1e-9)


@pytest.mark.parametrize("rows", [50, 1000])
def test_the_waves_go_with_nothing_and_not_with_one_another(rows: int) -> None:
    table = np.corrcoef(waves(rows))
    assert table == pytest.approx(np.eye(WAVES), abs=0.01)
    assert waves(rows).min() >= 0
    assert waves(rows).max() <= 100


@pytest.mark.parametrize("first", [0.2, 0.5, 0.8])
def test_a_column_that_changes_at_any_row_moves_along_the_file(
    levels: NDArray[np.float64], first: float
) -> None:
    assert not agreement(levels, 0).moved
    levels[0, round(first * levels.shape[1]) :] += 20
    found = agreement(levels, 0)
    assert found.moved > 0.25
    assert found.alone
    assert not found.followed


def test_a_sorted_file_moves_with_all_its_columns_and_a_sorted_column_alone(
    levels: NDArray[np.float64],
) -> None:
    together = agreement(levels[:, np.argsort(levels[0])], 0)
    assert together.moves > 0.9
    assert together.followed
    assert not together.alone
    levels[0] = np.sort(levels[0])
    assert agreement(levels, 0).alone


def test_sums_add_up_in_any_order_and_survive_json(levels: NDArray[np.float64]) -> None:
    parts = [sums(levels[:, a : a + 100]) for a in range(0, 400, 100)]
    added = add_pair_sums(parts)
    assert added == add_pair_sums(parts[::-1])
    assert added is not None
    assert added.correlations()[:4, :4] == pytest.approx(correlations(levels))
    assert PairSums.from_dict(sums(levels).to_dict()) == sums(levels)
    assert add_pair_sums([None, parts[0]]) == parts[0]
    assert add_pair_sums([None]) is None


def test_a_few_rows_single_nobody_out(levels: NDArray[np.float64]) -> None:
    assert pair_sums_of(levels[:, : FEWEST - 1]) is None
    assert pair_sums_of(levels[:, :FEWEST]) is not None


@pytest.mark.parametrize("rows", [0, 1, SAMPLED, SAMPLED + 1, 10 * SAMPLED])
def test_at_most_so_many_rows_of_a_chunk_are_sampled(rows: int) -> None:
    assert len(range(0, rows, stride(rows))) <= SAMPLED


def test_a_rare_flag_tells_as_little_as_the_patients_who_have_it(levels: NDArray[np.float64]) -> None:
    levels[3] = 0
    levels[3, :4] = 1
    found = sums(levels)
    assert found.informative_rows(0) == 400
    assert found.informative_rows(3) == pytest.approx(4 * 400 * 0.01 * 0.99)
