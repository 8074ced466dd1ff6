"""A folder of FHIR R4 resources as a file of patients: what is mapped, and how much of what was not.

The use case states the source of each column (`UseCase.fhir`). Nothing is guessed: what has no code, unit or
date that is known, or two values at once, leaves its cell empty and is counted by resource type and rule.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.patient import Patient
from pydantic import ValidationError

from clinrisk.use_cases.fhir_sources import AgeInYears, Answered, Diagnosed, OfPatient, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from clinrisk.use_cases.base import UseCase

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
MARITAL = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
RULES = {
    "not_json": "A line or file that is no JSON.",
    "not_read": "Of a type that no column comes from.",
    "malformed": "No valid FHIR R4.",
    "not_final": "Its status is not final, amended or corrected; or a condition is not confirmed.",
    "subject_unknown": "Its patient is not in the folder.",
    "patient_twice": "The same id again: the first one counts.",
    "no_id": "No id, or no identifier of the system that was asked for: left out.",
    "deceased": "The patient has died: left out.",
    "birth_date_in_future": "Born after the day of the file: left out.",
    "birth_date_incomplete": "No day of birth: the age stays empty.",
    "code_unknown": "A value whose code is not mapped: the cell stays empty.",
    "unit_unknown": "A quantity without a UCUM unit that is mapped: the cell stays empty.",
    "no_value": "No value of the kind that is mapped.",
    "no_date": "No day on which it was observed: it cannot be told what is newest.",
    "after_the_day": "Observed after the day of the file.",
    "two_values": "Two different values at the newest time: the cell stays empty.",
}
_MODELS: dict[str, Any] = {"Patient": Patient, "Observation": Observation, "Condition": Condition}
_FINAL = {"final", "amended", "corrected"}


@dataclass
class Folder:
    """What was read: patients by reference, and the newest value of each column by subject."""

    use_case: UseCase
    day: dt.date
    id_system: str = ""
    patients: dict[str, dict[str, Any]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[str, str], tuple[str, set[str]]] = field(default_factory=dict)
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    resources: Counter[str] = field(default_factory=Counter)

    def read(self, files: Iterable[Path]) -> None:
        """Read NDJSON and JSON files, bundles included."""
        for file in files:
            for address, resource in _resources(file, self.left_out):
                self._take(address, resource)

    def as_csv(self, *, complete_conditions: bool) -> tuple[str, int]:
        """Return the file for inference and its number of rows.

        `complete_conditions`: whoever has no condition of a kind does not have it; else that stays empty.
        """
        own_id = self.use_case.id_column or self.use_case.optional_id_column
        columns = [column.name for column in self.use_case.columns]
        known = {self.aliases.get(subject, subject) for subject, _ in self.values}
        self.left_out["Observation or Condition", "subject_unknown"] += len(known - self.patients.keys())
        cells: dict[str, dict[str, str]] = {}
        for (subject, column), (_, found) in self.values.items():
            if len(found) > 1:
                self.left_out["Observation", "two_values"] += 1
            else:
                cells.setdefault(self.aliases.get(subject, subject), {})[column] = next(iter(found))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*([own_id] if own_id else []), *columns, *self.use_case.unused])
        rows = 0
        for reference, patient in self.patients.items():
            ours = self._of_patient(patient)
            if ours is None:
                continue
            row = ours | cells.get(reference, {})
            if complete_conditions:
                row = {
                    name: source.no
                    for name, source in self.use_case.fhir.items()
                    if isinstance(source, Diagnosed)
                } | row
            rows += 1
            first = [row["id"]] if own_id else []
            writer.writerow(
                [*first, *(row.get(name, "") for name in columns), *("" for _ in self.use_case.unused)]
            )
        return text.getvalue(), rows

    def _take(self, address: str, resource: dict[str, Any]) -> None:
        kind = str(resource.get("resourceType"))
        if kind not in _MODELS:
            self.left_out["other types", "not_read"] += 1
            return
        self.resources[kind] += 1
        try:
            _MODELS[kind].model_validate(resource)
        except (ValidationError, ValueError, TypeError):
            self.left_out[kind, "malformed"] += 1
            return
        if kind == "Patient":
            self._take_patient(address, resource)
        elif kind == "Observation":
            self._take_observation(resource)
        else:
            self._take_condition(resource)

    def _take_patient(self, address: str, patient: dict[str, Any]) -> None:
        reference = f"Patient/{patient['id']}" if patient.get("id") else address
        if not reference or reference in self.patients:
            self.left_out["Patient", "patient_twice" if reference else "no_id"] += 1
            return
        self.patients[reference] = patient
        if address:
            self.aliases[address] = reference

    def _take_observation(self, one: dict[str, Any]) -> None:
        parts = [(part, name) for part in (one, *one.get("component", ())) for name in self._columns(part)]
        if not parts:
            self.left_out["Observation", "not_read"] += 1
            return
        if one["status"] not in _FINAL:
            self.left_out["Observation", "not_final"] += 1
            return
        when = str(one.get("effectiveDateTime") or one.get("effectivePeriod", {}).get("end") or "")
        if len(when) < 10:
            self.left_out["Observation", "no_date"] += 1
        elif when[:10] > self.day.isoformat():
            self.left_out["Observation", "after_the_day"] += 1
        else:
            for part, name in parts:
                value, rule = _value(part, self.use_case.fhir[name])
                if rule:
                    self.left_out["Observation", rule] += 1
                else:
                    self._keep(one.get("subject", {}).get("reference", ""), name, when, value)

    def _columns(self, part: dict[str, Any]) -> list[str]:
        codes = _codes(part.get("code"), LOINC)
        return [
            name
            for name, source in self.use_case.fhir.items()
            if isinstance(source, (Quantity, Answered)) and codes & set(source.loinc)
        ]

    def _take_condition(self, one: dict[str, Any]) -> None:
        codes = _codes(one.get("code"), SNOMED)
        names = [
            (name, source)
            for name, source in self.use_case.fhir.items()
            if isinstance(source, Diagnosed) and codes & set(source.snomed)
        ]
        if not names:
            self.left_out["Condition", "not_read"] += 1
            return
        state = {coding.get("code") for coding in one.get("verificationStatus", {}).get("coding", ())}
        if state and "confirmed" not in state:
            self.left_out["Condition", "not_final"] += 1
            return
        for name, source in names:
            self._keep(one.get("subject", {}).get("reference", ""), name, "", source.yes)

    def _keep(self, subject: str, column: str, when: str, value: str) -> None:
        newest, found = self.values.get((subject, column), ("", set()))
        if when > newest:
            self.values[subject, column] = (when, {value})
        elif when == newest:
            self.values[subject, column] = (when, found | {value})

    def _of_patient(self, patient: dict[str, Any]) -> dict[str, str] | None:
        """Return what the patient itself says; None where there is no row of it."""
        own = self._id(patient)
        born = str(patient.get("birthDate", ""))
        rule = (
            "no_id"
            if not own
            else "deceased"
            if patient.get("deceasedBoolean") or patient.get("deceasedDateTime")
            else "birth_date_in_future"
            if born[:10] > self.day.isoformat()
            else ""
        )
        if rule:
            self.left_out["Patient", rule] += 1
            return None
        row = {"id": own}
        for name, source in self.use_case.fhir.items():
            if isinstance(source, AgeInYears):
                row[name] = self._age(born)
            elif isinstance(source, OfPatient):
                stated = patient.get(source.element, "")
                codes = {stated} if isinstance(stated, str) else _codes(stated, MARITAL)
                mapped = {source.values[code] for code in codes if code in source.values}
                if codes - {""} and len(mapped) != 1:
                    self.left_out["Patient", "code_unknown"] += 1
                row[name] = next(iter(mapped)) if len(mapped) == 1 else ""
        return row

    def _id(self, patient: dict[str, Any]) -> str:
        if not self.id_system:
            return str(patient.get("id", ""))
        found = {
            str(one.get("value", ""))
            for one in patient.get("identifier", ())
            if one.get("system") == self.id_system
        }
        return found.pop() if len(found) == 1 else ""

    def _age(self, born: str) -> str:
        if len(born) < 10:
            self.left_out["Patient", "birth_date_incomplete"] += 1
            return ""
        return f"{(self.day - dt.date.fromisoformat(born)).days / 365.25:.2f}".rstrip("0").rstrip(".")


def _resources(file: Path, left_out: Counter[tuple[str, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each resource of a file with the address that a bundle gives it."""
    for text in _texts(file, left_out):
        try:
            found = json.loads(text)
        except json.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            left_out["file", "not_json"] += 1
        elif found.get("resourceType") == "Bundle":
            entries = [entry for entry in found.get("entry") or () if isinstance(entry, dict)]
            for entry in entries:
                if isinstance(entry.get("resource"), dict):
                    yield str(entry.get("fullUrl", "")), entry["resource"]
        else:
            yield "", found


def _texts(file: Path, left_out: Counter[tuple[str, str]]) -> Iterator[str]:
    """Yield the JSON texts of a file: the lines of NDJSON, else the whole."""
    try:
        with file.open(encoding="utf-8-sig") as opened:
            if file.suffix == ".json":
                yield opened.read()
            else:
                yield from (line for line in opened if line.strip())
    except UnicodeDecodeError:
        left_out["file", "not_json"] += 1


def _codes(concept: Any, system: str) -> set[str]:
    """Return the codes of a concept in one system."""
    return {
        str(coding.get("code"))
        for coding in (concept or {}).get("coding", ())
        if coding.get("system") == system
    }


def _value(part: dict[str, Any], source: Any) -> tuple[str, str]:
    """Return the cell, or the rule by which there is none."""
    if isinstance(source, Answered):
        codes = _codes(part.get("valueCodeableConcept"), SNOMED)
        mapped = {source.values[code] for code in codes if code in source.values}
        return (mapped.pop(), "") if len(mapped) == 1 else ("", "code_unknown" if codes else "no_value")
    quantity = part.get("valueQuantity")
    if not quantity or quantity.get("value") is None or quantity.get("comparator"):
        return "", "no_value"
    factor = source.units.get(quantity.get("code")) if quantity.get("system") == UCUM else None
    if factor is None:
        return "", "unit_unknown"
    return f"{float(quantity['value']) * factor:.6g}", ""
