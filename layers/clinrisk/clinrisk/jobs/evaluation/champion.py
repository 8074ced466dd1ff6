"""The live model's risks for the same patients, each from a model that never saw that patient.

A patient whom the live model learned from has its out-of-fold risk, written when it was trained; one who came
later has the risk of the model itself. So the two models meet on every training patient, not on the few that
are held out. Patients are found by record id, so models of other features can still be compared on those whom
both know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.training.promotion import CHAMPION
from clinrisk.jobs.container import read_json
from clinrisk.jobs.evaluation.evaluation_document import ComparedChampion
from clinrisk.jobs.models import booster, recalibration
from clinrisk.jobs.patient_tables import read_scores, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from clinrisk.jobs.container import Container
    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.jobs.patient_tables import Patients
    from clinrisk.use_cases.base import UseCase

OTHER_FEATURES = "the live model was trained on other features, and shares no patient with this training set"
NO_SCORES = "the live model left no out-of-fold risks that could be compared"


@dataclass(frozen=True)
class ChampionRisks:
    """The live model and its risks, NaN for a patient whom it cannot judge honestly."""

    model: ComparedChampion
    training: Floats
    holdout: Floats


def read_champion(
    container: Container, use_case: UseCase, training: Patients, holdout: Patients, scratch: Path
) -> ChampionRisks | None:
    """Return the live model's side of the comparison, or None when no model is live."""
    if not container.has_input(CHAMPION):
        return None
    folder = container.input(CHAMPION)
    model = unpack(folder, "model.tar.gz", scratch / CHAMPION / "model")
    card = read_json(model / "clinrisk" / "model.json")
    same = card["feature_digest"] == use_case.feature_digest
    learned = np.full(len(training), np.nan)
    unseen = np.full(len(holdout), np.nan)
    left = any(folder.rglob("output.tar.gz"))
    if left:
        output = unpack(folder, "output.tar.gz", scratch / CHAMPION / "output")
        known = read_scores(output / "out_of_fold.csv").set_index("record_id")["score"]
        learned = known.reindex(training.record_ids.tolist()).to_numpy(np.float64)
    if same:
        names = use_case.feature_names
        correction = recalibration.of_model(card)
        grown = booster.load(model / "xgboost-model", names)
        unseen = correction.apply(booster.risks(grown, holdout.features, names))
        if left:
            later = np.isnan(learned)
            risks = correction.apply(booster.risks(grown, training.features[later], names))
            learned[later] = risks
    why_not = "" if np.isfinite(learned).any() else NO_SCORES if same else OTHER_FEATURES
    live = ComparedChampion(
        live_version=int(container.setting("CHAMPION_VERSION")),
        run_id=container.setting("CHAMPION_RUN"),
        threshold=float(container.setting("CHAMPION_THRESHOLD")),
        same_features=same,
        why_not=why_not,
    )
    return ChampionRisks(live, learned, unseen)
