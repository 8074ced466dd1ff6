"""Evaluation documents of patients that are drawn by seed: what the pages show and the schema describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from clinrisk import use_cases
from clinrisk.jobs.evaluation.evaluation_document import ComparedChampion, ScoredPatients, evaluation_of

USE_CASE = use_cases.get("heart")
LIVE = ComparedChampion(live_version=3, run_id="heart-9876543210", threshold=0.4)
SCHEMA = json.loads((Path(__file__).parents[4] / "docs" / "evaluation.schema.json").read_text())


def scored(seed: int, size: int = 300, skill: float = 2.0, *, champion: bool = False) -> ScoredPatients:
    """Patients of every group, with scores that are calibrated by construction."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, skill, size)
    risks = 1 / (1 + np.exp(-true))
    labels = (rng.random(size) < risks).astype(np.int64)
    blurred = 1 / (1 + np.exp(-true * 0.9 + 0.3 * rng.normal(size=size)))
    age = np.clip(0.35 + 0.02 * true, 0.01, 0.99)
    scores = {"xgboost": risks, "logistic": blurred, "floor": age}
    if champion:
        scores["champion"] = blurred
    groups = {a.name: rng.choice(np.array(a.group_names[:-1]), size) for a in USE_CASE.protected}
    return ScoredPatients(labels, groups, scores)


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add what only the job knows, as the job does."""
    document["counts"]["rows_quarantined"] = 0
    digests = dict.fromkeys(
        ("training", "holdout", "manifest", "reference", "xgboost_model", "logistic_model"), "0" * 64
    )
    drivers = [{"column": "age", "title": "age", "share": 1.0}]
    correction = {"kept": False, "slope": 1.0, "intercept": 0.0, "log_loss_gain": [0.0, -0.1, 0.1]}
    made = {"recalibration": correction, "search": {"tried": [], "chosen": None}}
    return document | made | {"run_id": "heart-0123456789", "digests": digests, "drivers": drivers}


def evaluated(out_of_fold: ScoredPatients, holdout: ScoredPatients, **facts: Any) -> dict[str, Any]:
    """Return the complete document, checked against its schema."""
    document = complete(evaluation_of(USE_CASE, out_of_fold, holdout, **facts))
    jsonschema.validate(document, SCHEMA)
    json.dumps(document, allow_nan=False)
    return document


def manifest_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest of the set that a document speaks of."""
    groups = {
        attribute: {name: figures["n"] for name, figures in table.items()}
        for attribute, table in document["groups"].items()
    }
    return {"parts": {"training": {"missing": {"ca": 4}, "groups": groups}}, "split": {"holdout_share": 0.2}}
