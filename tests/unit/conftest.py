"""Patients as model features, drawn by seed, and texts that are compared with their snapshot."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from clinrisk import use_cases
from clinrisk.core.profiles.feature_profile import Profile, count_values, profile_of
from clinrisk.use_cases.base import UseCase
from clinrisk.use_cases.columns import Number

Table = dict[str, NDArray[np.float64]]
Snapshot = Callable[[str, str], None]


@pytest.fixture
def rng() -> Generator:
    return np.random.default_rng(20)


@pytest.fixture
def heart() -> UseCase:
    return use_cases.get("heart")


def draw_patients(
    use_case: UseCase, rows: int, rng: Generator, *, older: float = 0.0, missing: float = 0.02
) -> Table:
    """Draw features: numbers around the middle of their range, codes with falling shares."""
    table: Table = {}
    for column in use_case.columns:
        absent = rng.random(rows) < missing
        if isinstance(column, Number):
            middle, spread = (column.low + column.high) / 2, (column.high - column.low) / 10
            shift = older if column.name == "age" else 0.0
            values = np.clip(rng.normal(middle + shift, spread, rows), column.low, column.high)
            table[column.name] = np.where(absent, np.nan, values)
            continue
        shares = np.arange(len(column.values), 0, -1.0)
        chosen = rng.choice(len(column.values), size=rows, p=shares / shares.sum())
        flags = [f for f in use_case.features if f.column == column.name and f.kind == "flag"]
        for position, flag in enumerate(flags, start=len(column.values) - len(flags)):
            table[flag.name] = np.where(absent, np.nan, chosen == position)
    for feature in use_case.features:
        if feature.kind == "missing":
            table[feature.name] = np.isnan(table[feature.column]).astype(float)
    return table


@pytest.fixture(scope="session")
def patients() -> Callable[..., Table]:
    return draw_patients


@pytest.fixture
def profiled(heart: UseCase, rng: Generator) -> Callable[..., Profile]:
    """Return the profile of freshly drawn heart patients."""

    def draw(rows: int, **changes: float) -> Profile:
        table = draw_patients(heart, rows, rng, **changes)
        sex = np.where(table["sex"] == 1, "male", "female")
        return profile_of(heart, table, {"sex": count_values(sex.tolist())})

    return draw


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Snapshot:
    """Compare a text with `snapshots/<name>.txt` beside the test; CLINRISK_UPDATE_SNAPSHOTS=1 rewrites it."""

    def compare(name: str, text: str) -> None:
        path = Path(request.path).parent / "snapshots" / f"{name}.txt"
        if os.environ.get("CLINRISK_UPDATE_SNAPSHOTS"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text

    return compare
