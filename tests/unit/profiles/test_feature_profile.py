import itertools
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from numpy.typing import NDArray

from clinrisk import use_cases
from clinrisk.core.profiles.feature_profile import (
    CELLS,
    ColumnCounts,
    Profile,
    count_values,
    merge,
    profile_of,
)
from clinrisk.errors import FeatureMismatch
from clinrisk.use_cases.base import UseCase

Draw = Callable[..., Profile]
Table = dict[str, NDArray[np.float64]]
Patients = Callable[..., Table]


def without_pairs(profile: Profile) -> Profile:
    """Leave out what small chunks do not add up."""
    return replace(profile, pairs=None)


def part(table: Table, rows: slice) -> Table:
    return {name: values[rows] for name, values in table.items()}


@pytest.mark.parametrize("name", use_cases.names())
@given(cuts=st.lists(st.integers(0, 60), max_size=5))
def test_the_profile_of_a_file_is_the_sum_of_its_chunks_wherever_it_is_cut(
    patients: Patients, name: str, cuts: list[int]
) -> None:
    use_case = use_cases.get(name)
    table = patients(use_case, 60, np.random.default_rng(3), missing=0.2)
    sex = ["male"] * 25 + ["female"] * 35
    edges = [0, *sorted(cuts), 60]
    chunks = [
        profile_of(
            use_case,
            part(table, slice(a, b)),
            {"sex": count_values(sex[a:b])},
            count_values([row % 2 for row in range(a, b)]),
        )
        for a, b in itertools.pairwise(edges)
    ]
    whole = profile_of(use_case, table, {"sex": count_values(sex)}, {0: 30, 1: 30})
    assert without_pairs(merge(chunks)) == without_pairs(whole)
    assert merge(chunks[::-1]) == merge(chunks)
    assert json.dumps(merge(chunks).to_dict()) == json.dumps(merge(chunks[::-1]).to_dict())


@pytest.mark.parametrize("name", use_cases.names())
def test_every_row_is_counted_once_in_every_column(patients: Patients, name: str, rng: Generator) -> None:
    use_case = use_cases.get(name)
    profile = profile_of(use_case, patients(use_case, 200, rng, missing=0.3), {})
    assert set(profile.columns) == {column.name for column in use_case.columns}
    assert all(column.missing + column.present == 200 for column in profile.columns.values())


def test_numbers_fall_into_equal_cells_and_the_ends_of_the_range_into_the_outer_ones(
    patients: Patients, heart: UseCase, rng: Generator
) -> None:
    table = patients(heart, 4, rng, missing=0)
    table["chol"] = np.array([60.0, 66.5, 700.0, np.nan])
    counts = profile_of(heart, table, {}).columns["chol"]
    expected, _ = np.histogram(table["chol"][:3], bins=CELLS, range=(60, 700))
    assert counts.counts == tuple(expected.tolist())
    assert counts.missing == 1
    assert counts.missing_share == 0.25


def test_codes_have_a_cell_each_and_no_flag_means_missing(
    patients: Patients, heart: UseCase, rng: Generator
) -> None:
    table = patients(heart, 4, rng, missing=0)
    for code, flags in zip(
        "1234", ([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, np.nan], [0, 0, 0, np.nan]), strict=True
    ):
        table[f"cp_{code}"] = np.array(flags, dtype=float)
    table["sex"] = np.array([0.0, 1.0, 1.0, np.nan])
    columns = profile_of(heart, table, {}).columns
    assert columns["cp"].counts == (1, 1, 0, 0)
    assert columns["cp"].missing == 2
    assert columns["sex"].counts == (1, 2)
    assert columns["sex"].missing == 1


def test_a_profile_survives_json_in_a_few_kilobytes(profiled: Draw) -> None:
    profile = replace(profiled(5000), label={0: 3000, 1: 2000})
    text = json.dumps(profile.to_dict())
    assert Profile.from_dict(json.loads(text)) == profile
    assert len(text) < 24_000
    unlabelled = json.loads(json.dumps(profiled(10).to_dict()))
    assert unlabelled["label"] is None
    assert Profile.from_dict(unlabelled).label is None


def test_profiles_of_other_use_cases_or_schema_versions_do_not_add_up(profiled: Draw) -> None:
    profile = profiled(10)
    for stranger in (replace(profile, use_case="stroke"), replace(profile, schema_version=2)):
        with pytest.raises(FeatureMismatch):
            merge([profile, stranger])


def test_labels_are_kept_only_when_every_part_is_labelled(profiled: Draw) -> None:
    labelled = replace(profiled(10), label={1: 4, 0: 6})
    assert merge([labelled, labelled]).label == {0: 12, 1: 8}
    assert merge([labelled, profiled(10)]).label is None


def test_profiles_of_other_grids_do_not_add_up(profiled: Draw) -> None:
    profile = profiled(10)
    coarse = replace(profile, columns={**profile.columns, "age": ColumnCounts(0, (4, 6))})
    with pytest.raises(ValueError, match="shorter"):
        merge([profile, coarse])


def test_groups_that_only_one_part_has_are_kept_in_the_order_of_their_names(profiled: Draw) -> None:
    first = replace(profiled(10), groups={"sex": {"male": 10}})
    second = replace(profiled(5), groups={"sex": {"male": 1, "female": 4}, "age_band": {"under_45": 5}})
    groups = merge([first, second]).groups
    assert list(groups) == ["age_band", "sex"]
    assert list(groups["sex"].items()) == [("female", 4), ("male", 11)]


def test_without_rows_nothing_is_missing() -> None:
    assert ColumnCounts(0, (0, 0)).missing_share == 0
    assert ColumnCounts(1, (0, 0)).missing_share == 1
