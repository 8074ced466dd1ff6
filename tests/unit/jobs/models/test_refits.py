"""The interval of a risk: honest where the truth is known, wide where little was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from clinrisk.errors import FeatureMismatch
from clinrisk.jobs.models import absence, booster, refits
from clinrisk.jobs.models.recalibration import Recalibration
from tests.unit.jobs.models.known_risks import BLANKS, HEART, SETTINGS, patients_of_known_risk

if TYPE_CHECKING:
    from pathlib import Path

    import xgboost

    from clinrisk.jobs.evaluation.metrics import Floats

NAMES = HEART.feature_names
PLAIN = Recalibration()


@pytest.fixture(scope="module")
def grown() -> tuple[xgboost.Booster, refits.Refits]:
    features, labels, _ = patients_of_known_risk(400, seed=1)
    return booster.grow(SETTINGS, NAMES, features, labels), refits.grow(SETTINGS, features, labels, HEART)


def some_blank(features: Floats, seed: int = 3) -> Floats:
    return absence.blanked(features, BLANKS, np.random.default_rng(seed))


def test_of_patients_in_a_band_the_true_share_lies_within_their_mean_interval(
    grown: tuple[xgboost.Booster, refits.Refits],
) -> None:
    model, refitted = grown
    features, _, truth = patients_of_known_risk(4_000, seed=2)
    for table in (features, some_blank(features)):
        risks = booster.risks(model, table, NAMES)
        low, high = refitted.intervals(table, risks, PLAIN)
        bands = np.array([HEART.band(risk) for risk in risks.tolist()])
        for band in HEART.bands:
            of = bands == band.name
            assert of.sum() > 50
            assert low[of].mean() <= truth[of].mean() <= high[of].mean()


def test_less_measured_is_a_wider_interval(grown: tuple[xgboost.Booster, refits.Refits]) -> None:
    model, refitted = grown
    features, _, _ = patients_of_known_risk(300, seed=2)
    blank = features.copy()
    blank[:, absence.positions_of(HEART)["oldpeak"]] = np.nan

    def width(table: Floats) -> float:
        low, high = refitted.intervals(table, booster.risks(model, table, NAMES), PLAIN)
        return float((high - low).mean())

    assert width(blank) > 1.3 * width(features)


def test_risks_of_patients_with_absent_inputs_stay_within_the_interval_after_a_refit_on_other_folds(
    grown: tuple[xgboost.Booster, refits.Refits],
) -> None:
    model, refitted = grown
    features, labels, _ = patients_of_known_risk(400, seed=1)
    table = some_blank(features)
    lacking = absence.not_measured(table, HEART).any(axis=1)
    low, high = refitted.intervals(table, booster.risks(model, table, NAMES), PLAIN)

    def inside(settings: dict[str, object]) -> float:
        found = []
        for fold in range(5):
            learned = np.arange(len(labels)) % 5 != fold
            again = booster.grow({**settings, "seed": fold + 50}, NAMES, features[learned], labels[learned])
            risks = booster.risks(again, table, NAMES)
            found.append(((low <= risks) & (risks <= high))[lacking].mean())
        return float(np.mean(found))

    assert inside(SETTINGS) > 0.95
    # What the default branch of trees that never saw a gap would do to the same patients.
    assert inside({**SETTINGS, "blanked": ()}) < 0.95


def test_an_interval_holds_its_risk_and_depends_on_no_other_patient(
    grown: tuple[xgboost.Booster, refits.Refits],
) -> None:
    model, refitted = grown
    table = some_blank(patients_of_known_risk(50, seed=4)[0])
    risks = booster.risks(model, table, NAMES)
    low, high = refitted.intervals(table, risks, PLAIN)

    assert np.all((low <= risks) & (risks <= high))
    one_low, one_high = refitted.intervals(table[7:8], risks[7:8], PLAIN)
    assert (one_low[0], one_high[0]) == (low[7], high[7])
    moved, _ = refitted.intervals(table, Recalibration(1.0, -1.0).apply(risks), Recalibration(1.0, -1.0))
    assert np.all(moved < low)


def test_refits_are_the_same_bytes_each_time_and_come_back_as_they_were(tmp_path: Path) -> None:
    features, labels, _ = patients_of_known_risk(120, seed=1)
    kept = []
    for name in ("first", "second"):
        refits.grow(SETTINGS, features, labels, HEART).save(tmp_path / name)
        kept.append({path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())})

    assert kept[0] == kept[1]
    assert len(kept[0]) == refits.REFITS + 1
    table = some_blank(features)
    fresh, back = refits.grow(SETTINGS, features, labels, HEART), refits.load(tmp_path / "first", NAMES)
    risks = np.full(len(table), 0.5)
    assert np.array_equal(fresh.intervals(table, risks, PLAIN), back.intervals(table, risks, PLAIN))
    with pytest.raises(FeatureMismatch):
        refits.load(tmp_path / "first", NAMES[::-1])


def test_substitutes_are_spread_over_the_patients_and_repeat_no_value(tmp_path: Path) -> None:
    features, labels, _ = patients_of_known_risk(500, seed=1)
    features[: absence.LEAST_ABSENT, NAMES.index("chol")] = np.nan
    features[:, NAMES.index("ca")] = np.nan

    found = refits.substitutes(features, HEART, np.random.default_rng(0))

    assert np.isnan(found[:, [NAMES.index("chol"), NAMES.index("ca")]]).all()
    pain = found[:, absence.positions_of(HEART)["cp"]]
    assert np.array_equal(pain.sum(axis=1), np.ones(refits.REFITS))
    assert set(pain.sum(axis=0)) <= {4.0, 5.0, 6.0}
    ages = found[:, NAMES.index("age")]
    assert np.median(ages) == pytest.approx(np.median(features[:, NAMES.index("age")]), abs=3)
    assert not set(ages) & set(features[:, NAMES.index("age")])
    assert len(labels)
