"""Evaluate Candidate: the evidence as evaluation.json, and the page that an approver reads.

Reads  input/set (training.csv, holdout.csv, manifest.json), input/xgboost and input/logistic (model.tar.gz
       and output.tar.gz of the training jobs), input/champion and input/first_released (the
       same two of these models, if any).
Writes output/evaluation/evaluation.json, and report.html and the model card to output/report.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk import use_cases
from clinrisk.core.training.promotion import BASELINE, CANDIDATE, CHAMPION, FIRST_RELEASED, FLOOR
from clinrisk.errors import EvidenceChanged, FeatureMismatch
from clinrisk.jobs.container import read_json, write_json
from clinrisk.jobs.evaluation.characteristics import characteristics
from clinrisk.jobs.evaluation.cross_checks import (
    absence_evidence,
    doubt_evidence,
    duplicate_evidence,
    interval_evidence,
)
from clinrisk.jobs.evaluation.evaluation_document import ScoredPatients, evaluation_of
from clinrisk.jobs.evaluation.released_models import read_released
from clinrisk.jobs.models import baseline, booster, factors, recalibration, refits
from clinrisk.jobs.patient_tables import read_scores, read_set, sha256_of, unpack
from clinrisk.jobs.report.model_card import card_files
from clinrisk.jobs.report.report_page import render

if TYPE_CHECKING:
    from clinrisk.jobs.container import Container
    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.jobs.patient_tables import Patients
    from clinrisk.use_cases.base import UseCase

# Drivers are a mean over patients: more of them would cost time and change no digit that is shown.
DRIVER_ROWS = 5000


def run(container: Container) -> None:
    """Write evaluation, report and model card; raises EvidenceChanged when pieces do not fit together."""
    use_case = use_cases.get(container.setting("USE_CASE"))
    folder = container.input("set")
    manifest = read_json(folder / "manifest.json")
    parts = {name: _part(folder, name, manifest, use_case) for name in ("training", "holdout")}
    with tempfile.TemporaryDirectory() as scratch:
        models = _unpacked(container, Path(scratch), use_case, manifest)
        document = _evaluate(container, use_case, parts, models, manifest)
        document["digests"] |= {
            "manifest": sha256_of(folder / "manifest.json"),
            "reference": manifest["reference_sha256"],
            "xgboost_model": sha256_of(models[CANDIDATE] / "model" / "xgboost-model"),
            "logistic_model": sha256_of(models[BASELINE] / "model" / "clinrisk" / "logistic.json"),
        }
    write_json(container.output("evaluation") / "evaluation.json", document)
    page = render(document, manifest, use_case)
    (container.output("report") / "report.html").write_text(page, encoding="utf-8")
    for name, content in card_files(document, manifest, use_case).items():
        (container.output("report") / name).write_bytes(content)


def _part(folder: Path, name: str, manifest: dict[str, Any], use_case: UseCase) -> Patients:
    """Read training.csv or holdout.csv after checking that it is the file that the manifest describes."""
    path = folder / f"{name}.csv"
    patients = read_set(path, use_case)
    if sha256_of(path) != manifest["parts"][name]["sha256"]:
        raise EvidenceChanged(f"The file {name}.csv is not the one that the manifest describes.")
    for attribute in use_case.protected:
        if not np.isin(patients.groups[attribute.name], attribute.group_names).all():
            message = f"The file {name}.csv names groups of {attribute.title} that this code does not have."
            raise FeatureMismatch(message)
    return patients


def _unpacked(
    container: Container, scratch: Path, use_case: UseCase, manifest: dict[str, Any]
) -> dict[str, Path]:
    """Unpack what training left; raises unless it was trained on this set, with these features."""
    folders = {}
    for name in (CANDIDATE, BASELINE):
        folders[name] = scratch / name
        unpack(container.input(name), "model.tar.gz", scratch / name / "model")
        unpack(container.input(name), "output.tar.gz", scratch / name / "output")
        card = read_json(scratch / name / "model" / "clinrisk" / "model.json")
        if card["feature_digest"] != use_case.feature_digest:
            raise FeatureMismatch(f"The {name} model was trained on other features than this code has.")
        if card["training_sha256"] != manifest["parts"]["training"]["sha256"]:
            raise EvidenceChanged(f"The {name} model was trained on another training set.")
    return folders


def _evaluate(
    container: Container,
    use_case: UseCase,
    parts: dict[str, Patients],
    models: dict[str, Path],
    manifest: dict[str, Any],
) -> dict[str, Any]:
    """Score the hold-out, read the out-of-fold scores, and put the evidence together."""
    training, holdout = parts["training"], parts["holdout"]
    names = use_case.feature_names
    grown = booster.load(models[CANDIDATE] / "model" / "xgboost-model", names)
    fitted = {
        name: baseline.from_json(read_json(models[BASELINE] / "model" / "clinrisk" / f"{name}.json"))
        for name in (BASELINE, FLOOR)
    }
    card = read_json(models[CANDIDATE] / "model" / "clinrisk" / "model.json")
    correction = recalibration.of_model(card)
    held: dict[str, Floats] = {CANDIDATE: correction.apply(booster.risks(grown, holdout.features, names))}
    refitted = refits.load(models[CANDIDATE] / "model" / "clinrisk" / "refits", names)
    spans = refitted.intervals(holdout.features, held[CANDIDATE], correction)
    for name, model in fitted.items():
        columns = [names.index(feature) for feature in model.features]
        held[name] = model.risks(holdout.features[:, columns])
    learned = _out_of_fold(models, training)
    scratch = models[CANDIDATE].parent
    released = {
        name: found
        for name in (CHAMPION, FIRST_RELEASED)
        if (found := read_released(name, container, use_case, parts, scratch)) is not None
    }
    learned |= {name: found.training for name, found in released.items()}
    held |= {name: found.holdout for name, found in released.items()}
    document = evaluation_of(
        use_case,
        ScoredPatients(training.labels, training.groups, learned),
        ScoredPatients(holdout.labels, holdout.groups, held),
        released={name: found.model for name, found in released.items()},
        holdout_uses=int(container.environment.get("HOLDOUT_USES", "1")),
        repeats=card["cv_repeats"],
        seed=int(manifest["seed"]),
    )
    document["recalibration"], document["search"] = card["calibration"], _search(card, manifest)
    document["cross_checks"] = {
        "duplicates": duplicate_evidence(training, learned[CANDIDATE], manifest["duplicates"], use_case),
        "intervals": interval_evidence(holdout, held[CANDIDATE], spans, use_case),
        "doubts": doubt_evidence(holdout, spans, use_case, card),
        "absences": absence_evidence(card),
        "acted_on": sum(part.get("acted_on", 0) for part in manifest["parts"].values()),
    }
    document["characteristics"] = characteristics(training, use_case)
    sample = training.features[:DRIVER_ROWS]
    document["run_id"] = container.setting("RUN_ID")
    document["drivers"] = factors.drivers(booster.contributions(grown, sample, names), use_case)
    document["counts"]["rows_quarantined"] = manifest["rows_quarantined"]
    document["digests"] = {name: part["sha256"] for name, part in manifest["parts"].items()}
    return document


def _search(card: dict[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    """Return how the settings were chosen and, after a tuning job, by how many of the training patients."""
    search: dict[str, Any] = card["search"]
    if "tuning" not in search:
        return search
    if "tuning" not in manifest:
        raise EvidenceChanged("The settings come from a tuning job that this training set was not made for.")
    return search | {"tuning": search["tuning"] | {"patients": manifest["tuning"]["validation"]["rows"]}}


def _out_of_fold(models: dict[str, Path], training: Patients) -> dict[str, Floats]:
    """Read the out-of-fold scores of every model, checked to be about these patients."""
    scores: dict[str, Floats] = {}
    for name, folder in models.items():
        table = read_scores(folder / "output" / "out_of_fold.csv")
        same = np.array_equal(table["record_id"], training.record_ids)
        if not same or not np.array_equal(table["label"], training.labels):
            raise EvidenceChanged(f"The out-of-fold scores of {name} are not those of the training patients.")
        scores[name] = table["score"].to_numpy(np.float64)
        if name == BASELINE:
            scores[FLOOR] = table["floor"].to_numpy(np.float64)
    if not all(np.all((risks >= 0) & (risks <= 1)) for risks in scores.values()):
        raise EvidenceChanged("The out-of-fold scores are not all risks between 0 and 1.")
    return scores
