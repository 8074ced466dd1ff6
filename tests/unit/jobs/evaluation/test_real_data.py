"""On the public files the jobs find what the literature finds, and no more."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate
from pyarrow import parquet
from scipy.stats import binomtest
from sklearn import metrics as oracle
from sklearn.linear_model import LogisticRegression

from clinrisk import use_cases
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.jobs.patient_tables import read_scores, read_set, set_schema
from clinrisk.jobs.training.public_rows import public_source
from tests.unit.jobs.evaluation.row_bootstrap import paired_bootstrap

if TYPE_CHECKING:
    from clinrisk.use_cases.base import UseCase
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
        repeated = dict(chosen) | {"use_case": name, "cv_repeats": "2"}
        assert subject.train(algorithm, **repeated) == 0
    assert subject.evaluate(USE_CASE=name) == 0
    found: dict[str, Any] = json.loads(
        (subject.outputs("evaluate", "evaluation") / "evaluation.json").read_text()
    )
    return found


def _agrees_with_the_libraries(document: dict[str, Any], laboratory: Laboratory, use_case: UseCase) -> None:
    """Hold the figures of the real patients against scikit-learn, scipy and fairlearn."""
    training = read_set(laboratory.outputs("assemble", "set") / "training.csv", use_case)
    labels = training.labels
    for model in ("xgboost", "logistic"):
        scores = read_scores(laboratory.root / model / "output/data/out_of_fold.csv")["score"].to_numpy()
        figures, flagged = document["models"][model], scores >= document["threshold"]
        found, positive = flagged[labels == 1], int(labels.sum())
        wilson = binomtest(int(found.sum()), positive).proportion_ci(method="wilson")
        assert figures["recall"][1:] == pytest.approx([wilson.low, wilson.high], abs=1e-9)
        margins = np.log(scores / (1 - scores))[:, None]
        line = LogisticRegression(C=1e12, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
        for figure, expected in (
            ("auc", oracle.roc_auc_score(labels, scores)),
            ("average_precision", oracle.average_precision_score(labels, scores)),
            ("brier", oracle.brier_score_loss(labels, scores)),
            ("log_loss", oracle.log_loss(labels, scores)),
            ("recall", oracle.recall_score(labels, flagged)),
            ("precision", oracle.precision_score(labels, flagged)),
            ("f1", oracle.f1_score(labels, flagged)),
            ("calibration_slope", line.fit(margins, labels).coef_[0, 0]),
        ):
            assert figures[figure][0] == pytest.approx(expected, abs=1e-9), (model, figure)
        if model == "logistic":
            continue
        for attribute, groups in training.groups.items():
            frame = MetricFrame(
                metrics={"recall": true_positive_rate, "selection_rate": selection_rate},
                y_true=labels,
                y_pred=flagged,
                sensitive_features=groups,
            )
            for group, table in document["groups"][attribute].items():
                for rate in ("recall", "selection_rate"):
                    if table[rate] != "NOT_EVALUATED":
                        expected = frame.by_group.loc[group, rate]
                        assert table[rate][0] == pytest.approx(expected, abs=1e-9)
    risks = {
        model: read_scores(laboratory.root / model / "output/data/out_of_fold.csv")["score"].to_numpy()
        for model in ("xgboost", "logistic")
    }
    drawn = paired_bootstrap(oracle.roc_auc_score, labels, risks["xgboost"], risks["logistic"], draws=1000)
    assert document["comparison"]["xgboost_vs_logistic"]["auc"] == pytest.approx(drawn, abs=0.005)


@pytest.mark.parametrize(("name", "low", "high"), [("heart", 0.85, 0.93), ("stroke", 0.82, 0.87)])
def test_areas_lie_where_honest_ones_lie(laboratory: Laboratory, name: str, low: float, high: float) -> None:
    document = evaluated(laboratory, name)

    for model in ("xgboost", "logistic"):
        assert low <= document["models"][model]["auc"][0] <= high
    assert sum(document["counts"][part]["rows"] for part in ("training", "holdout")) == ROWS[name]
    assert document["unmet"] == []
    _agrees_with_the_libraries(document, laboratory, use_cases.get(name))
    if name == "stroke":
        assert document["models"]["floor"]["auc"][0] == pytest.approx(0.835, abs=0.03)
        assert 0.75 <= document["models"]["xgboost"]["recall"][0] <= 0.85
        assert document["groups"]["age_band"]["under_45"]["recall"] == "NOT_EVALUATED"


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_public_files_are_recognised_by_the_digest_of_their_rows(name: str) -> None:
    use_case, schema = use_cases.get(name), set_schema(use_cases.get(name))
    data = (FOLDER / FILES[name]).read_bytes()
    rows = data.partition(b"\n")[2] if use_case.id_column else data
    read = read_chunk(rows, use_case, "training", use_case.header, 1, b"k" * 32).features.to_arrow()

    found = public_source(read.select(schema.names).cast(schema).to_pandas(), use_case)

    assert found in use_case.public_sources
