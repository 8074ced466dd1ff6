"""Stroke: the chance that a patient has a stroke (Kaggle stroke prediction data, 12 columns).

Columns and codes: fedesoriano, "Stroke Prediction Dataset", Kaggle, 2021. Glucose is the average level in
mg/dl, body mass index in kg/m2; age goes down to 0.08 years (one month). A missing bmi is itself a sign
(one in five of those patients had a stroke), so it has a feature of its own; "Unknown" smoking status is a
code of the public file and stays one.
"""

from __future__ import annotations

from clinrisk.use_cases.bar import read_bar
from clinrisk.use_cases.base import (
    ActionThreshold,
    Band,
    Group,
    Label,
    ModelFacts,
    ProtectedAttribute,
    PublicSource,
    UseCase,
)
from clinrisk.use_cases.columns import Code, Number, OtherUnit
from clinrisk.use_cases.fhir_sources import AgeInYears, Answered, Diagnosed, OfPatient, Quantity
from clinrisk.use_cases.marginals import Marginals, Mix, Shift, Spread

_ANY_AGE = 120.0

_MARGINALS = Marginals(
    prevalence=0.049,
    spreads={
        "age": Spread((0.08, 11, 20, 30, 38, 45, 51, 57, 65, 75, 82), fine_below=2, risk=1.6),
        "avg_glucose_level": Spread(
            (55.12, 65.8, 73.8, 80.0, 85.6, 91.9, 98.9, 108.5, 124.2, 192.2, 271.7),
            decimals=2,
            age_correlation=0.15,
            risk=0.2,
        ),
        "bmi": Spread(
            (10.3, 19.7, 22.5, 24.5, 26.4, 28.1, 29.8, 31.9, 34.5, 38.9, 97.6),
            decimals=1,
            age_correlation=0.38,
            missing=0.039,
            missing_weight=1.9,
            risk=0.05,
        ),
    },
    mixes={
        "gender": Mix(((_ANY_AGE, {"Female": 0.586, "Male": 0.4138, "Other": 0.0002}),)),
        "hypertension": Mix(
            (
                (35, {"0": 0.99, "1": 0.01}),
                (55, {"0": 0.91, "1": 0.09}),
                (_ANY_AGE, {"0": 0.8, "1": 0.2}),
            ),
            risk={"1": 0.4},
        ),
        "heart_disease": Mix(
            (
                (45, {"0": 0.997, "1": 0.003}),
                (65, {"0": 0.935, "1": 0.065}),
                (_ANY_AGE, {"0": 0.82, "1": 0.18}),
            ),
            risk={"1": 0.3},
        ),
        "ever_married": Mix(
            (
                (18, {"No": 1.0, "Yes": 0.0}),
                (30, {"No": 0.65, "Yes": 0.35}),
                (45, {"No": 0.2, "Yes": 0.8}),
                (_ANY_AGE, {"No": 0.08, "Yes": 0.92}),
            )
        ),
        "work_type": Mix(
            (
                (13, {"children": 1.0}),
                (18, {"children": 0.2, "Private": 0.7, "Never_worked": 0.06, "Govt_job": 0.04}),
                (30, {"Private": 0.85, "Govt_job": 0.1, "Self-employed": 0.045, "Never_worked": 0.005}),
                (65, {"Private": 0.65, "Govt_job": 0.18, "Self-employed": 0.17}),
                (_ANY_AGE, {"Private": 0.5, "Govt_job": 0.13, "Self-employed": 0.37}),
            )
        ),
        "Residence_type": Mix(((_ANY_AGE, {"Urban": 0.51, "Rural": 0.49}),)),
        "smoking_status": Mix(
            (
                (10, {"Unknown": 0.98, "never smoked": 0.02}),
                (18, {"Unknown": 0.52, "never smoked": 0.39, "formerly smoked": 0.06, "smokes": 0.03}),
                (55, {"Unknown": 0.2, "never smoked": 0.43, "formerly smoked": 0.16, "smokes": 0.21}),
                (_ANY_AGE, {"Unknown": 0.19, "never smoked": 0.39, "formerly smoked": 0.28, "smokes": 0.14}),
            ),
            risk={"smokes": 0.25, "formerly smoked": 0.15},
        ),
    },
    labels={0: {"0": 1.0}, 1: {"1": 1.0}},
    missing_marker="N/A",
    shifts={
        "diabetes_clinic": Shift(
            "older patients of a diabetes clinic, heavier and with high glucose",
            quantiles={
                "age": (35, 48, 54, 58, 62, 66, 69, 72, 76, 79, 82),
                "avg_glucose_level": (70, 110, 130, 150, 168, 180, 192, 205, 218, 235, 271),
                "bmi": (18, 26, 29, 31, 33, 34.5, 36, 38, 41, 46, 80),
            },
            shares={"hypertension": {"0": 0.55, "1": 0.45}},
            missing={"bmi": 0.15},
        )
    },
    source="deciles and shares of the public Kaggle stroke prediction data, read once and rounded",
)

USE_CASE = UseCase(
    name="stroke",
    title="Stroke risk",
    description="The chance that a patient has a stroke, from what a general practice knows.",
    id_column="id",
    columns=(
        Code("gender", "gender", {"Female": "female", "Male": "male", "Other": "other"}, commonest=0.9),
        Number(
            "age",
            "age",
            0,
            120,
            "years",
            # The youngest public patient is of 0.08 years: a 0 is what a form writes without a date of birth.
            missing=(0.0,),
            essential=True,
            usual=(9, 105),
            other_units=(OtherUnit("months", 1 / 12), OtherUnit("days", 1 / 365.25)),
            matters=2,
        ),
        Code("hypertension", "high blood pressure", {"0": "no", "1": "yes"}, commonest=0.96),
        Code("heart_disease", "heart disease", {"0": "no", "1": "yes"}, commonest=0.98),
        Code("ever_married", "ever married", {"No": "no", "Yes": "yes"}, commonest=0.9),
        Code(
            "work_type",
            "work",
            {
                "Private": "private company",
                "Self-employed": "self-employed",
                "Govt_job": "government",
                "children": "looks after children or is a child",
                "Never_worked": "never worked",
            },
            commonest=0.9,
        ),
        Code("Residence_type", "residence", {"Rural": "rural", "Urban": "urban"}),
        Number(
            "avg_glucose_level",
            "average glucose",
            40,
            600,
            "mg/dl",
            fractions=0.8,
            usual=(50, 400),
            other_units=(OtherUnit("mmol/l", 18.016), OtherUnit("g/l", 100.0)),
            matters=10,
        ),
        Number(
            "bmi",
            "body mass index",
            8,
            110,
            "kg/m2",
            missing_indicator=True,
            fractions=0.6,
            usual=(11, 70),
            matters=1.5,
        ),
        Code(
            "smoking_status",
            "smoking",
            {
                "never smoked": "never smoked",
                "formerly smoked": "formerly smoked",
                "smokes": "smokes",
                "Unknown": "not known",
            },
            commonest=0.9,
        ),
    ),
    label=Label("stroke", "stroke", {"0": 0, "1": 1}),
    protected=(
        ProtectedAttribute(
            "sex",
            "sex",
            "gender",
            (
                Group("female", "women", ("Female",)),
                Group("male", "men", ("Male",)),
                Group("other", "other", ("Other",)),
            ),
        ),
        ProtectedAttribute(
            "age_band",
            "age",
            "age",
            (
                Group("under_45", "under 45", high=45),
                Group("45_to_64", "45 to 64", low=45, high=65),
                Group("65_and_over", "65 and over", low=65),
            ),
        ),
        ProtectedAttribute(
            "residence",
            "residence",
            "Residence_type",
            (Group("rural", "rural", ("Rural",)), Group("urban", "urban", ("Urban",))),
        ),
        ProtectedAttribute(
            "ever_married",
            "marital status",
            "ever_married",
            (Group("no", "never married", ("No",)), Group("yes", "ever married", ("Yes",))),
        ),
        ProtectedAttribute(
            "work_type",
            "work",
            "work_type",
            (
                Group("private", "private company", ("Private",)),
                Group("self_employed", "self-employed", ("Self-employed",)),
                Group("government", "government", ("Govt_job",)),
                Group("children", "children", ("children",)),
                Group("never_worked", "never worked", ("Never_worked",)),
            ),
        ),
    ),
    action=ActionThreshold(
        0.80,
        "the flag leads to a talk about prevention, which does little harm: four of five cases are sought",
    ),
    bands=(Band("low", 0.0), Band("moderate", 0.02), Band("high", 0.10)),
    bar=read_bar("stroke"),
    monotone={"age": 1, "hypertension": 1, "heart_disease": 1},
    facts=ModelFacts(
        intended_use="Estimate the chance of a stroke from what a general practice knows, to choose whom "
        "to invite to a talk about prevention.",
        intended_users="General practitioners and practice nurses.",
        population="Registered patients of a general practice, of any age.",
        workflow="The risk, its band and the flag arrive as a file. The practice decides whom to invite; "
        "no treatment follows from the flag alone.",
        role="Informs a decision that a clinician makes. It never replaces one.",
        cautions="Not for acute symptoms, not to withhold an examination or a treatment, and not for "
        "patients who have had a stroke. The flag comes close to an age limit: few under 45 are found.",
        risks="Most flagged patients will have no stroke. A factor is what the model used, not a cause.",
        keywords=("stroke", "primary prevention", "general practice", "risk prediction"),
    ),
    fhir={
        "age": AgeInYears(),
        "gender": OfPatient("gender", {"female": "Female", "male": "Male", "other": "Other"}),
        # HL7 v3 MaritalStatus: divorced, legally separated, married, widowed; never married.
        "ever_married": OfPatient(
            "maritalStatus", {"D": "Yes", "L": "Yes", "M": "Yes", "W": "Yes", "S": "No"}
        ),
        "hypertension": Diagnosed(("38341003", "59621000")),  # hypertensive disorder, essential hypertension
        # Heart disease; ischaemic heart disease, infarction, heart failure, atrial fibrillation.
        "heart_disease": Diagnosed(("56265001", "414545008", "22298006", "84114007", "49436004")),
        # Mean glucose estimated from glycated haemoglobin, by mass and by substance.
        "avg_glucose_level": Quantity(("27353-2", "53553-4"), {"mg/dL": 1.0, "mmol/L": 18.016}),
        "bmi": Quantity(("39156-5",), {"kg/m2": 1.0}),
        # Tobacco smoking status, by the value set of US Core and the International Patient Summary.
        "smoking_status": Answered(
            ("72166-2",),
            {
                "266919005": "never smoked",
                "8517006": "formerly smoked",
                "449868002": "smokes",
                "428041000124106": "smokes",
                "77176002": "smokes",
                "266927001": "Unknown",
            },
        ),
    },
    horizon_days=365,
    public_sources=(
        PublicSource(
            rows=5110,
            rows_sha256="baee4d306fa6ea610d7573ea5a173aee40b87c10ec703ed1cca04a9fca4173bf",
            text="The public stroke prediction data, whose source the publisher keeps confidential: they do "
            "not say how and when stroke was established.",
            reference="fedesoriano. Stroke Prediction Dataset. Kaggle, 2021.",
        ),
    ),
    max_quarantine_share=0.5,
    min_training_rows=1000,
    hyperparameters={
        "xgboost": {
            "eta": "0.1",
            "subsample": "0.8",
            "search_max_depth": "2,3",
            "search_num_round": "25,40,70",
        },
        "logistic": {"C": "1.0"},
    },
    marginals=_MARGINALS,
)
