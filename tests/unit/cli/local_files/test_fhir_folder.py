"""A folder of FHIR resources as a file of patients: the rest is counted by its rule, and never guessed."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from cli.local_files.fhir_folder import RULES, Folder
from clinrisk import use_cases
from clinrisk.core.ingest.check_file import check_file
from clinrisk.use_cases.columns import Code, Number
from clinrisk.use_cases.fhir_sources import Answered, Diagnosed, OfPatient, Quantity

if TYPE_CHECKING:
    from pathlib import Path

STROKE, DAY = use_cases.get("stroke"), dt.date(2026, 6, 1)
CONFIRMED = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}]
}


def patient(name: str = "p1", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "gender": "female", "birthDate": "1956-06-01"} | more


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def observed(loinc: str, value: Any, *, when: str = "2026-05-01", **more: Any) -> dict[str, Any]:
    made = {
        "resourceType": "Observation",
        "status": "final",
        "code": concept("http://loinc.org", loinc),
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": when,
    }
    return made | (value if isinstance(value, dict) else quantity(value)) | more


def quantity(value: float, unit: str = "kg/m2") -> dict[str, Any]:
    return {"valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": unit}}


def condition(snomed: str, **more: Any) -> dict[str, Any]:
    made = {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/p1"},
        "verificationStatus": CONFIRMED,
    }
    return made | {"code": concept("http://snomed.info/sct", snomed)} | more


def converted(
    folder: Path, *resources: Any, complete: bool = False, **options: Any
) -> tuple[list[dict[str, str]], dict[str, int]]:
    """Return rows and what was not used, of one NDJSON file."""
    file = folder / "all.ndjson"
    file.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in resources))
    read = Folder(STROKE, DAY, **options)
    read.read([file])
    text, rows = read.as_csv(complete_conditions=complete)
    found = list(csv.DictReader(io.StringIO(text)))
    assert len(found) == rows
    return found, {rule: n for (_, rule), n in read.left_out.items() if n}


def test_what_is_mapped_becomes_a_row_that_the_inbox_accepts(tmp_path: Path) -> None:
    [row], left_out = converted(
        tmp_path,
        observed("39156-5", 25.5),
        observed("53553-4", quantity(6, "mmol/L")),
        observed("72166-2", {"valueCodeableConcept": concept("http://snomed.info/sct", "8517006")}),
        condition("38341003"),
        patient(maritalStatus=concept("http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "W")),
        complete=True,
    )
    assert row == {
        "id": "p1", "gender": "Female", "age": "70", "hypertension": "1", "heart_disease": "0",
        "ever_married": "Yes", "work_type": "", "Residence_type": "", "avg_glucose_level": "108.096",
        "bmi": "25.5", "smoking_status": "formerly smoked",
    }  # fmt: skip
    assert not left_out
    text = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
    assert check_file(text.encode(), STROKE, "inference").disposition == "ACCEPTED"


def test_without_a_word_about_it_no_condition_is_not_taken_for_none(tmp_path: Path) -> None:
    [row], _ = converted(tmp_path, patient())
    assert (row["hypertension"], row["heart_disease"]) == ("", "")


def test_the_newest_value_counts_and_two_at_once_are_no_value(tmp_path: Path) -> None:
    older, newer = observed("39156-5", 30, when="2020-01-01"), observed("39156-5", 25)
    assert converted(tmp_path, patient(), newer, older)[0][0]["bmi"] == "25"
    [row], left_out = converted(tmp_path, patient(), newer, observed("39156-5", 26))
    assert (row["bmi"], left_out) == ("", {"two_values": 1})
    assert converted(tmp_path, patient(), newer, newer)[0][0]["bmi"] == "25"


@pytest.mark.parametrize(
    ("resource", "rule"),
    [
        (observed("39156-5", quantity(25, "[lb_av]/[in_i]2")), "unit_unknown"),
        (observed("39156-5", {"valueQuantity": {"value": 25, "unit": "kg/m2"}}), "unit_unknown"),
        (observed("39156-5", {"valueString": "canary"}), "no_value"),
        (observed("39156-5", 25, status="entered-in-error"), "not_final"),
        (observed("39156-5", 25, when="2027-01-01"), "after_the_day"),
        (observed("39156-5", 25, when="2026"), "no_date"),
        (observed("39156-5", 25, status=7), "malformed"),
        (observed("39156-5", 25, subject={"reference": "Patient/canary"}), "subject_unknown"),
        (observed("2339-0", quantity(100, "mg/dL")), "not_read"),
        (
            observed("72166-2", {"valueCodeableConcept": concept("http://snomed.info/sct", "1")}),
            "code_unknown",
        ),
        (condition("38341003", verificationStatus=concept("x", "refuted")), "not_final"),
        (condition("1"), "not_read"),
        ({"resourceType": "Medication"}, "not_read"),
        (patient(), "patient_twice"),
        ('{"resourceType": "Patient", "canary', "not_json"),
        ("[]", "not_json"),
    ],
)
def test_what_cannot_be_mapped_is_counted_by_its_rule_and_leaves_the_row_as_it_is(
    tmp_path: Path, resource: Any, rule: str
) -> None:
    plain, _ = converted(tmp_path, patient())
    assert converted(tmp_path, patient(), resource) == (plain, {rule: 1})


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"deceasedBoolean": True}, "deceased"),
        ({"deceasedDateTime": "2026-01-01"}, "deceased"),
        ({"birthDate": "2026-06-02"}, "birth_date_in_future"),
        ({"birthDate": "1956-13-45"}, "malformed"),
    ],
)
def test_a_patient_who_has_no_row_is_counted(tmp_path: Path, more: dict[str, Any], rule: str) -> None:
    assert converted(tmp_path, patient(**more), patient("p2")) == (
        converted(tmp_path, patient("p2"))[0],
        {rule: 1},
    )


def test_a_year_of_birth_or_an_unknown_gender_leaves_its_cell_empty(tmp_path: Path) -> None:
    [row], left_out = converted(tmp_path, patient(birthDate="1956", gender="unknown"))
    assert (row["age"], row["gender"]) == ("", "")
    assert left_out == {"birth_date_incomplete": 1, "code_unknown": 1}


def test_the_id_is_of_the_system_that_was_asked_for_and_of_no_other(tmp_path: Path) -> None:
    known = patient(identifier=[{"system": "urn:mrn", "value": "7"}, {"system": "urn:other", "value": "8"}])
    [row], left_out = converted(tmp_path, known, patient("p2"), id_system="urn:mrn")
    assert (row["id"], left_out) == ("7", {"no_id": 1})


def test_a_bundle_names_its_patients_by_full_urls(tmp_path: Path) -> None:
    entries = [
        {"fullUrl": "urn:uuid:a", "resource": patient()},
        {"resource": observed("39156-5", 25, subject={"reference": "urn:uuid:a"})},
    ]
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps({"resourceType": "Bundle", "entry": entries}, indent=1))
    read = Folder(STROKE, DAY)
    read.read([file])
    assert ",25," in read.as_csv(complete_conditions=False)[0]


@pytest.mark.parametrize("name", use_cases.names())
def test_every_source_gives_what_its_column_takes(name: str) -> None:
    use_case = use_cases.get(name)
    for column_name, source in use_case.fhir.items():
        column = use_case.column(column_name)
        if isinstance(source, Quantity):
            assert isinstance(column, Number)
            factors = {unit.factor for unit in column.other_units} | {1.0}
            assert set(source.units.values()) <= factors
        elif isinstance(source, (OfPatient, Answered)):
            assert isinstance(column, Code)
            assert set(source.values.values()) <= set(column.values)
        elif isinstance(source, Diagnosed):
            assert isinstance(column, Code)
            assert {source.yes, source.no} == set(column.values)
        if isinstance(source, (Quantity, Answered)):
            assert all(re.fullmatch(r"[0-9]{1,6}-[0-9]", code) for code in source.loinc)


def test_every_rule_says_what_it_means() -> None:
    assert all(meaning.endswith(".") for meaning in RULES.values())
