from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clinrisk.core.monitoring.findings import CheckVerdict
from clinrisk.core.monitoring.quality import QUARANTINE_LIMIT, quality_finding, share_rise
from clinrisk.core.profiles.feature_profile import ColumnCounts, Profile
from clinrisk.use_cases.base import UseCase

Draw = Callable[..., Profile]


@given(st.integers(0, 80), st.integers(0, 70))
def test_the_rise_is_built_from_the_wilson_intervals_of_scipy(before: int, now: int) -> None:
    first = stats.binomtest(before, 80).proportion_ci(method="wilson")
    second = stats.binomtest(now, 70).proportion_ci(method="wilson")
    rise, low = share_rise(before, 80, now, 70, 0.95)
    expected = rise - np.hypot(now / 70 - second.low, first.high - before / 80)
    assert rise == pytest.approx(now / 70 - before / 80)
    assert low == pytest.approx(expected, abs=1e-9)


def test_a_batch_like_the_training_data_is_in_order(heart: UseCase, profiled: Draw) -> None:
    found = quality_finding(heart, profiled(300), profiled(60), quarantined=0)
    assert found.verdict is CheckVerdict.OK
    assert "arrived as in training" in found.detail


def test_a_column_that_went_missing_alerts_and_is_named(heart: UseCase, profiled: Draw) -> None:
    batch = profiled(60)
    lost = ColumnCounts(60, (0,) * 100)
    found = quality_finding(
        heart, profiled(300), replace(batch, columns={**batch.columns, "chol": lost}), quarantined=0
    )
    assert found.verdict is CheckVerdict.ALERT
    assert "chol is missing more often than in training by 9" in found.detail
    assert found.statistic is not None
    assert found.statistic > found.threshold


def test_a_small_rise_in_a_small_batch_is_chance(heart: UseCase, profiled: Draw) -> None:
    found = quality_finding(heart, profiled(300), profiled(25, missing=0.12), quarantined=0)
    assert found.verdict is CheckVerdict.OK


@pytest.mark.parametrize(("quarantined", "verdict"), [(3, CheckVerdict.OK), (20, CheckVerdict.ALERT)])
def test_many_unusable_rows_alert_and_a_few_do_not(
    heart: UseCase, profiled: Draw, quarantined: int, verdict: CheckVerdict
) -> None:
    found = quality_finding(heart, profiled(300), profiled(60), quarantined)
    assert found.verdict is verdict
    if verdict is CheckVerdict.ALERT:
        assert found.statistic == round(20 / 80, 4)
        assert found.threshold == QUARANTINE_LIMIT
        assert "rows were set aside in 25% (limit 5%)" in found.detail


def test_a_code_that_training_never_saw_alerts_once_it_is_common(heart: UseCase, profiled: Draw) -> None:
    reference, batch = profiled(300), profiled(100)
    never = replace(reference, columns={**reference.columns, "thal": ColumnCounts(5, (200, 95, 0))})
    for unseen, verdict in ((1, CheckVerdict.OK), (30, CheckVerdict.ALERT)):
        seen = ColumnCounts(2, (60, 38 - unseen, unseen))
        now = replace(batch, columns={**batch.columns, "thal": seen})
        found = quality_finding(heart, never, now, quarantined=0)
        assert found.verdict is verdict
    assert "thal has codes that training never saw in 30% (limit 5%)" in found.detail


def test_a_batch_of_few_rows_is_not_evaluated(heart: UseCase, profiled: Draw) -> None:
    found = quality_finding(heart, profiled(300), profiled(19), quarantined=19)
    assert found.verdict is CheckVerdict.NOT_EVALUATED
    assert "the batch has 19 rows, and 20 are needed" in found.detail
