"""What the door sees on synthetic patients: nothing in healthy batches, every fault of a column."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from cli.local_files import synthetic_cohort
from clinrisk import use_cases
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.profiles.feature_profile import ColumnCounts, Profile, merge, profile_of
from clinrisk.core.profiles.pair_sums import WAVES, PairSums
from clinrisk.core.scoring.batch_judgement import _described, distance, judge_profile
from clinrisk.core.scoring.column_agreement import InputAgreement, input_agreement
from clinrisk.messages.scoring import BatchVerdict
from clinrisk.use_cases.base import UseCase
from clinrisk.use_cases.columns import Number

Table = dict[str, NDArray[np.float64]]
TRAINED = 3000


def draw(use_case: UseCase, rows: int, seed: int) -> Table:
    """Draw patients as the synthetic cohort has them, as model inputs."""
    header, _, body = synthetic_cohort.draw(use_case.name, rows=rows, seed=seed).partition(b"\n")
    chunk = read_chunk(body, use_case, "training", header.decode().strip().split(","), 1, b"k" * 32)
    names = use_case.feature_names
    return {name: chunk.features[name].cast(float).fill_null(np.nan).to_numpy() for name in names}


def profiled(use_case: UseCase, table: Table) -> Profile:
    return profile_of(use_case, table, {})


@pytest.fixture(scope="module", params=[n for n in use_cases.names() if not use_cases.get(n).external])
def use_case(request: pytest.FixtureRequest) -> UseCase:
    return use_cases.get(request.param)


@pytest.fixture(scope="module")
def trained(use_case: UseCase) -> Profile:
    return profiled(use_case, draw(use_case, TRAINED, 1))


@pytest.fixture(scope="module")
def batch(use_case: UseCase) -> Table:
    return draw(use_case, 1000, 2)


def own(use_case: UseCase, column: str) -> list[str]:
    return [feature.name for feature in use_case.features if feature.column == column]


def test_a_healthy_batch_of_any_size_is_fit(use_case: UseCase, trained: Profile, batch: Table) -> None:
    for rows in (20, 50, 300, 1000):
        judged = judge_profile(use_case, trained, profiled(use_case, {n: v[:rows] for n, v in batch.items()}))
        assert judged.verdict is BatchVerdict.FIT, (rows, judged.cautions)


def test_a_column_that_is_left_out_holds_the_batch_and_is_named(
    use_case: UseCase, trained: Profile, batch: Table
) -> None:
    for column in use_case.columns:
        for rows in (20, 1000):
            spoilt = {name: values[:rows].copy() for name, values in batch.items()}
            for name in own(use_case, column.name):
                spoilt[name][:] = 1.0 if name.endswith("_missing") else np.nan
            judged = judge_profile(use_case, trained, profiled(use_case, spoilt))
            assert judged.verdict is BatchVerdict.HELD, column.name
            assert f"({column.name}) is empty" in judged.cautions[0]


def test_a_constant_number_and_one_without_its_decimal_point_hold_the_batch(
    use_case: UseCase, trained: Profile, batch: Table
) -> None:
    for column in use_case.columns:
        if not isinstance(column, Number) or column.integer:
            continue
        values = batch[column.name]
        for spoilt in (
            np.full_like(values, np.nanmedian(values)),
            np.clip(values * 10, column.low, column.high),
        ):
            judged = judge_profile(use_case, trained, profiled(use_case, batch | {column.name: spoilt}))
            assert judged.verdict is BatchVerdict.HELD, column.name
            assert {doubt.column for doubt in judged.doubts if doubt.held} >= {column.name}


def test_a_column_that_was_sorted_apart_holds_the_batch(
    use_case: UseCase, trained: Profile, batch: Table
) -> None:
    judged = judge_profile(use_case, trained, profiled(use_case, batch | {"age": np.sort(batch["age"])}))
    assert judged.verdict is BatchVerdict.HELD
    assert "(age)" in judged.cautions[0]


def test_a_column_that_was_exchanged_between_patients_holds_the_batch(
    use_case: UseCase, trained: Profile, batch: Table
) -> None:
    mixed = np.random.default_rng(4).permutation(batch["age"])
    judged = judge_profile(use_case, trained, profiled(use_case, batch | {"age": mixed}))
    assert judged.verdict is BatchVerdict.HELD
    assert any("(age) no longer goes with the other columns" in caution for caution in judged.cautions)


def test_a_file_that_is_sorted_by_a_column_is_fit(use_case: UseCase, trained: Profile, batch: Table) -> None:
    order = np.argsort(batch["age"])
    judged = judge_profile(use_case, trained, profiled(use_case, {n: v[order] for n, v in batch.items()}))
    assert judged.verdict is BatchVerdict.FIT, judged.cautions


def test_the_parts_of_a_batch_are_judged_as_the_batch(
    use_case: UseCase, trained: Profile, batch: Table
) -> None:
    parts = [profiled(use_case, {n: v[a : a + 250] for n, v in batch.items()}) for a in range(0, 1000, 250)]
    whole = profiled(use_case, batch)
    assert judge_profile(use_case, trained, merge(parts)) == judge_profile(use_case, trained, whole)


def test_below_twenty_rows_the_verdict_is_a_caution_that_says_so(
    use_case: UseCase, trained: Profile, batch: Table
) -> None:
    for rows in (1, 19):
        judged = judge_profile(use_case, trained, profiled(use_case, {n: v[:rows] for n, v in batch.items()}))
        assert judged.verdict is BatchVerdict.CAUTION
        assert any("hardly be distinguished from chance" in caution for caution in judged.cautions)


def test_of_few_patients_who_lack_a_column_each_has_a_doubt_and_the_batch_a_caution(
    use_case: UseCase, trained: Profile, batch: Table
) -> None:
    name = use_case.columns[-1].name
    few = {feature: values[:1].copy() for feature, values in batch.items()}
    for feature in own(use_case, name):
        few[feature][:] = np.nan
    judged = judge_profile(use_case, trained, profiled(use_case, few))
    assert judged.verdict is BatchVerdict.CAUTION
    assert any(f"({name}) is empty" in caution for caution in judged.cautions)


def test_nothing_to_hold_a_batch_against_holds_it(use_case: UseCase, trained: Profile, batch: Table) -> None:
    now = profiled(use_case, batch)
    none_trained = profiled(use_case, {name: values[:0] for name, values in batch.items()})
    for reference in (None, none_trained, replace(trained, schema_version=99)):
        judged = judge_profile(use_case, reference, now)
        assert judged.verdict is BatchVerdict.HELD
        assert [doubt.column for doubt in judged.doubts] == [""]


def test_a_reference_from_before_pairs_were_kept_is_used_for_what_it_has(
    use_case: UseCase, trained: Profile, batch: Table
) -> None:
    judged = judge_profile(use_case, replace(trained, pairs=None), profiled(use_case, batch))
    assert judged.verdict is BatchVerdict.FIT


def test_profiles_from_before_waves_were_kept_are_judged_without_them(
    use_case: UseCase, trained: Profile, batch: Table
) -> None:
    def before(profile: Profile) -> Profile:
        assert profile.pairs is not None
        tables = {
            name: [row[:-WAVES] for row in table[:-WAVES]] for name, table in profile.pairs.to_dict().items()
        }
        return replace(profile, pairs=PairSums.from_dict(tables | {"blocks": [1]}))

    now, mixed = (
        profiled(use_case, batch),
        batch | {"age": np.random.default_rng(4).permutation(batch["age"])},
    )
    for reference, judged in ((before(trained), now), (trained, before(now)), (before(trained), before(now))):
        assert judge_profile(use_case, reference, judged).verdict is BatchVerdict.FIT
    spoilt = before(profiled(use_case, mixed))
    assert judge_profile(use_case, before(trained), spoilt).verdict is BatchVerdict.HELD


def test_a_column_missing_in_training_may_be_filled_now(
    trained: Profile, use_case: UseCase, batch: Table
) -> None:
    first = use_case.columns[0].name
    emptied = draw(use_case, TRAINED, 1)
    for name in own(use_case, first):
        emptied[name][:] = np.nan
    judged = judge_profile(use_case, profiled(use_case, emptied), profiled(use_case, batch))
    assert any(
        f"({first}) is filled in" in caution and "no training patient had a value" in caution
        for caution in judged.cautions
    )


@pytest.mark.parametrize("count", [0, 3, 10])
def test_equal_shares_have_no_distance(count: int) -> None:
    assert distance(count, 10, count, 10) == 0.0


def test_the_same_fault_is_proven_better_with_more_rows(
    heart: UseCase, rng: Generator, patients: Callable[..., Table]
) -> None:
    reference = profiled(heart, patients(heart, 5000, rng, missing=0.0))
    shown = []
    for rows in (50, 200, 2000):
        batch = profiled(heart, patients(heart, rows, rng, missing=0.0, older=25.0))
        judged = judge_profile(heart, reference, batch)
        shown.append(max((doubt.proven for doubt in judged.doubts if doubt.column == "age"), default=0.0))
    assert shown == sorted(shown)
    assert shown[0] < shown[2]


AGE = use_cases.get("heart").column("age")


@pytest.mark.parametrize(("trained_rows", "lost"), [(400, 0.0), (4000, 0.263)])
def test_an_agreement_that_few_training_patients_showed_is_lost_by_chance(
    trained_rows: int, lost: float
) -> None:
    """Of .6, .35 is left in 400 rows: proven by 4.25 errors of .88 x sqrt(1/400 + 1/trained), or chance."""
    error = (1 - 0.35**2) * (1 / 400 + 1 / trained_rows) ** 0.5
    assert InputAgreement(0.6, 0.35, error, 0.0, 0.0, 0.05).lost == pytest.approx(lost, abs=0.001)


@pytest.mark.parametrize(("follows", "alone"), [(0.2, True), (0.31, False), (0.5, False)])
def test_a_column_may_move_along_the_file_where_the_others_follow_it(follows: float, alone: bool) -> None:  # noqa: FBT001 - expected
    """Of an agreement of .6 and a movement of .8, .48 is expected of the others, and half of it will do."""
    found = InputAgreement(0.6, 0.6, 0.05, 0.8, follows, 0.05)
    assert found.moved == pytest.approx(0.7)
    assert found.followed == (follows > 0.24)
    assert (found.alone and not found.followed) == alone


def test_values_below_and_above_those_of_every_training_patient_are_counted_together() -> None:
    before, after = np.zeros(100, int), np.zeros(100, int)
    before[40:60] = 1
    after[[10, 50, 90]] = 20, 170, 10
    said = _described(AGE, ColumnCounts(0, tuple(before.tolist())), ColumnCounts(0, tuple(after.tolist())))
    assert "15% of its values lie outside those of every training patient" in said


def test_an_agreement_is_corrected_to_what_other_patients_would_show() -> None:
    """Browne's correction by hand: of .95 in four patients and one other column, sqrt(1 - .0975 * 5 / 2)."""
    table = np.array([[1.0, 0.95], [0.95, 1.0]])
    for rows, expected in ((3, (1 - 0.0975 * 4 / 1) ** 0.5), (4, (1 - 0.0975 * 5 / 2) ** 0.5)):
        found = input_agreement(table, table, 0, np.array([1]), 2, (rows, rows), 1.0)
        assert found.expected == pytest.approx(expected)
        assert found.found == pytest.approx(0.95)
