"""Measure the drift rule on real hospitals: how often it cries wolf, and how often it sees another hospital.

Usage: .envs/dev/bin/python bench/drift_power.py [FOLDER with processed.*.data] [ROUNDS]

False alarms: Cleveland is cut in half at random; one half is the reference, batches are drawn from the other.
Power: the reference is all of Cleveland, batches are drawn from another hospital.
Beside our rule stands the usual one: any column whose stability index over ten bins passes .2.
"""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clinrisk import use_cases
from clinrisk.core.monitoring.drift import bin_starts, binned, drift_finding, population_stability_index
from clinrisk.core.monitoring.findings import CheckVerdict, ProfileMaterial
from clinrisk.core.profiles.feature_profile import profile_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from clinrisk.core.profiles.feature_profile import Profile

HEART = use_cases.get("heart")
SIZES = (20, 50, 100)
REPEATED = "Cleveland halves, repeats"
Table = dict[str, "NDArray[np.float64]"]


def read_hospital(path: Path) -> Table:
    """Read a processed UCI file (no header) as model features, missing as NaN."""
    names = [column.name for column in HEART.columns]
    with path.open(newline="") as lines:
        rows = [[np.nan if cell in {"?", "-9"} else float(cell) for cell in row] for row in csv.reader(lines)]
    columns: Mapping[str, NDArray[np.float64]] = dict(zip(names, np.array(rows).T, strict=False))
    table: Table = {}
    for feature in HEART.features:
        values = columns[feature.column].copy()
        values[np.isin(values, HEART.column(feature.column).missing)] = np.nan
        if feature.code is not None:
            values = np.where(np.isnan(values), np.nan, values == float(feature.code))
        table[feature.name] = values
    return table


def draw(table: Table, rows: NDArray[np.int64]) -> Profile:
    """Profile the given rows of a hospital."""
    return profile_of(HEART, {name: values[rows] for name, values in table.items()}, {})


def usual_rule(reference: Profile, current: Profile) -> bool:
    """Whether any column's index passes .2: what most monitors do, here on our five bins."""
    starts = {name: bin_starts(HEART.column(name), counts) for name, counts in reference.columns.items()}
    return any(
        population_stability_index(binned(reference.columns[n], s), binned(current.columns[n], s)) > 0.2
        for n, s in starts.items()
    )


def rates(
    reference_table: Table,
    other: Table | None,
    size: int,
    rounds: int,
    rng: Generator,
    *,
    again: bool = False,
) -> tuple[float, float]:
    """Return the share of batches that alert, by our rule and by the usual one; no `other` means no drift.

    With `again` a patient of the other half may be drawn more than once: noisier than any real batch.
    """
    ours = usual = 0
    everyone = np.arange(len(reference_table["age"]))
    for _ in range(rounds):
        if other is None:
            half = rng.permutation(everyone)
            first, second = np.array_split(half, 2)
            reference = draw(reference_table, first)
            current = draw(reference_table, rng.choice(second, size, replace=again))
        else:
            reference = draw(reference_table, everyone)
            current = draw(other, rng.integers(len(other["age"]), size=size))
        found = drift_finding(HEART, ProfileMaterial(reference, current, 0, rng))
        ours += found.verdict is CheckVerdict.ALERT
        usual += usual_rule(reference, current)
    return ours / rounds, usual / rounds


def without_missing_columns(table: Table, reference: Table) -> Table:
    """Return a hospital with its unmeasured columns filled from the reference: drift in values alone."""
    rng = np.random.default_rng(7)
    rows = rng.integers(len(reference["age"]), size=len(table["age"]))
    return {name: np.where(np.isnan(values), reference[name][rows], values) for name, values in table.items()}


def main(folder: Path, rounds: int) -> None:
    """Print one line per scenario and batch size."""
    cleveland = read_hospital(folder / "processed.cleveland.data")
    scenarios: list[tuple[str, Table | None, str]] = [
        ("Cleveland halves", None, "false alarms"),
        (REPEATED, None, "false alarms"),
    ]
    for name in ("hungarian", "switzerland", "va"):
        path = folder / f"processed.{name}.data"
        if path.exists():
            hospital = read_hospital(path)
            scenarios.append((name, hospital, "power"))
            scenarios.append((f"{name}, filled", without_missing_columns(hospital, cleveland), "power"))
    unscreened = {name: values.copy() for name, values in cleveland.items()}
    unscreened["chol"][:] = np.nan
    unscreened["age"] = np.clip(unscreened["age"] + 12, 0, 110)
    scenarios.append(("chol lost and 12 years older", unscreened, "power"))
    print(f"{'scenario':<30}{'measures':<14}{'rows':>6}{'ours':>9}{'any PSI > .2':>14}{'ms/batch':>10}")
    rng = np.random.default_rng(20)
    for title, other, measures in scenarios:
        for size in SIZES:
            started = time.perf_counter()
            ours, usual = rates(cleveland, other, size, rounds, rng, again=title == REPEATED)
            each = (time.perf_counter() - started) / rounds * 1000
            print(f"{title:<30}{measures:<14}{size:>6}{ours:>9.1%}{usual:>14.1%}{each:>10.1f}")


if __name__ == "__main__":
    main(
        Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data"),
        int(sys.argv[2]) if len(sys.argv) > 2 else 1000,
    )
