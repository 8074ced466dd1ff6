"""The figures that the door's limits were chosen by, on the public files (docs/decisions/0028)."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from clinrisk import use_cases
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.profiles.feature_profile import Profile, profile_of
from clinrisk.core.scoring.batch_judgement import judge_profile
from clinrisk.messages.scoring import BatchVerdict
from clinrisk.use_cases.columns import Number

FOLDER = Path(os.environ.get("CLINRISK_REAL_DATA", "../shared/data"))
FILES = {
    "cleveland": ("heart", "processed.cleveland.data"),
    "hungarian": ("heart", "processed.hungarian.data"),
    "stroke": ("stroke", "healthcare-dataset-stroke-data.csv"),
}
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no real data: {FOLDER} is not a folder"),
]


class Patients:
    """A public file read as an upload is, from which batches are drawn."""

    def __init__(self, name: str) -> None:
        use_case, file = FILES[name]
        self.use_case = use_cases.get(use_case)
        data, header = (FOLDER / file).read_bytes(), self.use_case.header
        if use_case == "stroke":
            first, _, data = data.partition(b"\n")
            header = tuple(first.decode().strip().split(","))
        chunk = read_chunk(data, self.use_case, "training", header, 1, b"k" * 32)
        names = self.use_case.feature_names
        self.table = {n: chunk.features[n].cast(float).fill_null(np.nan).to_numpy() for n in names}
        self.rows = len(chunk.features)

    def profile(self, rows: NDArray[np.int64], **changes: NDArray[np.float64]) -> Profile:
        drawn = {name: values[rows] for name, values in self.table.items()}
        return profile_of(self.use_case, drawn | changes, {})


@pytest.fixture(scope="module", params=["cleveland", "stroke"])
def patients(request: pytest.FixtureRequest) -> Patients:
    return Patients(request.param)


def split(patients: Patients) -> Profile:
    """Return the profile of a random 80%, as a training set is."""
    order = np.random.default_rng(1).permutation(patients.rows)
    return patients.profile(order[: patients.rows * 4 // 5])


@pytest.mark.parametrize("size", [20, 50, 500, 5000])
def test_no_healthy_batch_is_held(patients: Patients, rng: Generator, size: int) -> None:
    reference = split(patients)
    for _ in range(50):
        batch = patients.profile(rng.integers(patients.rows, size=size))
        judged = judge_profile(patients.use_case, reference, batch)
        assert judged.verdict is not BatchVerdict.HELD, judged.cautions


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_column_left_out_of_a_batch_holds_it_every_time(
    patients: Patients, rng: Generator, share: float
) -> None:
    reference, use_case = split(patients), patients.use_case
    for column in use_case.columns:
        for size in (50, 500):
            rows = rng.integers(patients.rows, size=size)
            inputs = [feature for feature in use_case.features if feature.column == column.name]
            changes = {feature.name: patients.table[feature.name][rows].copy() for feature in inputs}
            for feature in inputs:
                changes[feature.name][: round(share * size)] = 1.0 if feature.kind == "missing" else np.nan
            judged = judge_profile(use_case, reference, patients.profile(rows, **changes))
            assert judged.verdict is BatchVerdict.HELD, (column.name, size)
            assert judged.doubts[0].column == column.name


def test_a_number_sorted_apart_or_ten_times_too_large_holds_the_batch(
    patients: Patients, rng: Generator
) -> None:
    reference, use_case = split(patients), patients.use_case
    for column in use_case.columns:
        if not isinstance(column, Number):
            continue
        rows = rng.integers(patients.rows, size=500)
        values = patients.table[column.name][rows]
        for spoilt in (np.sort(values), np.clip(values * 10, column.low, column.high)):
            judged = judge_profile(use_case, reference, patients.profile(rows, **{column.name: spoilt}))
            assert judged.verdict is BatchVerdict.HELD, column.name


def test_another_hospital_is_held_for_what_it_does_not_measure() -> None:
    cleveland, hungarian = Patients("cleveland"), Patients("hungarian")
    batch = hungarian.profile(np.arange(hungarian.rows))
    judged = judge_profile(cleveland.use_case, split(cleveland), batch)
    assert judged.verdict is BatchVerdict.HELD
    assert {"ca", "thal", "slope"} <= {doubt.column for doubt in judged.doubts if doubt.held}
    assert "(ca) is missing in 99% of" in judged.cautions[0]
