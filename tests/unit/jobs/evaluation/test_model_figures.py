"""Every figure of a model is scikit-learn's, and what has no meaning is NOT_EVALUATED."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.jobs.evaluation.model_figures import (
    NAMES,
    accuracy_figures,
    all_figures,
    calibration_figures,
    figure,
    ranking_figures,
    share,
)

CUT = 0.3


def patients(size: int = 400) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    rng = np.random.default_rng(3)
    risks = np.round(1 / (1 + np.exp(-rng.normal(-1, 1.2, size))), 3)
    return (rng.random(size) < risks).astype(np.int64), risks


def test_every_figure_is_that_of_scikit_learn() -> None:
    labels, risks = patients()
    flags = risks >= CUT

    found = all_figures(labels, risks, CUT, 50, np.random.default_rng(0))

    expected = {
        "auc": oracle.roc_auc_score(labels, risks),
        "average_precision": oracle.average_precision_score(labels, risks),
        "f1": oracle.f1_score(labels, flags),
        "brier": oracle.brier_score_loss(labels, risks),
        "log_loss": oracle.log_loss(labels, risks),
        "observed_to_expected": labels.sum() / risks.sum(),
        "selection_rate": flags.mean(),
        "recall": oracle.recall_score(labels, flags),
        "specificity": oracle.recall_score(labels, flags, pos_label=0),
        "false_positive_rate": 1 - oracle.recall_score(labels, flags, pos_label=0),
        "precision": oracle.precision_score(labels, flags),
        "npv": oracle.precision_score(labels, flags, pos_label=0),
    }
    for name, value in expected.items():
        assert found[name][0] == pytest.approx(value, abs=1e-12), name
    assert tuple(found) == NAMES
    for name in NAMES:
        value, low, high = map(float, found[name])
        assert low <= value <= high


def test_a_groups_estimates_are_the_same_as_scikit_learns() -> None:
    labels, risks = patients(90)

    found = ranking_figures(labels, risks) | accuracy_figures(labels, risks)

    assert found["auc"][0] == pytest.approx(oracle.roc_auc_score(labels, risks), abs=1e-12)
    assert found["brier"][0] == pytest.approx(oracle.brier_score_loss(labels, risks), abs=1e-12)
    assert found["log_loss"][0] == pytest.approx(oracle.log_loss(labels, risks), abs=1e-12)


def test_of_nobody_nothing_is_evaluated() -> None:
    nobody = np.zeros(0, dtype=np.int64), np.zeros(0)

    assert all_figures(*nobody, CUT, 50, np.random.default_rng(0)) == dict.fromkeys(NAMES, NOT_EVALUATED)


def test_of_one_outcome_only_what_needs_one_is_evaluated() -> None:
    labels, risks = np.zeros(30, dtype=np.int64), np.linspace(0.1, 0.9, 30)

    found = all_figures(labels, risks, 0.5, 50, np.random.default_rng(0))

    evaluated = {name for name, value in found.items() if value != NOT_EVALUATED}
    assert evaluated == {
        "brier",
        "log_loss",
        "selection_rate",
        "specificity",
        "false_positive_rate",
        "precision",
        "npv",
        "net_benefit",
        "net_benefit_over_all",
    }
    assert found["brier"][0] == pytest.approx(np.mean(risks**2))


@pytest.mark.parametrize(("cases", "evaluated"), [(1, False), (2, True), (38, True), (39, False)])
def test_an_area_and_a_calibration_need_two_of_each_outcome(cases: int, *, evaluated: bool) -> None:
    labels = np.array([1] * cases + [0] * (40 - cases))
    risks = np.tile([0.2, 0.6], 20)

    for found in (
        ranking_figures(labels, risks)["auc"],
        calibration_figures(labels, risks)["calibration_slope"],
    ):
        assert (found != NOT_EVALUATED) == evaluated


def test_what_is_no_number_is_not_evaluated() -> None:
    assert figure(None) == share(0, 0) == NOT_EVALUATED
    assert share(0, 5)[0] == 0.0
