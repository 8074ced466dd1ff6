"""The plain bootstrap over rows: slow, and the oracle of every interval that is computed otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinrisk.jobs.evaluation.metrics import Floats, Labels


def paired_bootstrap(
    figure: Callable[[Labels, Floats], float], labels: Labels, first: Floats, second: Floats, *, draws: int
) -> list[float]:
    """Return figure(first) - figure(second) with its interval, the same patients drawn for both."""
    rng = np.random.default_rng(0)
    found: list[float] = []
    while len(found) < draws:
        rows = rng.integers(0, len(labels), len(labels))
        if 0 < labels[rows].sum() < len(rows):
            found.append(figure(labels[rows], first[rows]) - figure(labels[rows], second[rows]))
    low, high = np.quantile(found, [0.025, 0.975])
    return [figure(labels, first) - figure(labels, second), float(low), float(high)]
