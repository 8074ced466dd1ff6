"""Columns of a batch that do not go with the others as they did in training, or move along the file alone.

Each input is held against what the others predict of it, by a ridge regression on the training patients: how
well the two agree, and whether the prediction moves along the file where the input does. A file may be sorted
by anything: then the other columns follow. Numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.limits import LIMITS
from clinrisk.core.profiles.feature_profile import paired_features
from clinrisk.core.scoring.batch_verdict import Doubt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from clinrisk.core.profiles.feature_profile import Profile
    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.columns import Column

RIDGE = 0.1
"""Added to the variances of the other columns, so that few training patients do not invent agreement."""


@dataclass(frozen=True)
class InputAgreement:
    """How one model input goes with its prediction, and how both move along the file."""

    expected: float
    """The correlation with the prediction in training, corrected to what other patients would show ..."""
    found: float
    """... and in the batch."""
    error: float
    """The standard error of the difference between the two."""
    moves: float
    """The multiple correlation of the input with the waves, less their chance: how much it moves along the
    file ..."""
    follows: float
    """... and how much its prediction does so with it."""
    chance: float
    """The standard error of `moves`."""

    @property
    def agrees(self) -> bool:
        """Whether the other columns say anything about the input."""
        return self.expected >= LIMITS.door_agreement

    @property
    def lost(self) -> float:
        """The share of its agreement that it has lost for sure; 0 where that may be chance."""
        gap = self.expected - self.found
        if not self.agrees or gap < LIMITS.door_column_errors * self.error:
            return 0.0
        return (gap - LIMITS.door_margin * self.error) / self.expected

    @property
    def moved(self) -> float:
        """How much the input moves along the file for sure; 0 where that may be chance."""
        sure = self.moves >= LIMITS.door_column_errors * self.chance
        return self.moves - LIMITS.door_margin * self.chance if sure else 0.0

    @property
    def followed(self) -> bool:
        """Whether the other columns move along the file as this input has them move."""
        return self.agrees and self.follows > LIMITS.door_follows * self.expected * self.moves

    @property
    def alone(self) -> bool:
        """Whether the input moves along the file, and the other columns do not follow it."""
        if not self.agrees:
            return (
                self.moved > LIMITS.door_moves_alone
                and self.follows < LIMITS.door_column_errors * self.chance
            )
        behind = self.expected * self.moves - self.follows
        error = self.chance * (1 + self.expected**2) ** 0.5
        return self.moved > LIMITS.door_moves and behind > LIMITS.door_margin * error


def agreement_doubts(use_case: UseCase, reference: Profile, batch: Profile) -> Iterator[Doubt]:
    """Yield the doubt about each column that no longer goes with the others."""
    if reference.pairs is None or batch.pairs is None:
        return
    names = np.array([feature.column for feature in paired_features(use_case)])
    trained, now = reference.pairs.correlations(), batch.pairs.correlations()
    for column in use_case.columns:
        others = np.flatnonzero(names != column.name)
        found = []
        for one in np.flatnonzero(names == column.name).tolist():
            known, size = (pairs.informative_rows(one) for pairs in (reference.pairs, batch.pairs))
            if min(known, size) >= LIMITS.door_rows:
                rows = reference.pairs.rows[one][one], batch.pairs.rows[one][one]
                error = (1 / size + 1 / known) ** 0.5
                found.append(input_agreement(trained, now, one, others, len(names), rows, error))
        yield from _doubts(column, found)


def input_agreement(  # noqa: PLR0917  # the two samples, and the input
    trained: NDArray[np.float64],
    now: NDArray[np.float64],
    one: int,
    others: NDArray[np.int64],
    inputs: int,
    rows: tuple[int, int],
    error: float,
) -> InputAgreement:
    """Return the agreement of one input with the others, from the correlations in training and in the batch.

    `rows` have the input, in training and in the batch; `error` is that of two correlations of nought. The
    correlation in training is corrected in the simplest form of Browne, British Journal of Mathematical and
    Statistical Psychology 28, 1975.
    """
    weights = np.linalg.solve(
        trained[np.ix_(others, others)] + RIDGE * np.eye(len(others)), trained[others, one]
    )

    def predicted(table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the correlation of the prediction with every row of the table."""
        spread = float(weights @ table[np.ix_(others, others)] @ weights)
        return weights @ table[others] / spread**0.5 if spread > 0 else np.zeros(len(table))

    seen, found = predicted(trained)[one], predicted(now)
    corrected = 1 - (1 - seen**2) * (rows[0] + len(others)) / max(rows[0] - len(others) - 1, 1)
    expected = float(max(corrected, 0.0)) ** 0.5
    waves = slice(inputs, None)
    with_waves = now[one, waves]
    size, chance = float(np.linalg.norm(with_waves)), max(rows[1], 1) ** -0.5
    return InputAgreement(
        expected,
        float(found[one]),
        # The wider of the two errors that the size allows: few rows show an agreement by chance.
        (1 - min(expected, abs(float(found[one]))) ** 2) * error,
        max(size**2 - (len(with_waves) - 1) * chance**2, 0.0) ** 0.5,
        float(with_waves @ found[waves]) / size if size else 0.0,
        chance,
    )


def _doubts(column: Column, inputs: Sequence[InputAgreement]) -> Iterator[Doubt]:
    """Yield the doubt about one column, if there is one, by its input that shows most."""
    name = f"{column.title} ({column.name})"
    worst = max(inputs, key=lambda one: one.lost, default=None)
    if worst and worst.lost > LIMITS.door_apart:
        sentence = (
            f"{name} no longer goes with the other columns: its agreement with them is {worst.found:.2f}, "
            f"against {worst.expected:.2f} in training. Look for a column that was sorted, shifted by rows "
            "or recoded on its own."
        )
        yield Doubt(held=True, column=column.name, sentence=sentence, proven=worst.lost)
        return
    alone = [one.moved for one in inputs if one.alone]
    if alone and not any(one.moved and one.followed for one in inputs):
        sentence = (
            f"{name} changes along the file, and the other columns do not follow it. Look for a column "
            "that was sorted on its own, or that is wrong in a part of the file."
        )
        yield Doubt(held=True, column=column.name, sentence=sentence, proven=max(alone))
