"""Drift: whether the patients of a batch come from another population than the training patients.

Each column is cut into five bins at the quintiles of the reference (codes stay as they are), with missing as
a bin of its own, and compared by the population stability index. The index grows with the distance; on small
batches it is also large by chance, so a large one needs a small p-value too, and only several drifted columns
make an alert (docs/decisions/0006). Standard library and numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.findings import Check, CheckFinding, CheckVerdict, not_evaluated
from clinrisk.use_cases.columns import Number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from clinrisk.core.monitoring.findings import ProfileMaterial
    from clinrisk.core.profiles.feature_profile import ColumnCounts, Profile
    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.columns import Column

BINS = 5
SMOOTHING = 0.5
"""Added to every bin, so that an empty one gives a finite distance (the Jeffreys prior's half a row)."""
DRAWS = 2000
_COLUMNS_SHOWN = 5


@dataclass(frozen=True)
class ColumnDrift:
    """One column's distance from the reference; a small corrected p-value speaks against chance."""

    column: str
    psi: float
    corrected_p: float

    @property
    def drifted(self) -> bool:
        """Whether the distance is both large and not chance."""
        return self.psi >= LIMITS.drift_psi and self.corrected_p < LIMITS.drift_p_value


def bin_starts(column: Column, reference: ColumnCounts) -> list[int]:
    """Return the first cell of each bin: at the reference's quintiles for numbers, every cell for codes.

    Bins hold whole cells, so a value that a fifth of the rows share gives fewer than five bins.
    """
    if not isinstance(column, Number):
        return list(range(len(reference.counts)))
    up_to = np.cumsum(reference.counts)
    shares = np.arange(1, BINS) / BINS * up_to[-1]
    starts = np.searchsorted(up_to, shares) + 1
    return [0, *np.unique(starts[starts < len(up_to)]).tolist()] if up_to[-1] else [0]


def binned(counts: ColumnCounts, starts: Sequence[int]) -> NDArray[np.int64]:
    """Return the rows per bin, missing last."""
    present = np.add.reduceat(np.asarray(counts.counts, dtype=np.int64), list(starts))
    return np.append(present, counts.missing)


def population_stability_index(reference: NDArray[Any], current: NDArray[Any]) -> NDArray[np.float64]:
    """Return the index of counts against counts along the last axis: 0 when alike, larger is further apart.

    With shares p and q it is sum((q - p) * ln(q / p)), the symmetrised Kullback-Leibler divergence
    (Jeffreys 1946), named in E. M. Lewis, An Introduction to Credit Scoring (1994); statistical properties
    in Yurdakul and Naranjo, Journal of Risk Model Validation 14(4), 2020.

    >>> float(population_stability_index(np.array([10, 10]), np.array([100, 100])).round(6))
    0.0
    """
    p = (reference + SMOOTHING) / (reference + SMOOTHING).sum(axis=-1, keepdims=True)
    q = (current + SMOOTHING) / (current + SMOOTHING).sum(axis=-1, keepdims=True)
    index: NDArray[np.float64] = ((q - p) * np.log(q / p)).sum(axis=-1)
    return index


def null_p_value(
    reference: NDArray[np.int64], current: NDArray[np.int64], rng: Generator, draws: int = DRAWS
) -> float:
    """Return the chance of an index at least as large when both samples come from one population.

    Both are drawn anew, in their own sizes, from the pooled shares (a parametric bootstrap), so the noise of
    a small reference counts as well; no asymptotics. Never 0: (1 + hits) / (1 + draws), Davison and Hinkley,
    Bootstrap Methods (1997), section 4.2.
    """
    pooled = (reference + current) / (reference.sum() + current.sum())
    null = population_stability_index(
        rng.multinomial(reference.sum(), pooled, size=draws),
        rng.multinomial(current.sum(), pooled, size=draws),
    )
    # Equal tables can differ in the last bit of their index; a tie counts as a hit.
    hits = np.count_nonzero(null >= population_stability_index(reference, current) - 1e-12)
    return float((1 + hits) / (1 + draws))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, step by step (Holm 1979), in the order given.

    >>> holm([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.04]
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def column_drifts(
    use_case: UseCase, reference: Profile, current: Profile, rng: Generator
) -> list[ColumnDrift]:
    """Return the drift of every column, furthest first.

    P-values are drawn only where the index reaches its limit. One that is not drawn counts as 1, which leaves
    Holm's correction of the others as it is.
    """
    # Enough draws that the smallest possible p-value survives the correction for so many columns.
    draws = max(DRAWS, round(2 * len(reference.columns) / LIMITS.drift_p_value))
    names, indices, p_values = [], [], []
    for name, counts in reference.columns.items():
        starts = bin_starts(use_case.column(name), counts)
        before, after = binned(counts, starts), binned(current.columns[name], starts)
        # A bin that is empty on both sides is no evidence; smoothing would make it count.
        filled = (before + after) > 0
        before, after = before[filled], after[filled]
        index = float(population_stability_index(before, after))
        names.append(name)
        indices.append(index)
        p_values.append(null_p_value(before, after, rng, draws) if index >= LIMITS.drift_psi else 1.0)
    drifts = [ColumnDrift(*each) for each in zip(names, indices, holm(p_values), strict=True)]
    return sorted(drifts, key=lambda drift: -drift.psi)


def drift_finding(use_case: UseCase, material: ProfileMaterial) -> CheckFinding:
    """Return whether a batch drifted from the training patients; the statistic is the largest index."""
    reference, current = material.reference, material.current
    fewest = min(reference.rows, current.rows)
    if fewest < LIMITS.drift_rows:
        side = "batch" if current.rows <= reference.rows else "training set"
        why = f"Drift was not evaluated: the {side} has {fewest} rows, and {LIMITS.drift_rows} are needed."
        return not_evaluated(Check.DRIFT, LIMITS.drift_psi, why)
    drifts = column_drifts(use_case, reference, current, material.rng)
    drifted = [drift for drift in drifts if drift.drifted]
    return CheckFinding(
        Check.DRIFT,
        CheckVerdict.ALERT if len(drifted) >= LIMITS.drift_columns else CheckVerdict.OK,
        round(drifts[0].psi, 4),
        LIMITS.drift_psi,
        _sentence(drifts, drifted, current.rows),
    )


def _sentence(drifts: Sequence[ColumnDrift], drifted: Sequence[ColumnDrift], rows: int) -> str:
    """Return one sentence on which columns drifted, and how far."""
    share = f"{len(drifted)} of {len(drifts)} columns drifted from the training patients, in {rows} rows"
    rule = (
        f"{LIMITS.drift_columns} columns with a stability index of {LIMITS.drift_psi} or more make an alert"
    )
    if not drifted:
        return f"{share}; the furthest is {drifts[0].column} with an index of {drifts[0].psi:.2f} ({rule})."
    named = ", ".join(f"{drift.column} {drift.psi:.2f}" for drift in drifted[:_COLUMNS_SHOWN])
    return f"{share}: {named}{' and others' if len(drifted) > _COLUMNS_SHOWN else ''} ({rule})."
