import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from scipy import stats

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring import quality
from clinrisk.core.monitoring.findings import CheckFinding, CheckVerdict, ProfileMaterial
from clinrisk.core.monitoring.quality import Concern, concerns, quality_finding, share_rise, visible_rise
from clinrisk.core.profiles.feature_profile import ColumnCounts, Profile
from clinrisk.use_cases.base import UseCase
from clinrisk.use_cases.columns import Code

Draw = Callable[..., Profile]
Findings = Callable[[str, dict[str, CheckFinding]], None]


def material(reference: Profile, current: Profile, quarantined: int = 0) -> ProfileMaterial:
    return ProfileMaterial(reference, current, quarantined, np.random.default_rng(0))


def finding(heart: UseCase, reference: Profile, current: Profile, quarantined: int = 0) -> CheckFinding:
    return quality_finding(heart, material(reference, current, quarantined))


def with_column(profile: Profile, name: str, missing: int, counts: tuple[int, ...]) -> Profile:
    return replace(profile, columns={**profile.columns, name: ColumnCounts(missing, counts)})


@given(st.integers(0, 80), st.integers(0, 70))
def test_the_rise_is_built_from_the_wilson_intervals_of_scipy(before: int, now: int) -> None:
    first = stats.binomtest(before, 80).proportion_ci(method="wilson")
    second = stats.binomtest(now, 70).proportion_ci(method="wilson")
    rise, low = share_rise(before, 80, now, 70, 0.95)
    expected = rise - np.hypot(now / 70 - second.low, first.high - before / 80)
    assert rise == pytest.approx(now / 70 - before / 80)
    assert low == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("low", "proven"), [(0.0999, False), (0.1, False), (0.1001, True)])
def test_a_concern_is_proven_above_its_limit(low: float, proven: bool) -> None:  # noqa: FBT001 (pytest passes it by name)
    assert Concern("age is missing in", 0.3, low, 0.1).proven is proven


def test_every_concern_has_the_limit_of_its_decision(heart: UseCase, profiled: Draw) -> None:
    found = list(concerns(heart, material(profiled(100), profiled(50))))
    limits = {concern.what.split(" ", 1)[-1]: concern.limit for concern in found}
    codes = sum(isinstance(column, Code) for column in heart.columns)
    assert len(found) == len(heart.columns) + codes + 1
    assert limits == {
        "is missing more often than in training, in a further": 0.10,
        "has codes that training never had, in": 0.05,
        "holds": 0.05,
    }


def test_a_batch_like_the_training_data_is_in_order(heart: UseCase, profiled: Draw) -> None:
    reference, batch = profiled(300), profiled(60)
    found = finding(heart, reference, batch)
    worst = max(concerns(heart, material(reference, batch)), key=lambda each: each.share / each.limit)
    assert found.verdict is CheckVerdict.OK
    assert (found.statistic, found.threshold) == (round(worst.share, 4), worst.limit)


def test_a_column_that_went_missing_alerts_and_is_named(heart: UseCase, profiled: Draw) -> None:
    reference = with_column(profiled(300), "chol", 6, (294, *[0] * 99))
    found = finding(heart, reference, with_column(profiled(60), "chol", 60, (0,) * 100))
    assert found.verdict is CheckVerdict.ALERT
    assert (found.statistic, found.threshold) == (round(1 - 6 / 300, 4), 0.10)
    assert re.search(r"chol .*98%.*10%", found.detail)


def test_a_small_rise_in_a_small_batch_is_chance(heart: UseCase, profiled: Draw) -> None:
    found = finding(heart, profiled(300), profiled(25, missing=0.12))
    assert found.verdict is CheckVerdict.OK


@pytest.mark.parametrize("quarantined", range(5, 12))
def test_the_quarantine_alerts_when_the_low_end_of_its_share_is_above_five_percent(
    heart: UseCase, profiled: Draw, quarantined: int
) -> None:
    batch = profiled(60, missing=0.0)
    found = finding(heart, profiled(300, missing=0.0), batch, quarantined)
    low = stats.binomtest(quarantined, 60 + quarantined).proportion_ci(method="wilson").low
    assert (found.verdict is CheckVerdict.ALERT) == (low > 0.05)
    assert (found.statistic, found.threshold) == (round(quarantined / (60 + quarantined), 4), 0.05)


def test_a_code_that_training_never_had_alerts_once_it_is_common(heart: UseCase, profiled: Draw) -> None:
    reference = with_column(profiled(300), "thal", 5, (200, 95, 0))
    for unseen, verdict in ((1, CheckVerdict.OK), (30, CheckVerdict.ALERT)):
        batch = with_column(profiled(100), "thal", 2, (60, 38 - unseen, unseen))
        found = finding(heart, reference, batch)
        assert found.verdict is verdict
    assert (found.statistic, found.threshold) == (0.3, 0.05)
    assert re.search(r"thal .*30%.*5%", found.detail)


@pytest.mark.parametrize(("lost", "more"), [(4, ""), (5, "1 more"), (6, "2 more")])
def test_four_concerns_are_named_and_the_others_counted(
    heart: UseCase, profiled: Draw, lost: int, more: str
) -> None:
    reference = batch = profiled(300, missing=0.0)
    for column in heart.columns[:lost]:
        cells = len(batch.columns[column.name].counts)
        batch = with_column(batch, column.name, 300, (0,) * cells)
    found = finding(heart, reference, batch)
    named = [column.name for column in heart.columns if f"{column.name} is missing" in found.detail]
    assert named == [column.name for column in heart.columns[:4]]
    assert found.detail.endswith(f"{more}." if more else "(limit 10%).")


@pytest.mark.parametrize(
    ("reference", "current", "side"), [(300, 19, "batch"), (19, 300, "training set"), (19, 19, "batch")]
)
def test_too_few_rows_on_either_side_are_not_evaluated(
    heart: UseCase, profiled: Draw, reference: int, current: int, side: str
) -> None:
    found = finding(heart, profiled(reference), profiled(current), quarantined=19)
    assert (found.verdict, found.statistic, found.threshold) == (CheckVerdict.NOT_EVALUATED, None, 0.10)
    assert re.search(rf"the {side} has 19 rows.* 20 ", found.detail)


@pytest.mark.parametrize(("reference", "current"), [(300, 20), (20, 300), (20, 21), (21, 20)])
def test_twenty_rows_on_both_sides_are_enough(
    heart: UseCase, profiled: Draw, reference: int, current: int
) -> None:
    assert finding(heart, profiled(reference), profiled(current)).verdict is CheckVerdict.OK


def test_every_ending_reads_as_it_was_read_aloud(
    heart: UseCase, profiled: Draw, finding_snapshot: Findings
) -> None:
    def counted(rows: int, lost: int, code: int = 0) -> Profile:
        """Return a profile whose first columns are missing throughout; other rows have the code given."""
        columns = {}
        for number, (name, column) in enumerate(profiled(1).columns.items()):
            cells = [0] * len(column.counts)
            cells[code if number == len(heart.columns) - 1 else 0] = 0 if number < lost else rows
            columns[name] = ColumnCounts(rows if number < lost else 0, tuple(cells))
        return replace(profiled(1), rows=rows, columns=columns)

    trained = counted(300, 0)
    endings = {
        "small batch": finding(heart, trained, counted(19, 0)),
        "small training set": finding(heart, counted(19, 0), trained),
        "in order": finding(heart, trained, counted(60, 0)),
        "quarantine": finding(heart, trained, counted(60, 0), quarantined=20),
        "unseen code": finding(heart, trained, counted(60, 0, code=-1)),
        "four columns": finding(heart, trained, counted(60, 4)),
        "six columns": finding(heart, trained, counted(60, 6)),
    }
    finding_snapshot("quality", endings)


def test_codes_that_do_not_match_those_of_training_are_an_error_and_no_finding(
    heart: UseCase, profiled: Draw
) -> None:
    batch = with_column(profiled(50), "cp", 0, (20, 20, 10))
    with pytest.raises(ValueError, match="shorter"):
        finding(heart, profiled(50), batch)


def test_the_intervals_have_the_confidence_of_the_limits(
    heart: UseCase, profiled: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = material(profiled(100), profiled(50), quarantined=10)
    usual = [concern.low for concern in concerns(heart, given)]
    monkeypatch.setattr(quality, "LIMITS", replace(LIMITS, quality_significance=0.4))
    assert all(
        narrow.low > low or narrow.share == low == 0
        for narrow, low in zip(concerns(heart, given), usual, strict=True)
    )


@pytest.mark.parametrize("rows", [20, 60, 1000])
def test_a_column_that_is_missing_as_often_as_stated_alerts_and_one_row_less_does_not(
    heart: UseCase, rng: Generator, rows: int
) -> None:
    def profile(size: int, missing: int) -> Profile:
        columns = {column.name: ColumnCounts(0, (size, 0)) for column in heart.columns}
        columns["age"] = ColumnCounts(missing, (size - missing, 0))
        return Profile("heart", 1, size, columns, {})

    calm = ProfileMaterial(profile(300, 0), profile(rows, 0), 0, rng)
    seen = visible_rise(calm)
    assert seen is not None
    verdicts = [
        quality_finding(heart, replace(calm, current=profile(rows, round(seen * rows) - less))).verdict
        for less in (0, 1)
    ]
    assert verdicts == [CheckVerdict.ALERT, CheckVerdict.OK]
    assert f"A column missing in a further {seen:.0%} would have shown" in quality_finding(heart, calm).detail


def test_where_a_column_is_missing_nearly_always_no_rise_shows(heart: UseCase, rng: Generator) -> None:
    columns = {column.name: ColumnCounts(95, (5, 0)) for column in heart.columns}
    profile = Profile("heart", 1, 100, columns, {})
    calm = ProfileMaterial(profile, profile, 0, rng)
    assert visible_rise(calm) is None
    assert "No rise of a missing share would have shown" in quality_finding(heart, calm).detail


@pytest.mark.parametrize(
    ("missing", "words"), [(0, "Closest to one: "), (8, "Above its limit, perhaps by chance: ")]
)
def test_what_cannot_be_proven_is_not_called_complete(
    heart: UseCase, profiled: Draw, missing: int, words: str
) -> None:
    reference, current = profiled(300), profiled(40)
    counts = current.columns["age"].counts
    taken = counts
    for _ in range(missing):
        index = next(index for index, count in enumerate(taken) if count)
        taken = tuple(count - (at == index) for at, count in enumerate(taken))
    emptied = with_column(current, "age", missing + current.columns["age"].missing, taken)
    found = finding(heart, with_column(reference, "age", 0, reference.columns["age"].counts), emptied)
    assert found.verdict is CheckVerdict.OK
    assert f"No limit is surely passed in 40 rows. {words}" in found.detail
    assert ("age is missing more often" in found.detail) is bool(missing)
