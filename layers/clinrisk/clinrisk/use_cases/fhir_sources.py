"""Where a column comes from in FHIR R4: the element or the codes, and what each unit and code becomes.

Codes are LOINC for observations, SNOMED CT for what they say and for conditions, UCUM for units; an exact
code counts, and no descendant of it. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class AgeInYears:
    """Patient.birthDate, in years on the day of the file."""


@dataclass(frozen=True)
class OfPatient:
    """A code of Patient: `values` maps it to the column's code."""

    element: Literal["gender", "maritalStatus"]
    values: Mapping[str, str]


@dataclass(frozen=True)
class Quantity:
    """A quantity of an Observation or of one of its components: `units` maps UCUM to the factor."""

    loinc: tuple[str, ...]
    units: Mapping[str, float]


@dataclass(frozen=True)
class Answered:
    """A coded value of an Observation: `values` maps SNOMED CT to the column's code."""

    loinc: tuple[str, ...]
    values: Mapping[str, str]


@dataclass(frozen=True)
class Diagnosed:
    """Whether a patient has a Condition with one of these codes of SNOMED CT."""

    snomed: tuple[str, ...]
    yes: str = "1"
    no: str = "0"


FhirSource = AgeInYears | OfPatient | Quantity | Answered | Diagnosed
