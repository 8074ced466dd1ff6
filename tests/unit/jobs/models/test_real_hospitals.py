"""Trained in Cleveland, asked in Hungary, where most patients lack fluoroscopy and thallium scan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.jobs.models import absence, booster, factors, refits
from clinrisk.jobs.models.recalibration import Recalibration
from clinrisk.jobs.patient_tables import feature_matrix
from clinrisk.jobs.scoring.doubts import absences
from tests.unit.jobs.models.known_risks import HEART, SETTINGS

if TYPE_CHECKING:
    from clinrisk.jobs.evaluation.metrics import Floats, Labels

FOLDER = Path(os.environ.get("CLINRISK_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
NAMES = HEART.feature_names
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the public files are not here (CLINRISK_REAL_DATA)"),
]


def hospital(name: str) -> tuple[Floats, Labels]:
    data = (FOLDER / f"processed.{name}.data").read_bytes()
    frame = read_chunk(data, HEART, "training", HEART.header, 1, b"k" * 32).features.to_pandas()
    return feature_matrix(frame, NAMES), frame["label"].to_numpy(np.int64)


def test_in_every_band_the_observed_share_at_the_other_hospital_lies_within_the_mean_interval() -> None:
    features, labels = hospital("cleveland")
    settings = {**SETTINGS, "blanked": absence.blanks_of(features, HEART)}
    model = booster.grow(settings, NAMES, features, labels)
    there, outcomes = hospital("hungarian")
    risks = booster.risks(model, there, NAMES)
    refitted = refits.grow(settings, features, labels, HEART)

    low, high = refitted.intervals(there, risks, Recalibration())

    bands = np.array([HEART.band(risk) for risk in risks.tolist()])
    for band in HEART.bands:
        of = bands == band.name
        assert of.sum() > 30
        assert low[of].mean() <= outcomes[of].mean() <= high[of].mean()
    # Median imputation expects a third fewer than there are, the default branch a third more.
    assert 0.8 < outcomes.sum() / risks.sum() < 1.1


def test_most_patients_of_the_other_hospital_get_no_risk_and_none_gets_the_band_low() -> None:
    """The model card forbids use without the two examinations; of 294 patients 28 have had enough of them."""
    features, labels = hospital("cleveland")
    settings = {**SETTINGS, "blanked": absence.blanks_of(features, HEART)}
    model = booster.grow(settings, NAMES, features, labels)
    drivers = factors.drivers(booster.contributions(model, features, NAMES), HEART)
    card = {
        "absence": absence.absence(features, HEART),
        "drive": {driver["column"]: driver["share"] for driver in drivers},
    }
    there, _ = hospital("hungarian")

    found = absences(absence.not_measured(there, HEART), HEART, card)

    assert sum(not one.refusal for one in found) < 60
    assert sum(not one.refusal and not one.doubt for one in found) <= 1


def test_refits_on_other_folds_stay_within_the_interval_where_inputs_are_absent() -> None:
    features, labels = hospital("cleveland")
    settings = {**SETTINGS, "blanked": absence.blanks_of(features, HEART)}
    model = booster.grow(settings, NAMES, features, labels)
    blank = absence.blanked(features, settings["blanked"], np.random.default_rng(0))
    lacking = absence.not_measured(blank, HEART).any(axis=1)
    refitted = refits.grow(settings, features, labels, HEART)
    low, high = refitted.intervals(blank, booster.risks(model, blank, NAMES), Recalibration())

    inside = []
    for fold in range(5):
        learned = np.arange(len(labels)) % 5 != fold
        again = booster.grow({**settings, "seed": fold + 50}, NAMES, features[learned], labels[learned])
        risks = booster.risks(again, blank, NAMES)
        inside.append(((low <= risks) & (risks <= high))[lacking].mean())
    assert np.mean(inside) > 0.95
