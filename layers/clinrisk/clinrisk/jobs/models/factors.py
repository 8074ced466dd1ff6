"""The columns that moved a patient's risk most, in clinical words with their direction.

Contributions are exact Shapley values in log odds (Lundberg et al., 2018), one per model feature and a base.
The flags made of one column of codes are added up, so that "chest pain" is one factor and not four.
Only measured columns are factors: the trees go one way or the other without a value too, and that says
nothing about the patient. No value is named: a result file must not repeat the patient's record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clinrisk.jobs.models.absence import positions_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clinrisk.use_cases.base import UseCase

    Floats = NDArray[np.float64]

SMALLEST = 1e-6
"""Log odds below which a column did not move the risk."""


def column_contributions(contributions: Floats, use_case: UseCase) -> tuple[tuple[str, ...], Floats]:
    """Add the contributions of each column's features; gives the column names and (rows, columns)."""
    positions = positions_of(use_case)
    summed = [contributions[:, columns].sum(axis=1) for columns in positions.values()]
    return tuple(positions), np.column_stack(summed)


def phrase(title: str, contribution: float) -> str:
    """Say which way a column moved the risk.

    >>> phrase("serum cholesterol", 0.3)
    'serum cholesterol (raises the risk)'
    >>> phrase("age", -0.3)
    'age (lowers the risk)'
    """
    return f"{title} ({'raises' if contribution > 0 else 'lowers'} the risk)"


def top_factors(
    contributions: Floats, absent: NDArray[np.bool_], use_case: UseCase, count: int = 3
) -> list[tuple[str, ...]]:
    """Return each patient's `count` strongest factors, strongest first; "" where fewer columns mattered.

    `absent` says which columns were not measured, (rows, columns).
    """
    names, summed = column_contributions(contributions, use_case)
    titles = [use_case.column(name).title for name in names]
    measured = np.where(absent, 0.0, summed)
    strongest = np.argsort(-np.abs(measured), axis=1, kind="stable")[:, :count]
    found = []
    for row, columns in zip(measured, strongest, strict=True):
        phrases = [phrase(titles[c], row[c]) for c in columns if abs(row[c]) > SMALLEST]
        found.append(tuple(phrases + [""] * (count - len(phrases))))
    return found


def drivers(contributions: Floats, use_case: UseCase) -> list[dict[str, object]]:
    """Return each column's share of all that moved the risks, largest first; the shares add up to 1."""
    names, summed = column_contributions(contributions, use_case)
    weight = np.abs(summed).mean(axis=0)
    total = float(weight.sum()) or 1.0
    ranked = np.argsort(-weight, kind="stable")
    return [
        {
            "column": names[c],
            "title": use_case.column(names[c]).title,
            "share": round(float(weight[c]) / total, 6),
        }
        for c in ranked
    ]
