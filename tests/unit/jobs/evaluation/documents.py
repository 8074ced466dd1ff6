"""Evaluation documents of patients that are drawn by seed: what the pages show and the schema describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from clinrisk import use_cases
from clinrisk.jobs.evaluation.evaluation_document import ReleasedModel, ScoredPatients, evaluation_of

USE_CASE = use_cases.get("heart")
LIVE = ReleasedModel(live_version=3, run_id="heart-9876543210", threshold=0.4)
CHARACTERISTICS = [
    {
        "column": "age",
        "title": "age",
        "unit": "years",
        "missing": {"with_condition": 0, "without_condition": 0},
        "quartiles": {"with_condition": [52.0, 58.0, 62.0], "without_condition": [44.75, 52.0, 59.0]},
    },
    {
        "column": "sex",
        "title": "sex",
        "missing": {"with_condition": 0, "without_condition": None},
        "codes": [
            {"title": "female", "with_condition": 20, "without_condition": 58},
            {"title": "male", "with_condition": 92, "without_condition": 73},
        ],
    },
]
SOURCE = {
    "upload_id": "0" * 20,
    "key": "inbox/heart/training/2019.csv",
    "sha256": "1" * 64,
    "received_at": "2026-03-01T09:30:00.000Z",
    "rows_accepted": 380,
    "rows_quarantined": 3,
    "labelled_rows": 376,
    "description": "Cardiology, referrals of 2019",
    "synthetic": False,
    "public": "",
}
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
    rows = document["counts"]["holdout"]["rows"]
    made = {
        "characteristics": CHARACTERISTICS,
        "cross_checks": {
            "duplicates": {"equal": 0, "nearly_equal": 0, "auc": 0.85, "auc_without": 0.85},
            "intervals": [],
            "doubts": {"rows": rows, "not_scored": 0, "uncertain": rows // 5},
            "absences": [{"column": "chol", "lacked": 3, "mean_risk": 0.0042, "log_loss": -0.001}],
        },
        "recalibration": correction,
        "search": {"tried": [], "chosen": None},
    }
    return document | made | {"run_id": "heart-0123456789", "digests": digests, "drivers": drivers}


def evaluated(
    out_of_fold: ScoredPatients,
    holdout: ScoredPatients,
    *,
    champion: ReleasedModel | None = None,
    **facts: Any,
) -> dict[str, Any]:
    """Return the complete document, checked against its schema."""
    released = {} if champion is None else {"champion": champion}
    document = complete(evaluation_of(USE_CASE, out_of_fold, holdout, released=released, **facts))
    jsonschema.validate(document, SCHEMA)
    json.dumps(document, allow_nan=False)
    return document


def manifest_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest of the set that a document speaks of."""
    groups = {
        attribute: {name: figures["n"] for name, figures in table.items()}
        for attribute, table in document["groups"].items()
    }
    counts = document["counts"]
    labelled = counts["training"]["rows"] + counts["holdout"]["rows"] + 6
    flow = {
        "files": 1,
        "rows": labelled + 7,
        "rows_quarantined": 3,
        "rows_without_outcome": 4,
        "rows_labelled": labelled,
    }
    return {
        "parts": {
            "training": counts["training"] | {"missing": {"ca": 4}, "groups": groups},
            "holdout": counts["holdout"],
        },
        "split": {"holdout_share": 0.2},
        "sources": [SOURCE],
        "flow": flow,
    }
