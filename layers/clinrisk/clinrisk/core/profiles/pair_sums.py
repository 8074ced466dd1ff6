"""What a profile keeps of how columns go together, and of the order of their rows: sums of whole numbers.

Every model input is a level: the cell of a number on its grid (0 to 99), a flag as 0 or 1. For each pair of
inputs that a row has, its rows, levels, squares and products are added up, which gives every correlation of
complete pairs; for each input, the squared sums of blocks of ten successive rows. Of a chunk, SAMPLED rows
are taken at equal distances (for the blocks: its first ones), so that the sums cost the same however large it
is. Whole numbers add up exactly, in any order. Standard library and numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

SAMPLED = 10_000
"""Rows of a chunk that are added up at most: a correlation is then known to .01."""
BLOCK = 10
"""Successive rows that are added up to see whether a column is in order."""
FEWEST_BLOCKS = 5
FEWEST = 20
"""Rows below which a chunk adds nothing: products of a few rows would single out a patient."""
Table = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class PairSums:
    """The sums of some chunks; the four tables have one row and one column per input.

    Of row i and column j: how many rows have both, the sum and the squares of i, and the product of i and j.
    """

    rows: Table
    levels: Table
    squares: Table
    products: Table
    blocks: tuple[int, ...]
    """Per input, how many blocks of ten successive rows all have it."""
    block_levels: tuple[int, ...]
    """Per input, the sums of the levels of such blocks, added up ..."""
    block_squares: tuple[int, ...]
    """... and their squares."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            name: [list(row) for row in table] if name in _TABLES else list(table)
            for name, table in self.__dict__.items()
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> PairSums:
        """Return the sums that `to_dict` wrote."""
        return cls(**{name: _frozen(document[name]) for name in cls.__dataclass_fields__})

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

    def order(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return per input how alike the rows of a block are, and the standard error of that.

        The share of the variance that lies between blocks (the intraclass correlation of a one-way analysis
        of variance; Fisher, Statistical Methods for Research Workers, 1925): about 0 in any order, 1 in a
        sorted column. The error is infinite below five blocks.
        """
        rows = np.maximum(np.diag(np.asarray(self.rows, dtype=np.float64)), 1)
        means = np.diag(self.levels) / rows
        variances = np.diag(self.squares) / rows - means**2
        blocks = np.asarray(self.blocks, dtype=np.float64)
        counted = np.maximum(blocks, 1)
        # Blocks with a missing value are left out, so the others have a mean of their own.
        between = np.asarray(self.block_squares) / counted - (np.asarray(self.block_levels) / counted) ** 2
        ratio = np.divide(
            between, BLOCK * variances, out=np.ones_like(between), where=(variances > 0) & (blocks > 0)
        )
        error = np.where(blocks >= FEWEST_BLOCKS, np.sqrt(2 / np.maximum(blocks - 1, 1)) / BLOCK, np.inf)
        return np.clip((ratio - 1) / (BLOCK - 1), -1, 1), error


_TABLES = ("rows", "levels", "squares", "products")


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def stride(rows: int) -> int:
    """Return the distance between the rows of a chunk that are sampled.

    >>> stride(10_000), stride(10_001)
    (1, 2)
    """
    return max(-(-rows // SAMPLED), 1)


def pair_sums_of(spaced: NDArray[np.float64], first: NDArray[np.float64]) -> PairSums | None:
    """Return the sums of a chunk, given its sampled and its first rows; None below FEWEST rows.

    Both hold one row per input and one column per patient: whole levels, NaN where missing.
    """
    if spaced.shape[1] < FEWEST:
        return None
    known = ~np.isnan(spaced)
    filled, present = np.where(known, spaced, 0.0), known.astype(np.float64)
    count = first.shape[1] // BLOCK
    sums = first[:, : count * BLOCK].reshape(len(first), count, BLOCK).sum(axis=2)
    return PairSums(
        _table(present @ present.T),
        _table(filled @ present.T),
        _table(filled**2 @ present.T),
        _table(filled @ filled.T),
        tuple(np.count_nonzero(~np.isnan(sums), axis=1).tolist()),
        tuple(np.nansum(sums, axis=1).astype(np.int64).tolist()),
        tuple(np.nansum(sums**2, axis=1).astype(np.int64).tolist()),
    )


def _table(sums: NDArray[np.float64]) -> Table:
    return tuple(map(tuple, sums.astype(np.int64).tolist()))


def add_pair_sums(parts: Sequence[PairSums | None]) -> PairSums | None:
    """Return the sum of what chunks have, the same in any order; None when none has any."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return PairSums(
        *(
            _frozen(np.sum([np.asarray(getattr(part, name)) for part in known], axis=0).tolist())
            for name in PairSums.__dataclass_fields__
        )
    )
