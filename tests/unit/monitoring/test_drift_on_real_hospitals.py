"""The figures that the drift rule was chosen by, on the public files; bench/monitoring_power.py has more."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from clinrisk import use_cases
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.monitoring.drift import drift_finding
from clinrisk.core.monitoring.findings import CheckVerdict, ProfileMaterial
from clinrisk.core.monitoring.quality import quality_finding
from clinrisk.core.profiles.feature_profile import Profile, profile_of
from clinrisk.use_cases.base import UseCase

FOLDER = Path(os.environ.get("CLINRISK_REAL_DATA", "../shared/data"))
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no real data: {FOLDER} is not a folder"),
]


class Hospital:
    """A public file read as an upload is, from which batches are drawn."""

    def __init__(self, name: str) -> None:
        self._use_case = use_cases.get("heart")
        data = (FOLDER / f"processed.{name}.data").read_bytes()
        chunk = read_chunk(data, self._use_case, "training", self._use_case.header, 1, b"k" * 32)
        names = self._use_case.feature_names
        self._table = {n: chunk.features[n].cast(float).fill_null(np.nan).to_numpy() for n in names}
        self.rows = chunk.counts.accepted

    def batch(self, rows: NDArray[np.int64]) -> Profile:
        return profile_of(self._use_case, {name: of[rows] for name, of in self._table.items()}, {})


@pytest.fixture(scope="module")
def cleveland() -> Hospital:
    return Hospital("cleveland")


@pytest.fixture(scope="module")
def hungarian() -> Hospital:
    return Hospital("hungarian")


@pytest.mark.parametrize("size", [20, 100])
def test_one_half_of_cleveland_does_not_drift_from_the_other(
    heart: UseCase, cleveland: Hospital, rng: Generator, size: int
) -> None:
    alerts = 0
    for _ in range(50):
        mixed = rng.permutation(cleveland.rows)
        reference, batch = cleveland.batch(mixed[:151]), cleveland.batch(mixed[151 : 151 + size])
        alerts += (
            drift_finding(heart, ProfileMaterial(reference, batch, 0, rng)).verdict is CheckVerdict.ALERT
        )
    assert alerts <= 1


@pytest.mark.parametrize("size", [20, 50, 100])
def test_the_hungarian_hospital_drifts_every_time(
    heart: UseCase, cleveland: Hospital, hungarian: Hospital, rng: Generator, size: int
) -> None:
    reference = cleveland.batch(np.arange(cleveland.rows))
    batches = (hungarian.batch(rng.integers(hungarian.rows, size=size)) for _ in range(25))
    assert all(
        drift_finding(heart, ProfileMaterial(reference, batch, 0, rng)).verdict is CheckVerdict.ALERT
        for batch in batches
    )


def test_the_hungarian_hospital_shows_in_its_unmeasured_columns(
    heart: UseCase, cleveland: Hospital, hungarian: Hospital, rng: Generator
) -> None:
    reference, batch = (hospital.batch(np.arange(hospital.rows)) for hospital in (cleveland, hungarian))
    found = quality_finding(heart, ProfileMaterial(reference, batch, 0, rng))
    assert found.verdict is CheckVerdict.ALERT
    assert found.statistic == round(291 / 294 - 4 / 303, 4)
    assert "ca is missing" in found.detail
