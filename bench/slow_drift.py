"""Measure how much sooner a cumulative sum sees slow drift than twenty batches judged together.

Usage: .envs/dev/bin/python -m bench.slow_drift [DRAWS]

The mean age of daily batches rises by one year a month. Both methods know the reference from as many patients
as were trained on, and the shift that matters; the sum raises a false alarm in half of all stretches of ten
years at just that shift. Prints the day on which half, and nine of ten, of all draws are seen.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.monitoring.changes import t_value

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Days = NDArray[np.float64]

WINDOW, DAYS, IN_TEN_YEARS = 20, 365, 3650
ERROR = 0.05 * 0.75 / 27
"""What drift accepts for one of its figures."""


@dataclass(frozen=True)
class Ages:
    """Of a use case: patients trained on, the spread of their ages in years, and the shift that matters."""

    name: str
    trained: int
    spread: float
    matters: float


USE_CASES = (Ages("heart", 242, 9.0, 1.5), Ages("stroke", 4088, 22.6, 2.0))


def joint(ages: Ages, rows: int, shift: Days) -> Days:
    """Return how far the low end of the newest twenty batches is beyond what matters, per day and draw."""
    summed = np.cumsum(shift, axis=1)
    means = (summed[:, WINDOW:] - summed[:, :-WINDOW]) / WINDOW
    error = ages.spread * np.sqrt(1 / ages.trained + 1 / (WINDOW * rows))
    low = means - t_value(1 - ERROR, ages.trained) * error - ages.matters
    return np.pad(low, ((0, 0), (WINDOW, 0)), constant_values=-np.inf)


def cumulative(ages: Ages, shift: Days) -> Days:
    """Return Page's cumulative sum (Biometrika 41, 1954) above what matters and the reference's error."""
    allowed = ages.matters + t_value(1 - ERROR, ages.trained) * ages.spread / np.sqrt(ages.trained)
    total, found = np.zeros(len(shift)), np.empty_like(shift)
    for day in range(shift.shape[1]):
        total = np.maximum(total + shift[:, day] - allowed, 0)
        found[:, day] = total
    return found


def drawn(ages: Ages, rows: int, shift: Days, draws: int, rng: Generator) -> Days:
    """Return the shift of each day's mean from a drawn reference, per draw."""
    reference = rng.normal(0, ages.spread / np.sqrt(ages.trained), (draws, 1))
    return shift + rng.normal(0, ages.spread / np.sqrt(rows), (draws, len(shift))) - reference


def first_day(found: Days, limit: float) -> Days:
    """Return the first day above the limit, per draw; infinite where there is none."""
    above = found > limit
    return np.where(above.any(axis=1), above.argmax(axis=1).astype(float), np.inf)


def main(draws: int) -> None:
    """Print the table."""
    print("| use case | patients a day | method | half are seen on day | nine of ten on day |")
    print("| --- | --- | --- | --- | --- |")
    for ages in USE_CASES:
        for rows in (5, 20, 100):
            rng = np.random.default_rng([rows, ages.trained])
            calm = drawn(ages, rows, np.full(IN_TEN_YEARS, ages.matters), draws // 10, rng)
            # Of ten years at what just matters, half have a false alarm at most.
            limit = float(np.median(cumulative(ages, calm).max(axis=1)))
            slow = drawn(ages, rows, np.arange(DAYS) / 30.0, draws, rng)
            methods = {
                "twenty batches together": first_day(joint(ages, rows, slow), 0.0),
                "cumulative sum": first_day(cumulative(ages, slow), limit),
            }
            for method, days in methods.items():
                half, most = np.quantile(days, (0.5, 0.9), method="higher")
                print(f"| {ages.name} | {rows} | {method} | {half:.0f} | {most:.0f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
