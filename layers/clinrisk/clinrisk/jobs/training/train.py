"""Train: one algorithm on training.csv, its out-of-fold scores, and a model as deterministic bytes.

Reads  channel training/training.csv and manifest.json, hyperparameters.json (algorithm, use_case, seed, ...).
Writes model/xgboost-model + model/clinrisk/model.json, learned.npy and refits/, or model/clinrisk/{model,
       logistic,floor}.json, and output/data/out_of_fold.csv (record_id, fold, label, score[, floor]).
The server loads every top-level file of the archive as a booster, so there is exactly one, or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clinrisk import use_cases
from clinrisk.errors import FeatureMismatch, SettingMissing
from clinrisk.jobs.container import write_json
from clinrisk.jobs.models import absence, baseline, booster, codes, factors, refits
from clinrisk.jobs.models.learned_patients import FILE, LearnedPatients
from clinrisk.jobs.patient_tables import read_set, sha256_of, write_csv
from clinrisk.jobs.training import nested_search
from clinrisk.jobs.training.absence_effect import absence_effect
from clinrisk.jobs.training.fit_recalibration import recalibrated
from clinrisk.jobs.training.folds import same_patient, stratified_folds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from clinrisk.jobs.container import Container
    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.jobs.patient_tables import Patients
    from clinrisk.use_cases.base import UseCase

DEFAULT_REPEATS = 2
# Drive is a mean over patients: more of them would cost time and change no digit that is shown.
_DRIVE_ROWS = 5000


def run(container: Container) -> None:
    """Train what the hyperparameters name; raises ClinriskError with a reason that anyone may see."""
    given = container.hyperparameters()
    use_case = use_cases.get(_required(given, "use_case"))
    algorithm = _required(given, "algorithm")
    if algorithm not in ("xgboost", "logistic"):
        raise SettingMissing("The hyperparameter algorithm must be xgboost or logistic.")
    if given.get("feature_digest", use_case.feature_digest) != use_case.feature_digest:
        raise FeatureMismatch("The hyperparameters were made for other features than this code has.")
    path = container.channel("training") / "training.csv"
    patients = read_set(path, use_case)
    seed = int(given.get("seed", "0"))
    repeats = int(given.get("cv_repeats", str(DEFAULT_REPEATS)))
    folds = stratified_folds(patients.labels, seed, repeats, same_patient(patients.features))
    train = _train_xgboost if algorithm == "xgboost" else _train_logistic
    scores, findings = train(container.model, patients, use_case, given, folds)
    columns = {"record_id": patients.record_ids, "fold": folds[0], "label": patients.labels, **scores}
    write_csv(container.output_data / "out_of_fold.csv", pd.DataFrame(columns))
    digest = sha256_of(path)
    if algorithm == "xgboost":  # the baseline scores no patient
        LearnedPatients.of(patients.record_ids.tolist(), digest).save(container.model / "clinrisk" / FILE)
    card = {
        "algorithm": algorithm,
        "use_case": use_case.name,
        "schema_version": use_case.schema_version,
        "features": list(use_case.feature_names),
        "feature_digest": use_case.feature_digest,
        "training_sha256": digest,
        "rows": len(patients),
        "positives": patients.positives,
        "seed": seed,
        "cv_repeats": repeats,
        "hyperparameters": {name: given[name] for name in sorted(given)},
        "ranges": _ranges(patients, use_case),
        "unfamiliar_codes": codes.unfamiliar(patients.features, use_case),
    } | findings
    write_json(container.model / "clinrisk" / "model.json", card)


def _required(given: Mapping[str, str], name: str) -> str:
    """Return a hyperparameter; raises SettingMissing."""
    if name not in given:
        raise SettingMissing(f"The hyperparameter {name} is missing.")
    return given[name]


def _ranges(patients: Patients, use_case: UseCase) -> dict[str, list[float]]:
    """Return, per measured feature, the span of the training patients, widened to hundredths of the range.

    Scoring marks a patient who lies outside it; the widening keeps a single patient's value out of the file.
    """
    spans: dict[str, list[float]] = {}
    for index, feature in enumerate(use_case.features):
        values = patients.features[:, index]
        values = values[~np.isnan(values)]
        if feature.kind == "number" and len(values):
            step = (feature.high - feature.low) / 100
            low = feature.low + np.floor((values.min() - feature.low) / step) * step
            high = feature.low + np.ceil((values.max() - feature.low) / step) * step
            spans[feature.name] = [round(float(low), 9), round(float(high), 9)]
    return spans


def _train_xgboost(
    model: Path, patients: Patients, use_case: UseCase, given: Mapping[str, str], folds: Any
) -> tuple[dict[str, Floats], dict[str, Any]]:
    """Write xgboost-model (UBJSON) and its refits; return the out-of-fold scores and what the card holds.

    No early stopping: the number of trees is chosen like any other setting, so all trees are served.
    """
    names, features, labels = use_case.feature_names, patients.features, patients.labels
    settings = booster.settings_of(given)
    if use_case.monotone:
        settings["monotone_constraints"] = tuple(use_case.monotone.get(name, 0) for name in names)
    settings["blanked"] = absence.blanks_of(features, use_case)
    points = nested_search.points_of(given)
    search: dict[str, Any] = {"tried": [], "chosen": None}
    if nested_search.TUNING_JOB in given:
        search["tuning"] = nested_search.tuning_facts(given, settings)
    if points:
        found = nested_search.nested(settings, points, names, features=features, labels=labels, folds=folds)
        scores, settings, search = found.scores, found.settings, found.facts
    else:
        scores = booster.out_of_fold(settings, names, features, labels, folds)
    corrected = recalibrated(labels, scores, folds)
    grown = booster.grow(settings, names, features, labels)
    booster.save(grown, model / "xgboost-model")
    refits.grow(settings, features, labels, use_case).save(model / "clinrisk" / "refits")
    drivers = factors.drivers(booster.contributions(grown, features[:_DRIVE_ROWS], names), use_case)
    return {"score": corrected.scores}, {
        "search": search,
        "calibration": corrected.as_json(),
        "absence": absence.absence(features, use_case),
        "least_absent": absence.LEAST_ABSENT,
        "absence_effect": absence_effect(settings, features, labels, folds[0], use_case),
        "drive": {driver["column"]: driver["share"] for driver in drivers},
    }


def _train_logistic(
    model: Path, patients: Patients, use_case: UseCase, given: Mapping[str, str], folds: Any
) -> tuple[dict[str, Floats], dict[str, Any]]:
    """Write the baseline and the floor (one feature alone) as JSON; return their out-of-fold scores."""
    strength = float(given.get("C", "1.0"))
    only = [use_case.feature_names.index(use_case.baseline_feature)]
    tables = {
        "logistic": (use_case.feature_names, patients.features),
        "floor": ((use_case.baseline_feature,), patients.features[:, only]),
    }
    scores = {}
    for name, (features, table) in tables.items():
        scores[name] = baseline.out_of_fold(table, patients.labels, folds, strength)
        fitted = baseline.fit(table, patients.labels, features, strength)
        write_json(model / "clinrisk" / f"{name}.json", fitted.as_json())
    return {"score": scores["logistic"], "floor": scores["floor"]}, {}
