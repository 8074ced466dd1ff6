"""Readmission: a vendor's score of the chance to be back in hospital within 30 days. The model is not ours.

The hospital exports what the vendor's software gave at each discharge, one row a discharge, and later who
came back. Vendor and product are made up, and so are the patients of the demo: the shares below are round
numbers of the size that is reported of adult wards, and quote no data set.
"""

from __future__ import annotations

from clinrisk.use_cases.bar import read_bar
from clinrisk.use_cases.base import (
    Band,
    ExternalModel,
    Group,
    Label,
    ModelFacts,
    ProtectedAttribute,
    UseCase,
)
from clinrisk.use_cases.columns import Code, Number, OtherUnit
from clinrisk.use_cases.marginals import Marginals, Mix, Shift, Spread

_ANY_AGE = 120.0

_MARGINALS = Marginals(
    prevalence=0.15,
    spreads={
        "age": Spread((18, 36, 48, 57, 63, 68, 73, 78, 82, 87, 101), risk=0.3),
        "stay_days": Spread(
            (0.3, 1.2, 1.9, 2.6, 3.4, 4.3, 5.6, 7.2, 9.8, 15.1, 62),
            decimals=1,
            age_correlation=0.2,
            risk=0.35,
        ),
        "admissions_before": Spread((0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 9), age_correlation=0.15, risk=0.6),
    },
    mixes={
        "sex": Mix(((_ANY_AGE, {"F": 0.52, "M": 0.48}),)),
        "admission": Mix(
            (
                (50, {"emergency": 0.55, "planned": 0.45}),
                (_ANY_AGE, {"emergency": 0.68, "planned": 0.32}),
            ),
            risk={"emergency": 0.7},
        ),
    },
    labels={0: {"no": 1.0}, 1: {"yes": 1.0}},
    missing_marker="",
    shifts={
        "after_care_ended": Shift(
            "the same patients, of whom many more over 75 come back than the score says",
            unforeseen={("age_band", "75_and_over"): 1.4},
        )
    },
    source="made up, in the size that is reported of adult wards",
)

USE_CASE = UseCase(
    name="readmission",
    title="Readmission risk",
    description="A vendor's score of the chance to be admitted again within 30 days of discharge.",
    external=ExternalModel(vendor="Example Vendor", product="Example Readmission Score", threshold=0.2),
    id_column="id",
    columns=(
        Number(
            "age",
            "age",
            18,
            110,
            "years",
            usual=(18, 105),
            other_units=(OtherUnit("months", 1 / 12), OtherUnit("days", 1 / 365.25)),
            matters=3,
        ),
        Code("sex", "sex", {"F": "female", "M": "male"}, commonest=0.85),
        Code(
            "admission",
            "kind of admission",
            {"emergency": "emergency", "planned": "planned"},
            commonest=0.95,
        ),
        Number(
            "stay_days",
            "length of stay",
            0,
            365,
            "days",
            usual=(0, 120),
            other_units=(OtherUnit("hours", 1 / 24),),
            matters=1.5,
        ),
        Number(
            "admissions_before",
            "admissions in the half year before",
            0,
            60,
            "admissions",
            commonest=0.9,
            integer=True,
        ),
    ),
    label=Label("readmitted", "admitted again within 30 days", {"no": 0, "yes": 1}),
    protected=(
        ProtectedAttribute(
            "sex", "sex", "sex", (Group("female", "women", ("F",)), Group("male", "men", ("M",)))
        ),
        ProtectedAttribute(
            "age_band",
            "age",
            "age",
            (
                Group("under_50", "under 50", high=50),
                Group("50_to_74", "50 to 74", low=50, high=75),
                Group("75_and_over", "75 and over", low=75),
            ),
        ),
    ),
    bands=(Band("low", 0.0), Band("moderate", 0.1), Band("high", 0.2)),
    bar=read_bar("readmission"),
    max_quarantine_share=0.2,
    horizon_days=30,
    marginals=_MARGINALS,
    facts=ModelFacts(
        intended_use="Name the patients for whom the ward plans after-care before discharge.",
        intended_users="Nurses and physicians who plan discharges.",
        population="Adults who leave a ward alive and to their own home.",
        role="Informs a decision that a clinician makes. It never replaces one.",
        keywords=("readmission", "discharge", "risk prediction"),
    ),
)
