"""Inputs that were not measured: how a model learns to do without them, and where it has not.

Where no training patient lacked an input, the branch that XGBoost's trees take without it is an accident of
growing: blanking one input moved the mean risk by .13, and a refit moved it elsewhere. So the trees also see
copies of the patients with such inputs blanked at random, and learn what the other inputs say alone. It is
still one booster for the image's own server. Figures and the rules that were not chosen: docs/decisions/0027.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels
    from clinrisk.use_cases.base import UseCase

    Blanks = tuple[tuple[tuple[int, float], ...], ...]
    """Per column, the positions of its inputs and what each of them is without a measurement."""

LEAST_ABSENT = 30
"""Training patients without a column, below which its absence is outside the model's experience."""
_BLANKED_ROWS, _MOST_COPIES, _WEIGHT = 3_000, 9, 1 / 3


def positions_of(use_case: UseCase) -> dict[str, list[int]]:
    """Return the positions of each column's inputs among the model's."""
    found: dict[str, list[int]] = {}
    for position, feature in enumerate(use_case.features):
        found.setdefault(feature.column, []).append(position)
    return found


def not_measured(features: Floats, use_case: UseCase) -> NDArray[np.bool_]:
    """Return whether each column lacks a value, (rows, columns), the columns as in `positions_of`."""
    empty = np.isnan(features)
    return np.column_stack([empty[:, columns].any(axis=1) for columns in positions_of(use_case).values()])


def absence(features: Floats, use_case: UseCase) -> dict[str, int]:
    """Return how many of the patients lack each column."""
    counts = not_measured(features, use_case).sum(axis=0).tolist()
    return dict(zip(positions_of(use_case), counts, strict=True))


def unlearned(counts: Mapping[str, int], least: int = LEAST_ABSENT) -> list[str]:
    """Return the columns that too few training patients lack to teach what that means.

    >>> unlearned({"age": 0, "bmi": 201})
    ['age']
    """
    return [column for column, count in counts.items() if count < least]


def blanks_of(features: Floats, use_case: UseCase) -> Blanks:
    """Return the columns to blank in copies: absence not learned, and not essential for a risk."""
    positions = positions_of(use_case)
    return tuple(
        tuple(
            (each, 1.0 if use_case.features[each].kind == "missing" else np.nan) for each in positions[name]
        )
        for name in unlearned(absence(features, use_case))
        if not use_case.column(name).essential
    )


def blanked(features: Floats, columns: Blanks, rng: np.random.Generator) -> Floats:
    """Return a copy in which each patient lacks a share of the columns of its own, from none to all."""
    copy = features.copy()
    shares = rng.random(len(copy))
    for column in columns:
        rows = rng.random(len(copy)) < shares
        for position, value in column:
            copy[rows, position] = value
    return copy


def with_copies(
    features: Floats, labels: Labels, columns: Blanks, seed: int
) -> tuple[Floats, Labels, Floats]:
    """Return the patients followed by blanked copies of them, their labels, and the weight of each row.

    Few patients are copied up to nine times; of thousands one copy teaches as much. The weights add up to the
    patients, so that settings mean what they mean without copies.
    """
    count = min(max(-(-_BLANKED_ROWS // len(labels)), 1), _MOST_COPIES)
    rng = np.random.default_rng(seed)
    copies = [blanked(features, columns, rng) for _ in range(count)]
    weights = np.repeat([1.0, _WEIGHT], [len(labels), count * len(labels)])
    return np.vstack([features, *copies]), np.tile(labels, count + 1), weights / (1 + count * _WEIGHT)
