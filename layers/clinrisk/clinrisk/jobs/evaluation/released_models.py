"""The risks of the live and the first released model for the same patients, by models that never saw them.

A patient whom a released model learned from has its out-of-fold risk, written when it was trained; one who
came later has the risk of the model itself. So models meet on every training patient, not on the few that are
held out. Patients are found by record id, so models of other features can still be compared on those whom
both know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.jobs.container import read_json
from clinrisk.jobs.evaluation.evaluation_document import ReleasedModel
from clinrisk.jobs.models import booster, recalibration
from clinrisk.jobs.patient_tables import read_scores, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from clinrisk.jobs.container import Container
    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.jobs.patient_tables import Patients
    from clinrisk.use_cases.base import UseCase

OTHER_FEATURES = "it was trained on other features, and shares no patient with this training set"
NO_SCORES = "it left no out-of-fold risks that could be compared"


@dataclass(frozen=True)
class ReleasedRisks:
    """A released model and its risks, NaN for a patient whom it cannot judge honestly."""

    model: ReleasedModel
    training: Floats
    holdout: Floats


def read_released(
    name: str, container: Container, use_case: UseCase, parts: dict[str, Patients], scratch: Path
) -> ReleasedRisks | None:
    """Return a released model's side of the comparison, or None where the job was not given it.

    `name` is that of the job's input and, in capitals, of its settings.
    """
    if not container.has_input(name):
        return None
    training, holdout = parts["training"], parts["holdout"]
    folder = container.input(name)
    model = unpack(folder, "model.tar.gz", scratch / name / "model")
    card = read_json(model / "clinrisk" / "model.json")
    same = card["feature_digest"] == use_case.feature_digest
    learned = np.full(len(training), np.nan)
    unseen = np.full(len(holdout), np.nan)
    left = any(folder.rglob("output.tar.gz"))
    if left:
        output = unpack(folder, "output.tar.gz", scratch / name / "output")
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
    found = ReleasedModel(
        live_version=int(container.setting(f"{name.upper()}_VERSION")),
        run_id=container.setting(f"{name.upper()}_RUN"),
        threshold=float(container.setting(f"{name.upper()}_THRESHOLD")),
        same_features=same,
        why_not=why_not,
    )
    return ReleasedRisks(found, learned, unseen)
