"""What drift watches of the inputs: columns, groups, correlations, and what is missing together.

From the profiles of the training patients and of a batch. Standard library and numpy only.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.changes import (
    Change,
    ChangeKind,
    Effect,
    chance_of_one_value,
    correlation_changed,
    moved,
    share_moved,
    shifted,
    spread_of,
)
from clinrisk.core.monitoring.quality import share_rise
from clinrisk.core.profiles.feature_profile import CELLS, paired_features
from clinrisk.core.profiles.pair_sums import WAVES
from clinrisk.use_cases.columns import Number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from clinrisk.core.profiles.feature_profile import ColumnCounts, Profile
    from clinrisk.core.profiles.pair_sums import PairSums
    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.columns import Column

BINS = 5


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


def column_changes(
    use_case: UseCase, reference: Profile, current: Profile, significance: float, rng: Generator
) -> Iterator[Change]:
    """Yield per column how many rows moved; of numbers the shift; and of equal values their chance."""
    chance = LIMITS.drift_constant / len(use_case.columns)
    for column in use_case.columns:
        before, now = reference.columns[column.name], current.columns[column.name]
        starts = bin_starts(column, before)
        of_bins = binned(before, starts), binned(now, starts)
        limit, where = LIMITS.drift_moved, "other fifths of the training patients"
        if not isinstance(column, Number):
            limit, where = column.matters or LIMITS.drift_moved, "other classes"
        yield classes_changed(_title(column), where, of_bins, limit, significance, rng)
        if isinstance(column, Number) and min(before.present, now.present) >= LIMITS.drift_rows:
            yield from _number_shifted(column, before, now, significance)
        yield from _constant(column, before, now, chance)


def classes_changed(  # noqa: PLR0917  # what a change is made of
    title: str,
    where: str,
    counts: tuple[NDArray[np.int64], NDArray[np.int64]],
    limit: float,
    significance: float,
    rng: Generator,
) -> Change:
    """Return the share of patients in other classes than at training, by the counts of either sample."""
    effect = moved(*counts, significance, rng)
    sentence = (
        f"{title}: {effect.size:.0%} of the patients are in {where} than at training{_at_least(effect)}"
    )
    return Change(title, ChangeKind.SHARE, effect, limit, sentence)


def _at_least(effect: Effect) -> str:
    return f" (at least {effect.low:.0%})" if effect.low >= 0.005 else ""


def _title(column: Column) -> str:
    return f"{column.title} ({column.name})"


def _number_shifted(
    column: Number, reference: ColumnCounts, current: ColumnCounts, significance: float
) -> Iterator[Change]:
    """Yield the shift of a number's mean, where training patients differ in it at all."""
    before, now = np.asarray(reference.counts), np.asarray(current.counts)
    levels = column.low + (np.arange(CELLS) + 0.5) * (column.high - column.low) / CELLS
    spread = spread_of(before, levels)
    if not spread:
        return
    effect = shifted(before, now, levels / spread, significance)
    limit = LIMITS.drift_shift if column.matters is None else column.matters / spread
    means = [float(counts @ levels / counts.sum()) for counts in (before, now)]
    sure = f" (at least {effect.low * spread:.2g} {column.unit} apart)" if effect.low > 0 else ""
    sentence = (
        f"{_title(column)}: the mean is {means[1]:.3g} {column.unit}, against {means[0]:.3g} at "
        f"training{sure}"
    )
    yield Change(_title(column), ChangeKind.SHIFT, effect, limit, sentence)


def _constant(
    column: Column, reference: ColumnCounts, current: ColumnCounts, accepted: float
) -> Iterator[Change]:
    """Yield how unlikely a single value in all rows is, where there is only one and training had more."""
    before, now = (
        np.array([*reference.counts, reference.missing]),
        np.array([*current.counts, current.missing]),
    )
    if np.count_nonzero(now) > 1:
        return
    chance = max(chance_of_one_value(before, int(now.sum())), 1e-300)
    unlikely = float(np.log(chance) / np.log(accepted))
    what = "is missing" if now[-1] else "has one and the same value"
    sentence = (
        f"{_title(column)} {what} in all of {now.sum()} rows; of so many training patients that has a "
        f"chance of {chance:.1g}"
    )
    yield Change(
        _title(column), ChangeKind.CONSTANT, Effect(share_moved(before, now), unlikely, 0.0), 1.0, sentence
    )


def group_changes(
    use_case: UseCase, reference: Profile, current: Profile, significance: float, rng: Generator
) -> Iterator[Change]:
    """Yield per protected attribute how many patients are in other groups than at training."""
    for attribute in use_case.protected:
        of = [side.groups.get(attribute.name, {}) for side in (reference, current)]
        counts = [np.array([side.get(name, 0) for name in attribute.group_names]) for side in of]
        if min(side.sum() for side in counts) >= LIMITS.drift_rows:
            before, now = counts
            title = f"groups by {attribute.title}"
            yield classes_changed(title, "other groups", (before, now), LIMITS.drift_moved, significance, rng)


def pair_changes(
    use_case: UseCase, reference: Profile, current: Profile, significance: float
) -> Iterator[Change]:
    """Yield the changes of correlations of two inputs, and of what is missing together.

    Both come from the rows that profiles sample, and share the error between them.
    """
    before, now = reference.pairs, current.pairs
    features = paired_features(use_case)
    if before is None or now is None or {len(before.rows), len(now.rows)} != {len(features) + WAVES}:
        return
    pairs = [
        (one, other)
        for one, other in combinations(range(len(features)), 2)
        if features[one].column != features[other].column
    ]
    each = significance / 2 / len(pairs)
    tables = before.correlations(), now.correlations()
    for one, other in pairs:
        titles = f"{features[one].title} and {features[other].title}"
        rows = _informative(before, one, other), _informative(now, one, other)
        if min(rows) >= LIMITS.drift_rows:
            were, are = (float(table[one, other]) for table in tables)
            effect = correlation_changed(were, are, rows, each)
            sentence = (
                f"{titles} go together otherwise: correlation {are:.2f}, against {were:.2f} at training"
            )
            yield Change(titles, ChangeKind.CORRELATION, effect, LIMITS.drift_correlation, sentence)
        lacking = [_lacking_both(side, one, other) for side in (before, now)]
        if min(side[1] for side in lacking) >= LIMITS.drift_rows:
            rise, low = share_rise(*lacking[0], *lacking[1], 1 - 2 * each)
            sentence = f"{titles} are missing together in a further {rise:.0%} of the rows"
            effect = Effect(rise, low, rise - low)
            yield Change(titles, ChangeKind.SHARE, effect, LIMITS.quality_missing_rise, sentence)


def _informative(pairs: PairSums, one: int, other: int) -> float:
    return min(pairs.informative_rows(one), pairs.informative_rows(other), float(pairs.rows[one][other]))


def _lacking_both(pairs: PairSums, one: int, other: int) -> tuple[int, int]:
    """Return in how many of the sampled rows both inputs are missing; every row has its waves."""
    rows = pairs.rows[-1][-1]
    return rows - pairs.rows[one][one] - pairs.rows[other][other] + pairs.rows[one][other], rows
