"""The verdict on a batch before it is scored: its profile against the model's reference.

Every share that is compared (missing, a code, below a number, a cell of the grid) is held against the
training patients by Cohen's h, 2 asin(sqrt p) - 2 asin(sqrt q), whose standard error depends on the two sizes
alone (Cohen, Statistical Power Analysis, 1988, chapter 6): what is proven of a distance is what remains after
some standard errors, so that the proof grows with the rows. Columns that no longer go together are found by
the agreement of each column with what the others predict of it. Numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.limits import LIMITS
from clinrisk.core.profiles.feature_profile import CELLS, paired_features
from clinrisk.messages.scoring import BatchVerdict
from clinrisk.use_cases.base import Code, Number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from clinrisk.core.profiles.feature_profile import ColumnCounts, Profile
    from clinrisk.use_cases.base import Column, UseCase

RIDGE = 0.1
"""Added to the variances of the other columns, so that few training patients do not invent agreement."""


@dataclass(frozen=True)
class Doubt:
    """One reason against a batch: a sentence with shares and counts, no value of a row."""

    held: bool
    column: str
    """Empty where it is about the batch."""
    sentence: str
    proven: float = 0.0
    """By how much; the most serious doubt of a column comes first."""


@dataclass(frozen=True)
class BatchJudgement:
    """The verdict on a batch, and the doubts behind it, those that hold it first."""

    verdict: BatchVerdict
    doubts: tuple[Doubt, ...]

    @property
    def cautions(self) -> tuple[str, ...]:
        """The sentences of the doubts."""
        return tuple(doubt.sentence for doubt in self.doubts)


def judged(doubts: Iterable[Doubt]) -> BatchJudgement:
    """Return the verdict that follows from some doubts.

    >>> judged([]).verdict, judged([Doubt(held=True, column="", sentence="")]).verdict
    (<BatchVerdict.FIT: 'FIT'>, <BatchVerdict.HELD: 'HELD'>)
    """
    found = tuple(sorted(doubts, key=lambda doubt: (not doubt.held, -doubt.proven)))
    if not found:
        return BatchJudgement(BatchVerdict.FIT, ())
    return BatchJudgement(BatchVerdict.HELD if found[0].held else BatchVerdict.CAUTION, found)


def judge_profile(use_case: UseCase, reference: Profile | None, batch: Profile) -> BatchJudgement:
    """Return the verdict on a batch from the profiles of the training patients and of the batch."""
    if reference is None or not reference.rows:
        why = "The live model has no profile of its training patients: the batch was held against nothing."
        return judged([Doubt(held=True, column="", sentence=why)])
    if (reference.use_case, reference.schema_version) != (batch.use_case, batch.schema_version):
        why = "The profile of the live model's training patients is of another contract than the batch."
        return judged([Doubt(held=True, column="", sentence=why)])
    doubts = [
        doubt
        for column in use_case.columns
        for doubt in column_doubts(
            column, reference.columns[column.name], batch.columns[column.name], reference.rows, batch.rows
        )
    ]
    if batch.rows < LIMITS.door_rows:
        why = (
            f"The batch has {batch.rows} {'row' if batch.rows == 1 else 'rows'}: below {LIMITS.door_rows}, a "
            "fault of a column can hardly be distinguished from chance."
        )
        doubts.append(Doubt(held=False, column="", sentence=why))
    else:
        doubts += apart(use_case, reference, batch)
    return judged(doubts)


def distance(p: ArrayLike, q: ArrayLike) -> NDArray[np.float64]:
    """Return Cohen's h between shares: 0 when alike, at most pi; .2 is small, .5 medium, .8 large.

    >>> float(distance(0.5, 0.75).round(2))
    0.52
    """
    found: NDArray[np.float64] = np.abs(2 * np.arcsin(np.sqrt(p)) - 2 * np.arcsin(np.sqrt(q)))
    return found


def proven(found: ArrayLike, n: int, m: int) -> NDArray[np.float64]:
    """Return what remains of distances between samples of n and m rows after their chance."""
    shown: NDArray[np.float64] = np.asarray(found) - LIMITS.door_errors * np.sqrt(
        1 / max(n, 1) + 1 / max(m, 1)
    )
    return shown


def column_doubts(
    column: Column, reference: ColumnCounts, batch: ColumnCounts, trained: int, rows: int
) -> Iterator[Doubt]:
    """Yield the doubts about one column: its missing share, and then its most distant share of values."""
    name = f"{column.title} ({column.name})"
    rise = batch.missing_share - reference.missing_share
    emptied = float(proven(distance(batch.missing_share, reference.missing_share), rows, trained))
    sentence = (
        f"{name} is missing in {batch.missing_share:.0%} of {rows} rows, against "
        f"{reference.missing_share:.0%} of the training patients."
    )
    if rise > 0 and not batch.present:
        # Of few patients each has a doubt of its own where the model needs the column.
        yield Doubt(
            rows >= LIMITS.door_rows, column.name, f"{name} is empty: none of {rows} rows has a value.", np.pi
        )
    elif rise > 0 and emptied > LIMITS.door_caution:
        yield Doubt(emptied > LIMITS.door_held, column.name, sentence, emptied)
    if batch.present and not reference.present:
        sentence = f"{name} is filled in {batch.present} rows, but no training patient had a value of it."
        yield Doubt(held=False, column=column.name, sentence=sentence)
    if not batch.present or not reference.present:
        return
    before, after = (np.asarray(counts.counts) / counts.present for counts in (reference, batch))
    shares = [distance(after, before)]
    if isinstance(column, Number):
        shares.append(distance(np.cumsum(after)[:-1].clip(0, 1), np.cumsum(before)[:-1].clip(0, 1)))
    furthest = float(proven(max(found.max() for found in shares), batch.present, reference.present))
    if furthest > LIMITS.door_caution:
        held = furthest > LIMITS.door_held
        yield Doubt(held, column.name, _described(column, before, after, batch.present), furthest)


def _described(column: Column, before: NDArray[np.float64], after: NDArray[np.float64], present: int) -> str:
    """Return in words how the values of a column differ from those of the training patients."""
    name = f"{column.title} ({column.name})"
    if np.count_nonzero(after) == 1:
        return f"{name} is the same in all of {present} rows that have it."
    if isinstance(column, Code):
        code = int(np.argmax(distance(after, before)))
        meaning = list(column.values.values())[code] if len(after) == len(column.values) else str(code)
        never = " (none of them had it)" if not before[code] else ""
        return (
            f"{name} has the code for {meaning} in {after[code]:.0%} of its rows, against {before[code]:.0%} "
            f"of the training patients{never}: look for shifted or exchanged codes."
        )
    outside = after[(np.cumsum(before) == 0) | (np.cumsum(before[::-1])[::-1] == 0)].sum()
    middles = [
        column.low + (np.searchsorted(np.cumsum(shares), 0.5) + 0.5) * (column.high - column.low) / CELLS
        for shares in (after, before)
    ]
    notes = (
        [f"{outside:.0%} of its values lie outside those of every training patient"] if outside > 0.01 else []
    )
    if column.low >= 0 and not 0.5 < middles[0] / middles[1] < 2:
        notes.append(
            f"its middle value is {middles[0] / middles[1]:.2g} times theirs: look for a lost decimal point "
            "or another unit"
        )
    return f"{name} is distributed otherwise than in training" + "".join(f"; {one}" for one in notes) + "."


def apart(use_case: UseCase, reference: Profile, batch: Profile) -> Iterator[Doubt]:
    """Yield the columns that no longer go with the others, as one that was sorted or exchanged on its own."""
    if reference.pairs is None or batch.pairs is None:
        return
    trained, now = reference.pairs.correlations(), batch.pairs.correlations()
    alike, error = batch.pairs.order()
    order = alike - LIMITS.door_errors * error
    names = np.array([feature.column for feature in paired_features(use_case)])
    for column in use_case.columns:
        own = np.flatnonzero(names == column.name)
        others = np.flatnonzero(names != column.name)
        yield from _apart(
            column,
            [agreement(trained, now, int(one), others, reference.pairs.rows[one][one]) for one in own],
            [batch.pairs.informative_rows(int(one)) for one in own],
            [float(order[one]) for one in own],
            [reference.pairs.informative_rows(int(one)) for one in own],
        )


def agreement(
    trained: NDArray[np.float64], now: NDArray[np.float64], one: int, others: NDArray[np.int64], rows: int
) -> tuple[float, float]:
    """Return the correlation of one input with what the others predict of it: in training, and now.

    The prediction is that of the training patients (ridge regression); the correlation in training is
    corrected to what other patients would show (Browne, British Journal of Mathematical and Statistical
    Psychology 28, 1975, in its simplest form).
    """
    among = trained[np.ix_(others, others)]
    weights = np.linalg.solve(among + RIDGE * np.eye(len(others)), trained[others, one])

    def correlation(table: NDArray[np.float64]) -> float:
        spread = float(weights @ table[np.ix_(others, others)] @ weights)
        return float(weights @ table[others, one]) / spread**0.5 if spread > 0 else 0.0

    seen = correlation(trained)
    expected = 1 - (1 - seen**2) * (rows + len(others)) / max(rows - len(others) - 1, 1)
    return max(expected, 0.0) ** 0.5, correlation(now)


def _apart(
    column: Column,
    pairs: Sequence[tuple[float, float]],
    sizes: Sequence[float],
    orders: Sequence[float],
    trained: Sequence[float],
) -> Iterator[Doubt]:
    """Yield the doubt about one column, if there is one, by its input that lost most."""
    name = f"{column.title} ({column.name})"
    doubts: list[Doubt] = []
    for (expected, found), size, order, known in zip(pairs, sizes, orders, trained, strict=True):
        if min(size, known) < LIMITS.door_rows:
            continue
        agreed = expected >= LIMITS.door_agreement
        # The wider of the two errors that the size allows: few rows show an agreement by chance.
        error = 1 - min(expected, abs(found)) ** 2
        chance = LIMITS.door_errors * error * (1 / size + 1 / known) ** 0.5
        lost = (expected - found - chance) / expected if agreed else -1.0
        if lost > LIMITS.door_apart:
            sentence = (
                f"{name} no longer goes with the other columns: its agreement with them is {found:.2f}, "
                f"against {expected:.2f} in training. Look for a column that was sorted, shifted by rows or "
                "recoded on its own."
            )
            doubts.append(Doubt(held=True, column=column.name, sentence=sentence, proven=lost))
        elif order > (LIMITS.door_order if agreed else LIMITS.door_order_alone) and not (
            agreed and found >= LIMITS.door_order_kept * expected
        ):
            sentence = (
                f"{name} changes along the file, and the other columns do not follow it. Look for a column "
                "that was sorted on its own, or that is wrong in a part of the file."
            )
            doubts.append(Doubt(held=True, column=column.name, sentence=sentence, proven=order))
    if doubts:
        yield max(doubts, key=lambda doubt: doubt.proven)
