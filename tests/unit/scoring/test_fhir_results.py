"""Results as FHIR: every line is valid R4 by a library of others, and says what the row of the CSV says."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from fhir.resources.R4B.riskassessment import RiskAssessment

from clinrisk import use_cases
from clinrisk.core.erasure import patient_rows
from clinrisk.core.erasure.locations import LOCATIONS
from clinrisk.core.erasure.named_patients import NamedPatients
from clinrisk.core.scoring.fhir_results import device, lines_of
from clinrisk.core.scoring.results import results_of
from tests.unit.scoring.test_results import OF_FILE, SCORED, VAULT, parquet

STROKE = use_cases.get("stroke")
MODEL = device(
    STROKE, live_version=3, model_digest="d" * 64, card="s3://results/reports/stroke/r/model-card.html"
)


def resources(scored: pl.DataFrame, **of_file: Any) -> list[dict[str, Any]]:
    table = results_of(parquet(scored), parquet(VAULT), OF_FILE | of_file, header=False).table
    lines = lines_of(table, STROKE, MODEL, OF_FILE | of_file).splitlines()
    return [json.loads(line) for line in lines]


def changed(**columns: Any) -> pl.DataFrame:
    return SCORED.with_columns(**{name: pl.Series(name, values) for name, values in columns.items()})


ODD = changed(
    caution=['said "no"\\\n', ""], band=["low", "not scored"], risk=[0.2, None], flagged=[False, None],
    outside=["", "café"],
)  # fmt: skip


@pytest.mark.parametrize("scored", [SCORED, ODD])
@pytest.mark.parametrize("caution", ["Few rows.", None])
def test_every_resource_is_valid_and_survives_the_library_unchanged(
    scored: pl.DataFrame, caution: str | None
) -> None:
    for one in resources(scored, batch_caution=caution):
        read = RiskAssessment.model_validate_json(json.dumps(one))
        made = json.loads(read.model_dump_json(exclude_none=True))
        assert made == one | {"occurrenceDateTime": "2026-03-01T10:00:00Z"}


def test_a_resource_says_who_by_which_model_how_likely_and_why() -> None:
    first, second = resources(SCORED)
    assert first["meta"]["security"][0]["code"] == "AIAST"
    assert first["id"] == "v1-1"
    assert first["subject"] == {"type": "Patient", "identifier": {"value": "MRN 7"}}
    # FHIR R4 states percentages.
    assert [one["prediction"][0]["probabilityDecimal"] for one in (first, second)] == [50.0, 12.3457]
    assert first["prediction"][0]["rationale"] == (
        "At or above the threshold of 33.5%. What moved it most: age (raises the risk)."
    )
    assert second["prediction"][0]["rationale"].startswith("Interval 10.0% to 20.0%. Below the threshold")
    assert first["performer"] == {"reference": f"#{first['contained'][0]['id']}"}
    assert first["contained"][0]["note"] == [
        {"text": "Model card: s3://results/reports/stroke/r/model-card.html"}
    ]
    assert [one["text"] for one in second["note"]] == ["Few rows.", "Not measured: thallium scan"]


def test_who_has_no_risk_is_stated_as_not_scored_with_the_reason_and_no_probability() -> None:
    scored = changed(
        risk=[None, 0.5], band=["not scored", "high"], flagged=[None, True], caution=["Age is needed.", ""]
    )
    [prediction] = resources(scored)[1]["prediction"]
    assert prediction["qualitativeRisk"] == {"text": "not scored"}
    assert prediction["rationale"] == "No risk is stated. Age is needed."
    assert "probabilityDecimal" not in prediction


def test_an_erasure_finds_a_patient_in_the_resources() -> None:
    place = next(one for one in LOCATIONS if one.form == "resources")
    assert place.holds("results/stroke/ward/v1.ndjson")
    data = b"".join(json.dumps(one).encode() + b"\n" for one in resources(SCORED))
    patients = NamedPatients.of_file("MRN 7", b"key")
    assert patient_rows.count(place, [data], patients) == patient_rows.Found(2, 1)
