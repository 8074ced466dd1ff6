"""On the public files the jobs find what the literature finds, and no more."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from clinrisk import use_cases
from clinrisk.ingest.chunk import read_chunk
from pyarrow import parquet

if TYPE_CHECKING:
    from tests.unit.jobs.conftest import Laboratory

FOLDER = Path(os.environ.get("CLINRISK_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
FILES = {"heart": "processed.cleveland.data", "stroke": "healthcare-dataset-stroke-data.csv"}
ROWS = {"heart": 303, "stroke": 5110}
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the public files are not here (CLINRISK_REAL_DATA)"),
]


def store(laboratory: Laboratory) -> None:
    """Put the user's own file into the offline store, through the real ingest."""
    use_case = laboratory.use_case
    data = (FOLDER / FILES[use_case.name]).read_bytes()
    if use_case.id_column:
        data = data.partition(b"\n")[2]
    chunk = read_chunk(data, use_case, "training", use_case.header, 1, b"k" * 32)
    assert chunk.counts.accepted == ROWS[use_case.name]
    table = chunk.features.to_arrow()
    told = {"event_time": "2026-01-01T00:00:00.000Z", "upload_id": "committed"}
    for name, text in told.items():
        table = table.append_column(name, pa.array([text] * table.num_rows, pa.string()))
    folder = laboratory.inputs("assemble", "offline")
    parquet.write_table(table, folder / "a.parquet")


def evaluated(laboratory: Laboratory, name: str) -> dict[str, Any]:
    subject = replace(laboratory, use_case=use_cases.get(name))
    store(subject)
    plan = replace(subject.plan, use_case=name)
    assert subject.assemble(plan) == 0
    for algorithm, chosen in subject.use_case.hyperparameters.items():
        repeated = dict(chosen) | {"use_case": name, "cv_repeats": "5"}
        assert subject.train(algorithm, **repeated) == 0
    assert subject.evaluate(USE_CASE=name) == 0
    found: dict[str, Any] = json.loads(
        (subject.outputs("evaluate", "evaluation") / "evaluation.json").read_text()
    )
    return found


@pytest.mark.parametrize(("name", "low", "high"), [("heart", 0.85, 0.93), ("stroke", 0.82, 0.87)])
def test_areas_lie_where_honest_ones_lie(laboratory: Laboratory, name: str, low: float, high: float) -> None:
    document = evaluated(laboratory, name)

    for model in ("xgboost", "logistic"):
        assert low <= document["models"][model]["auc"][0] <= high
    assert sum(document["counts"][part]["rows"] for part in ("training", "holdout")) == ROWS[name]
    assert document["unmet"] == []
    if name == "stroke":
        assert document["models"]["floor"]["auc"][0] == pytest.approx(0.835, abs=0.03)
        assert 0.75 <= document["models"]["xgboost"]["recall"][0] <= 0.85
        assert document["groups"]["age_band"]["under_45"]["recall"] == "NOT_EVALUATED"
