"""What a profile keeps of how columns go together and move along the file: sums of whole numbers.

Every model input is a level: the cell of a number on its grid (0 to 99), a flag as 0 or 1. After the inputs
come WAVES more levels, cosines of a row's place in its chunk: what moves along the file goes with them. For
each pair of levels that a row has, the rows, levels, squares and products are added up, which gives every
correlation of complete pairs. Of a chunk, SAMPLED rows are taken at equal distances, so that the sums cost
the same however large it is. Whole numbers add up exactly, in any order. Standard library and numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

SAMPLED = 5_000
"""Rows of a chunk that are added up at most: a correlation is then known to .014."""
WAVES = 4
"""Half a wave to two waves over a chunk: together they follow a column that changes anywhere."""
FEWEST = 20
"""Rows below which a chunk adds nothing: products of a few rows would single out a patient."""
Table = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class PairSums:
    """The sums of some chunks; the four tables have one row and one column per input, and WAVES more.

    Of row i and column j: how many rows have both, the sum and the squares of i, and the product of i and j.
    """

    rows: Table
    levels: Table
    squares: Table
    products: Table

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: [list(row) for row in table] for name, table in self.__dict__.items()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> PairSums:
        """Return the sums that `to_dict` wrote."""
        return cls(**{name: tuple(map(tuple, document[name])) for name in cls.__dataclass_fields__})

    def informative_rows(self, one: int) -> float:
        """Return the rows that have an input; of a flag, as many as evenly divided ones would tell as much.

        A correlation with a flag that 1 of 100 rows has is known from that row, not from a hundred.
        """
        rows, ones = self.rows[one][one], self.levels[one][one]
        is_flag = self.squares[one][one] == ones
        return 4 * ones * (rows - ones) / max(rows, 1) if is_flag else float(rows)

    def correlations(self) -> NDArray[np.float64]:
        """Return the correlation of each pair over the rows that have both; 0 where one does not vary."""
        rows, levels, squares, products = (
            np.asarray(table, dtype=np.float64)
            for table in (self.rows, self.levels, self.squares, self.products)
        )
        counted = np.maximum(rows, 1)
        variances = np.maximum(squares / counted - (levels / counted) ** 2, 0)
        together = products / counted - levels * levels.T / counted**2
        spread = np.sqrt(variances * variances.T)
        found: NDArray[np.float64] = np.divide(together, spread, out=np.zeros_like(spread), where=spread > 0)
        np.fill_diagonal(found, 1.0)
        return np.clip(found, -1, 1)


def stride(rows: int) -> int:
    """Return the distance between the rows of a chunk that are sampled.

    >>> stride(5_000), stride(5_001)
    (1, 2)
    """
    return max(-(-rows // SAMPLED), 1)


def pair_sums_of(levels: NDArray[np.float64]) -> PairSums | None:
    """Return the sums of a chunk, given its sampled rows in their order; None below FEWEST rows.

    `levels` holds one row per input and one column per patient: whole numbers, NaN where missing.
    """
    rows = levels.shape[1]
    if rows < FEWEST:
        return None
    levels = np.vstack([levels, waves(rows)])
    known = ~np.isnan(levels)
    filled, present = np.where(known, levels, 0.0), known.astype(np.float64)
    return PairSums(
        _table(present @ present.T),
        _table(filled @ present.T),
        _table(filled**2 @ present.T),
        _table(filled @ filled.T),
    )


def waves(rows: int) -> NDArray[np.float64]:
    """Return the levels of the waves, 0 to 100, for successive rows.

    >>> waves(4)[0].tolist()
    [96.0, 69.0, 31.0, 4.0]
    """
    positions = (np.arange(rows) + 0.5) / max(rows, 1)
    return np.round(50 + 50 * np.cos(np.pi * np.arange(1, WAVES + 1)[:, None] * positions))


def _table(sums: NDArray[np.float64]) -> Table:
    return tuple(map(tuple, sums.astype(np.int64).tolist()))


def add_pair_sums(parts: Sequence[PairSums | None]) -> PairSums | None:
    """Return the sum of what chunks have, the same in any order; None when none has any."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return PairSums(
        *(
            tuple(map(tuple, np.sum([np.asarray(getattr(part, name)) for part in known], axis=0).tolist()))
            for name in PairSums.__dataclass_fields__
        )
    )
