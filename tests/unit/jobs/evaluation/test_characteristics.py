"""The table of patients by outcome counts everybody once and describes no handful."""

from __future__ import annotations

import numpy as np
import pytest

from clinrisk import use_cases
from clinrisk.jobs.evaluation.characteristics import characteristics
from clinrisk.jobs.patient_tables import Patients
from clinrisk.use_cases.columns import Number

HEART = use_cases.get("heart")


def patients(size: int, seed: int = 0) -> Patients:
    rng = np.random.default_rng(seed)
    features = np.full((size, len(HEART.features)), np.nan)
    for at, feature in enumerate(HEART.features):
        features[:, at] = rng.normal(50, 10, size) if feature.kind == "number" else 0.0
    for column in HEART.columns:
        of = [at for at, feature in enumerate(HEART.features) if feature.column == column.name]
        if isinstance(column, Number):
            features[rng.random(size) < 0.1, of[0]] = np.nan
            continue
        chosen = rng.integers(0, len(of) + (len(of) == 1), size)
        for position, at in enumerate(of):
            features[:, at] = chosen == (position if len(of) > 1 else 1)
    labels = rng.integers(0, 2, size)
    return Patients(np.arange(size).astype(str), labels, features, {})


def test_quartiles_are_numpys_and_counts_add_up_to_everybody() -> None:
    given = patients(400)
    table = {row["column"]: row for row in characteristics(given, HEART)}

    assert list(table) == [column.name for column in HEART.columns]
    ages = given.features[given.labels == 1, HEART.feature_names.index("age")]
    assert table["age"]["quartiles"]["with_condition"] == pytest.approx(
        np.nanquantile(ages, (0.25, 0.5, 0.75)), abs=1e-4
    )
    assert table["age"]["missing"]["with_condition"] == int(np.isnan(ages).sum())
    for name in ("sex", "cp", "thal"):
        for outcome, label in (("with_condition", 1), ("without_condition", 0)):
            counted = sum(code[outcome] for code in table[name]["codes"])
            assert counted + table[name]["missing"][outcome] == int((given.labels == label).sum())


def test_a_count_from_1_to_4_and_the_quartiles_of_four_are_left_out() -> None:
    [age, sex, *_] = characteristics(patients(6), HEART)

    assert age["quartiles"] == {"with_condition": None, "without_condition": None}
    counts = [code[outcome] for code in sex["codes"] for outcome in ("with_condition", "without_condition")]
    assert all(count is None or count == 0 or count >= 5 for count in counts)
    assert None in counts
