"""Heart disease: the chance that angiography shows a narrowed coronary artery (UCI, 14 columns).

Columns, units and codes: Janosi, Steinbrunn, Pfisterer, Detrano, "Heart Disease", UCI Machine Learning
Repository, 1988, doi:10.24432/C52P4X, file heart-disease.names. Ranges are what is physiologically possible
in an adult, wide enough for every row of the four original hospitals; zero blood pressure or cholesterol
means "not measured" there. The altered copies in circulation recode cp, slope, thal and ca: a cp of 0 is
refused, while their ca 4 and thal 0 mean "missing" and are read so.
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
from clinrisk.use_cases.fhir_sources import AgeInYears, OfPatient, Quantity
from clinrisk.use_cases.marginals import Marginals, Mix, Shift, Spread

_ANY_AGE = 120.0
# How the four hospitals wrote "not measured", in every column.
_NOT_MEASURED = -9.0

_MARGINALS = Marginals(
    prevalence=0.46,
    spreads={
        "age": Spread((29, 42, 45, 50, 53, 56, 58, 59, 62, 66, 77)),
        "trestbps": Spread(
            (94, 110, 120, 122, 126, 130, 134, 140, 145, 152, 200), age_correlation=0.29, risk=0.35
        ),
        "chol": Spread(
            (126, 189, 204, 218, 230, 241, 254, 268, 286, 309, 564), age_correlation=0.19, risk=0.28
        ),
        "thalach": Spread(
            (71, 116, 130, 141, 146, 153, 159, 163, 170, 177, 202), age_correlation=-0.39, risk=-0.63
        ),
        "oldpeak": Spread(
            (0, 0, 0, 0, 0.4, 0.8, 1.1, 1.4, 1.9, 2.8, 6.2), decimals=1, age_correlation=0.26, risk=0.7
        ),
        "ca": Spread((0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 3), age_correlation=0.38, missing=0.013, risk=1.33),
    },
    mixes={
        "sex": Mix(((_ANY_AGE, {"1": 0.68, "0": 0.32}),), risk={"1": 1.54}),
        "cp": Mix(
            (
                (50, {"1": 0.06, "2": 0.22, "3": 0.35, "4": 0.37}),
                (59, {"1": 0.06, "2": 0.19, "3": 0.26, "4": 0.49}),
                (_ANY_AGE, {"1": 0.12, "2": 0.08, "3": 0.25, "4": 0.55}),
            ),
            risk={"1": -0.84, "3": -0.7, "4": 1.68},
        ),
        "fbs": Mix(((50, {"0": 0.93, "1": 0.07}), (_ANY_AGE, {"0": 0.82, "1": 0.18}))),
        "restecg": Mix(
            ((50, {"0": 0.59, "1": 0.0, "2": 0.41}), (_ANY_AGE, {"0": 0.45, "1": 0.02, "2": 0.53})),
            risk={"2": 0.49},
        ),
        "exang": Mix(((50, {"0": 0.73, "1": 0.27}), (_ANY_AGE, {"0": 0.64, "1": 0.36})), risk={"1": 1.12}),
        "slope": Mix(
            ((50, {"1": 0.58, "2": 0.37, "3": 0.05}), (_ANY_AGE, {"1": 0.41, "2": 0.51, "3": 0.08})),
            risk={"2": 1.12, "3": 0.56},
        ),
        "thal": Mix(
            ((50, {"3": 0.68, "6": 0.03, "7": 0.29}), (_ANY_AGE, {"3": 0.48, "6": 0.08, "7": 0.44})),
            risk={"6": 0.42, "7": 1.82},
            missing=0.007,
        ),
    },
    labels={0: {"0": 1.0}, 1: {"1": 0.396, "2": 0.259, "3": 0.252, "4": 0.093}},
    missing_marker="?",
    shifts={
        "district_hospital": Shift(
            "a younger population from a hospital that leaves out fluoroscopy or scintigraphy more often",
            quantiles={
                "age": (28, 37, 41, 43, 47, 49, 51, 53, 54, 57, 66),
                "oldpeak": (0, 0, 0, 0, 0, 0, 0, 1, 1.5, 2, 5),
                "thalach": (82, 108, 119, 126, 134, 140, 145, 150, 160, 170, 190),
            },
            shares={
                "restecg": {"0": 0.8, "1": 0.18, "2": 0.02},
                "slope": {"1": 0.115, "2": 0.875, "3": 0.01},
                "cp": {"1": 0.04, "2": 0.36, "3": 0.18, "4": 0.42},
            },
            missing={"ca": 0.15, "thal": 0.15, "slope": 0.15, "chol": 0.08, "fbs": 0.03},
        )
    },
    source="deciles and shares published with the Cleveland and Hungarian data of doi:10.24432/C52P4X",
)

USE_CASE = UseCase(
    name="heart",
    title="Heart disease risk",
    optional_id_column="id",
    description="The chance that a patient referred for angiography has a coronary artery narrowed by half.",
    columns=(
        Number(
            "age",
            "age",
            18,
            110,
            "years",
            missing=(_NOT_MEASURED,),
            essential=True,
            usual=(25, 90),
            other_units=(OtherUnit("months", 1 / 12), OtherUnit("days", 1 / 365.25)),
            matters=1.5,
        ),
        Code(
            "sex",
            "sex",
            {"0": "female", "1": "male"},
            missing=(_NOT_MEASURED,),
            essential=True,
            commonest=0.85,
        ),
        Code(
            "cp",
            "chest pain",
            {"1": "typical angina", "2": "atypical angina", "3": "non-anginal pain", "4": "no symptoms"},
            missing=(_NOT_MEASURED,),
            essential=True,
            commonest=0.8,
        ),
        Number(
            "trestbps",
            "resting blood pressure",
            60,
            260,
            "mm Hg",
            missing=(_NOT_MEASURED, 0.0),
            usual=(85, 210),
            other_units=(OtherUnit("kPa", 7.50062), OtherUnit("cm Hg", 10.0)),
            matters=4,
        ),
        Number(
            "chol",
            "serum cholesterol",
            60,
            700,
            "mg/dl",
            missing=(_NOT_MEASURED, 0.0),
            usual=(100, 500),
            other_units=(OtherUnit("mmol/l", 38.67), OtherUnit("g/l", 100.0)),
            matters=12,
        ),
        Code(
            "fbs",
            "fasting blood sugar",
            {"0": "120 mg/dl or less", "1": "above 120 mg/dl"},
            missing=(_NOT_MEASURED,),
            commonest=0.95,
        ),
        Code(
            "restecg",
            "resting ECG",
            {"0": "normal", "1": "ST-T wave abnormality", "2": "left ventricular hypertrophy"},
            missing=(_NOT_MEASURED,),
            commonest=0.9,
        ),
        Number(
            "thalach",
            "highest heart rate reached",
            40,
            240,
            "beats per minute",
            missing=(_NOT_MEASURED,),
            usual=(70, 215),
            matters=6,
        ),
        Code("exang", "angina on exercise", {"0": "no", "1": "yes"}, missing=(_NOT_MEASURED,), commonest=0.9),
        Number(
            "oldpeak",
            "ST depression on exercise",
            -4,
            10,
            "mm",
            missing=(_NOT_MEASURED,),
            commonest=0.75,
            fractions=0.05,
            usual=(-2.7, 6.5),
            matters=0.3,
        ),
        Code(
            "slope",
            "ST segment at peak exercise",
            {"1": "rising", "2": "flat", "3": "falling"},
            missing=(_NOT_MEASURED,),
            commonest=0.95,
        ),
        Number(
            "ca",
            "major vessels coloured by fluoroscopy",
            0,
            3,
            "vessels",
            missing=(_NOT_MEASURED, 4.0),
            commonest=0.85,
            integer=True,
        ),
        Code(
            "thal",
            "thallium scan",
            {"3": "normal", "6": "fixed defect", "7": "reversible defect"},
            missing=(_NOT_MEASURED, 0.0),
            commonest=0.9,
        ),
    ),
    label=Label(
        "num",
        "coronary artery narrowed by more than half",
        {"0": 0, "1": 1, "2": 1, "3": 1, "4": 1},
    ),
    protected=(
        ProtectedAttribute(
            "sex", "sex", "sex", (Group("female", "women", ("0",)), Group("male", "men", ("1",)))
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
    ),
    action=ActionThreshold(
        0.85, "angiography is offered next: missing a narrowed artery costs more than one more examination"
    ),
    bands=(Band("low", 0.0), Band("moderate", 0.2), Band("high", 0.5)),
    bar=read_bar("heart"),
    monotone={"ca": 1, "oldpeak": 1},
    facts=ModelFacts(
        intended_use="Estimate the chance that coronary angiography will show an artery narrowed by more "
        "than half, in adults already referred for it, so that the examination can be planned.",
        intended_users="Cardiologists, and the staff who plan angiographies under their direction.",
        population="Adults with suspected coronary disease who have had an exercise test and are referred "
        "for angiography.",
        workflow="The risk, its band and the flag arrive as a file. A clinician reads them beside the "
        "referral and decides; nothing is ordered or cancelled without that decision.",
        role="Informs a decision that a clinician makes. It never replaces one.",
        cautions="Not for emergencies, screening, children, patients with known coronary disease or earlier "
        "revascularisation, or where exercise test, fluoroscopy and scintigraphy were not done.",
        risks="The risks do not hold for people who were not referred to angiography. A factor is what the "
        "model used, not a cause.",
        keywords=("coronary artery disease", "angiography", "risk prediction"),
    ),
    fhir={
        "age": AgeInYears(),
        "sex": OfPatient("gender", {"female": "0", "male": "1"}),
        "trestbps": Quantity(("8480-6",), {"mm[Hg]": 1.0}),  # systolic blood pressure
        # Total cholesterol in serum or plasma, by mass and by substance.
        "chol": Quantity(("2093-3", "14647-2"), {"mg/dL": 1.0, "mmol/L": 38.67}),
    },
    public_sources=(
        PublicSource(
            rows=303,
            rows_sha256="c15084ccefa5f57744e25ca0b4b2f6450ede9cb656e4a2b9a64897ae5085e752",
            text="Patients of the UCI heart disease data (Cleveland): referrals for angiography in the "
            "1980s, few women among them.",
            reference="Janosi, Steinbrunn, Pfisterer, Detrano. Heart Disease. UCI Machine Learning "
            "Repository, 1988. doi:10.24432/C52P4X",
        ),
    ),
    max_quarantine_share=0.5,
    min_training_rows=120,
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
