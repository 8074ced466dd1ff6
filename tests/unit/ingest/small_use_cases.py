"""Two small use cases for the tests of ingest alone: WARD has ids, CLINIC has none.

Between them they have every kind of column: numbers with other units, with an indicator of being missing,
whole numbers, codes as text and as numbers, and numbers that mean "missing".
"""

from __future__ import annotations

from dataclasses import replace

from clinrisk import use_cases
from clinrisk.use_cases.base import Group, Label, ProtectedAttribute, UseCase
from clinrisk.use_cases.columns import Code, Number, OtherUnit

_AGE = Number(
    "age",
    "age",
    0,
    120,
    "years",
    usual=(0.05, 105),
    other_units=(OtherUnit("months", 1 / 12), OtherUnit("days", 1 / 365.25)),
)
_AGE_BAND = ProtectedAttribute(
    "age_band",
    "age",
    "age",
    (Group("under_65", "under 65", high=65), Group("over_65", "65 and over", low=65)),
)
# What these tests do not read (bar, bands, texts) is that of any use case.
_ANY = use_cases.get(use_cases.names()[0])

WARD = replace(
    _ANY,
    name="ward",
    title="Sepsis on a ward",
    id_column="case",
    optional_id_column=None,
    columns=(
        _AGE,
        Number(
            "lactate",
            "lactate",
            0.1,
            30,
            "mmol/l",
            missing_indicator=True,
            usual=(0.3, 10),
            other_units=(OtherUnit("mg/dl", 0.111),),
        ),
        Code("unit", "unit", {"surgery": "surgery", "medicine": "medicine", "icu": "intensive care"}),
        Code("ventilated", "ventilated", {"0": "no", "1": "yes"}),
    ),
    label=Label("sepsis", "sepsis", {"0": 0, "1": 1}),
    protected=(
        _AGE_BAND,
        ProtectedAttribute(
            "unit",
            "unit",
            "unit",
            (Group("icu", "intensive care", ("icu",)), Group("other", "other", ("surgery", "medicine"))),
        ),
    ),
    max_quarantine_share=0.5,
    unused=(),
)
CLINIC = replace(
    WARD,
    name="clinic",
    title="Vessels in a clinic",
    id_column=None,
    columns=(
        _AGE,
        Number("vessels", "narrowed vessels", -1, 3, "vessels", missing=(4.0,), integer=True),
        Code("stage", "stage", {"1": "first", "2": "second", "3": "third"}, missing=(0.0,)),
    ),
    label=Label("grade", "grade", {"0": 0, "1": 1, "2": 1}),
    protected=(_AGE_BAND,),
)
SMALL: dict[str, UseCase] = {use_case.name: use_case for use_case in (WARD, CLINIC)}
HEADERS = {name: ",".join(use_case.header) for name, use_case in SMALL.items()}
GOOD = {"ward": "9046,67,1.5,medicine,0,1", "clinic": "63,2,3,1"}
"""One good training row each."""
