"""Synthetic patients pass ingest, and are about as sick and as hard to tell apart as the real ones."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cli.local_files import synthetic_cohort
from clinrisk import use_cases
from clinrisk.core.ingest.check_file import check_file
from clinrisk.core.ingest.chunk import ParsedChunk, read_chunk
from clinrisk.core.ingest.csv_file.head import read_header
from clinrisk.core.monitoring.drift import drift_finding
from clinrisk.core.monitoring.findings import ProfileMaterial


def _read(data: bytes, name: str, purpose: str = "training") -> ParsedChunk:
    header = read_header(data)
    return read_chunk(data[header.length :], use_cases.get(name), purpose, header.names, 1, b"key")


@pytest.mark.parametrize("name", ["heart", "stroke"])
def test_the_same_seed_gives_the_same_bytes_in_the_public_schema(name: str) -> None:
    data = synthetic_cohort.draw(name, rows=500, seed=11)
    assert data == synthetic_cohort.draw(name, rows=500, seed=11)
    assert data != synthetic_cohort.draw(name, rows=500, seed=12)
    assert data.splitlines()[0].decode() == ",".join(use_cases.get(name).header)
    assert (check_file(data, use_cases.get(name), "training").rows_accepted) == 500


@pytest.mark.parametrize("name", ["heart", "stroke"])
def test_an_inference_cohort_has_no_outcome(name: str) -> None:
    data = synthetic_cohort.draw(name, rows=50, seed=1, purpose="inference")
    assert use_cases.get(name).label.column not in data.splitlines()[0].decode().split(",")
    assert check_file(data, use_cases.get(name), "inference").disposition == "ACCEPTED"


@pytest.mark.parametrize(
    ("name", "rows", "prevalence", "lowest", "highest"),
    [("heart", 4000, 0.46, 0.86, 0.92), ("stroke", 20000, 0.049, 0.83, 0.86)],
)
def test_prevalence_and_discrimination_are_those_of_the_public_data(
    name: str, rows: int, prevalence: float, lowest: float, highest: float
) -> None:
    features = _read(synthetic_cohort.draw(name, rows=rows, seed=2), name).features
    inputs = features.select(use_cases.get(name).feature_names).cast(pl.Float64).to_numpy()
    label = features["label"].to_numpy()
    assert abs(label.mean() - prevalence) < 0.15 * prevalence
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000))
    scores = cross_val_predict(model, inputs, label, cv=5, method="predict_proba")[:, 1]
    assert lowest <= roc_auc_score(label, scores) <= highest


def _mean(frame: pl.DataFrame, name: str) -> float:
    values = frame[name].drop_nulls().to_numpy()
    return float(values.mean()) if len(values) else 0.0


def test_a_missing_bmi_tells_something_about_stroke() -> None:
    features = _read(synthetic_cohort.draw("stroke", rows=40000, seed=3), "stroke").features
    assert _mean(features.filter(pl.col("bmi_missing") == 1), "label") > 0.12
    assert _mean(features.filter(pl.col("bmi_missing") == 0), "label") < 0.06


@pytest.mark.parametrize(
    ("name", "shift"), [(n, s) for n in ("heart", "stroke") for s in synthetic_cohort.shifts(n)]
)
def test_a_shifted_cohort_is_valid_and_clearly_another_population(name: str, shift: str) -> None:
    usual, other = (
        _read(synthetic_cohort.draw(name, rows=3000, seed=4, shift=which), name).features
        for which in (None, shift)
    )
    assert other.height == 3000
    assert use_cases.get(name).marginals.shifts[shift].title
    moved = [
        feature
        for feature in use_cases.get(name).feature_names
        if abs(_mean(other, feature) - _mean(usual, feature))
        > 0.3 * float(usual[feature].drop_nulls().to_numpy().std())
    ]
    assert len(moved) >= 3


@pytest.mark.parametrize("name", ["heart", "stroke"])
def test_a_shift_raises_the_drift_alert_and_the_same_population_does_not(name: str) -> None:
    use_case = use_cases.get(name)
    reference = _read(synthetic_cohort.draw(name, rows=1000, seed=1), name).profile
    assert reference is not None
    for shift, expected in ((None, "OK"), *((other, "ALERT") for other in synthetic_cohort.shifts(name))):
        batch = _read(
            synthetic_cohort.draw(name, rows=60, seed=2, purpose="inference", shift=shift), name, "inference"
        )
        assert batch.profile is not None
        material = ProfileMaterial(reference, batch.profile, 0, np.random.default_rng(3))
        found = drift_finding(use_case, material)
        assert found.verdict == expected


def test_the_cohort_command_can_list_shifts() -> None:
    assert synthetic_cohort.shifts("heart") == ("district_hospital",)
    with pytest.raises(KeyError):
        synthetic_cohort.draw("heart", rows=1, seed=1, shift="elsewhere")
