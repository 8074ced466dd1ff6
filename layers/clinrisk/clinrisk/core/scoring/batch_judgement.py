"""The verdict on a batch before it is scored: its profile against the model's reference.

Every share that is compared (missing, a code, below a number, a cell of the grid) is held against the
training patients by Cohen's h, 2 asin(sqrt p) - 2 asin(sqrt q), whose standard error depends on the two sizes
alone (Cohen, Statistical Power Analysis, 1988, chapter 6), so that the proof grows with the rows. How columns
go together is in `column_agreement`. Numpy only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.limits import LIMITS
from clinrisk.core.profiles.feature_profile import CELLS
from clinrisk.core.scoring.batch_verdict import Doubt, judged
from clinrisk.core.scoring.column_agreement import agreement_doubts
from clinrisk.use_cases.columns import Code, Number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from clinrisk.core.profiles.feature_profile import ColumnCounts, Profile
    from clinrisk.core.scoring.batch_verdict import BatchJudgement
    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.columns import Column


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
        doubts += agreement_doubts(use_case, reference, batch)
    return judged(doubts)


def distance(counts: ArrayLike, rows: int, others: ArrayLike, of: int) -> NDArray[np.float64]:
    """Return Cohen's h between shares, given as counts: 0 when alike, at most pi; .2 is small, .8 large.

    With Anscombe's 3/8 (Biometrika 35, 1948): without them 0 of 20 is too far from any other share.

    >>> float(distance(500, 1000, 7500, 10_000).round(2))
    0.52
    """
    found, expected = (
        2 * np.arcsin(np.sqrt((np.asarray(part) + 0.375) / (size + 0.75)))
        for part, size in ((counts, rows), (others, of))
    )
    difference: NDArray[np.float64] = np.abs(found - expected)
    return difference


def proven(found: float, rows: int, of: int) -> float:
    """Return what is sure of a distance between two samples; 0 where it may be chance."""
    error = float(np.sqrt(1 / max(rows, 1) + 1 / max(of, 1)))
    return found - LIMITS.door_margin * error if found >= LIMITS.door_errors * error else 0.0


def column_doubts(
    column: Column, reference: ColumnCounts, batch: ColumnCounts, trained: int, rows: int
) -> Iterator[Doubt]:
    """Yield the doubts about one column: its missing share, and then its most distant share of values."""
    name = f"{column.title} ({column.name})"
    rise = batch.missing_share - reference.missing_share
    emptied = proven(float(distance(batch.missing, rows, reference.missing, trained)), rows, trained)
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
    furthest = proven(float(_distances(column, reference, batch).max()), batch.present, reference.present)
    if furthest > LIMITS.door_caution:
        held = furthest > LIMITS.door_held
        yield Doubt(held, column.name, _described(column, reference, batch), furthest)


def _distances(column: Column, reference: ColumnCounts, batch: ColumnCounts) -> NDArray[np.float64]:
    """Return the distance of each code's share, or of each cell's of a number and of all cells' up to it."""
    before, after = np.asarray(reference.counts), np.asarray(batch.counts)
    if isinstance(column, Number):
        before, after = (np.concatenate([counts, counts.cumsum()]) for counts in (before, after))
    return distance(after, batch.present, before, reference.present)


def _described(column: Column, reference: ColumnCounts, batch: ColumnCounts) -> str:
    """Return in words how the values of a column differ from those of the training patients."""
    name = f"{column.title} ({column.name})"
    before, after = (np.asarray(counts.counts) / counts.present for counts in (reference, batch))
    if np.count_nonzero(after) == 1:
        return f"{name} is the same in all of {batch.present} rows that have it."
    if isinstance(column, Code):
        code = int(_distances(column, reference, batch).argmax())
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
