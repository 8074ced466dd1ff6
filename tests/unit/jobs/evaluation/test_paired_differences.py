"""Two models on the same patients: every difference is paired, and what cannot be compared says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.jobs.evaluation import paired_differences
from tests.unit.jobs.evaluation.row_bootstrap import paired_bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinrisk.jobs.evaluation.metrics import Floats, Labels


def patients(seed: int, size: int = 400) -> tuple[Labels, Floats, Floats]:
    rng = np.random.default_rng(seed)
    margins = rng.normal(-0.5, 1.5, size)
    labels = (rng.random(size) < 1 / (1 + np.exp(-margins))).astype(np.int64)
    first, second = (1 / (1 + np.exp(-(margins + rng.normal(0, spread, size)))) for spread in (0.3, 0.8))
    return labels, first, second


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "figure"), [("auc", roc_auc_score), ("brier", brier_score_loss), ("log_loss", log_loss)]
)
def test_closed_intervals_agree_with_the_paired_bootstrap(name: str, figure: Callable[..., float]) -> None:
    labels, first, second = patients(1, 800)

    found = paired_differences.paired(labels, first, second, 0.3, 0.3)[name]

    drawn = paired_bootstrap(figure, labels, first, second, draws=1500)
    assert found == pytest.approx(drawn, abs=0.005)


def test_differences_at_the_thresholds_are_those_of_the_two_confusions() -> None:
    labels, first, second = patients(2)
    found = paired_differences.paired(labels, first, second, 0.3, 0.4)
    flags, others, positive = first >= 0.3, second >= 0.4, labels == 1

    assert found["recall"][0] == pytest.approx(flags[positive].mean() - others[positive].mean(), abs=1e-12)
    unflagged = (~flags)[~positive].mean() - (~others)[~positive].mean()
    assert found["specificity"][0] == pytest.approx(unflagged, abs=1e-12)
    odds = 0.3 / 0.7
    gains = [np.mean(np.where(positive, of, -odds * of)) for of in (flags, others)]
    assert found["net_benefit"][0] == pytest.approx(gains[0] - gains[1], abs=1e-12)


def test_the_order_of_patients_changes_nothing() -> None:
    labels, first, second = patients(3)
    shuffled = np.random.default_rng(0).permutation(len(labels))

    one = paired_differences.paired(labels, first, second, 0.3, 0.4)
    other = paired_differences.paired(labels[shuffled], first[shuffled], second[shuffled], 0.3, 0.4)

    for name in paired_differences.NAMES:
        assert one[name] == pytest.approx(other[name], abs=1e-12)


@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_too_few_patients_are_not_compared(size: int) -> None:
    labels, first, second = np.zeros(size, dtype=np.int64), np.full(size, 0.3), np.full(size, 0.4)

    found = paired_differences.paired(labels, first, second, 0.3, 0.3)

    assert found["patients"] == size
    assert found["auc"] == found["recall"] == NOT_EVALUATED
    values = [
        value for name in paired_differences.NAMES if isinstance(found[name], list) for value in found[name]
    ]
    assert np.all(np.isfinite(values))


def test_patients_without_a_score_of_both_are_left_out() -> None:
    labels, first, second = patients(4)
    partly = second.copy()
    partly[100:] = np.nan

    assert paired_differences.paired(labels, first, partly, 0.3, 0.4) == paired_differences.paired(
        labels[:100], first[:100], second[:100], 0.3, 0.4
    )
    changed = paired_differences.reclassified(labels, first, partly, 0.3, 0.4)
    assert sum(sum(row.values()) for row in changed.values()) == 100
