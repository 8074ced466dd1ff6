"""Profiles of rows: the counts of a batch that its checks need, so that they cost the same at any size.

A profile counts, per column, how many values fell into each cell of a grid that the use case fixes
(100 equal cells over a number's accepted range, one cell per code), how many were missing, and how many rows
each protected group and each label has. Profiles add up: the profile of two chunks is the sum of theirs.
Standard library and numpy only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.profiles.pair_sums import PairSums, add_pair_sums, pair_sums_of, stride
from clinrisk.errors import FeatureMismatch
from clinrisk.use_cases.columns import Number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from clinrisk.use_cases.base import UseCase
    from clinrisk.use_cases.columns import Feature

CELLS = 100
"""Equal cells over a number's accepted range: fine enough to cut quintiles, small enough for a few KB."""


@dataclass(frozen=True)
class ColumnCounts:
    """How often each cell of one column was hit, and how often the column was missing."""

    missing: int
    counts: tuple[int, ...]

    @property
    def present(self) -> int:
        """The number of rows that have a value."""
        return sum(self.counts)

    @property
    def missing_share(self) -> float:
        """The share of rows without a value; 0 when there are no rows."""
        return self.missing / max(self.missing + self.present, 1)


@dataclass(frozen=True)
class Profile:
    """The counts of one batch, or of many added up."""

    use_case: str
    schema_version: int
    rows: int
    columns: Mapping[str, ColumnCounts]
    groups: Mapping[str, Mapping[str, int]]
    """Per protected attribute, the rows of each group."""
    label: Mapping[int, int] | None = None
    """Rows per class, where the batch is labelled."""
    pairs: PairSums | None = None
    """How the inputs go together; None in small batches."""

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as plain JSON values, a few KB."""
        return {
            "use_case": self.use_case,
            "schema_version": self.schema_version,
            "rows": self.rows,
            "features": {
                name: {"missing": column.missing, "counts": list(column.counts)}
                for name, column in self.columns.items()
            },
            "groups": {attribute: dict(groups) for attribute, groups in self.groups.items()},
            "label": None if self.label is None else {str(k): n for k, n in self.label.items()},
            "pairs": None if self.pairs is None else self.pairs.to_dict(),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Profile:
        """Return the profile that `to_dict` wrote; raises KeyError when a part is absent."""
        label, pairs = document["label"], document.get("pairs")
        return cls(
            use_case=document["use_case"],
            schema_version=document["schema_version"],
            rows=document["rows"],
            columns={
                name: ColumnCounts(column["missing"], tuple(column["counts"]))
                for name, column in document["features"].items()
            },
            groups=document["groups"],
            label=None if label is None else {int(k): n for k, n in label.items()},
            pairs=None if pairs is None else PairSums.from_dict(pairs),
        )


def profile_of(
    use_case: UseCase,
    features: Mapping[str, ArrayLike],
    groups: Mapping[str, Mapping[str, int]],
    label: Mapping[int, int] | None = None,
) -> Profile:
    """Return the profile of a batch given its model features, one array per feature name, missing as NaN.

    The caller counts rows per group and class (`count_values` does it for arrays).
    """
    arrays = {name: np.asarray(values) for name, values in features.items()}
    flags = {
        feature.name: _zeros_and_ones(arrays[feature.name])
        for feature in use_case.features
        if feature.kind == "flag"
    }
    rows = len(next(iter(arrays.values())))
    step = stride(rows)
    pairs = pair_sums_of(levels(use_case, {name: values[::step] for name, values in arrays.items()}))
    return profile_of_counts(use_case, rows, arrays, flags, groups, label, pairs)


def paired_features(use_case: UseCase) -> tuple[Feature, ...]:
    """Return the model inputs of which pairs are added up, in order: all but those for being missing."""
    return tuple(feature for feature in use_case.features if feature.kind != "missing")


def levels(use_case: UseCase, inputs: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
    """Return one row of levels per paired input: the cell of a number, a flag as it is, NaN where missing."""
    rows = []
    for feature in paired_features(use_case):
        values = np.asarray(inputs[feature.name], dtype=np.float64)
        column = use_case.column(feature.column)
        rows.append(np.floor(_grid(column, values)) if isinstance(column, Number) else values)
    return np.stack(rows)


def profile_of_counts(  # noqa: PLR0917  # what a profile is made of
    use_case: UseCase,
    rows: int,
    numbers: Mapping[str, NDArray[Any]],
    flags: Mapping[str, tuple[int, int]],
    groups: Mapping[str, Mapping[str, int]],
    label: Mapping[int, int] | None = None,
    pairs: PairSums | None = None,
) -> Profile:
    """Return the profile of a batch whose flags are counted: per flag, how often it is 0 and how often 1.

    A column of codes counts as missing where none of its flags is 1.
    """
    by_column: dict[str, list[Feature]] = {}
    for feature in use_case.features:
        if feature.kind != "missing":
            by_column.setdefault(feature.column, []).append(feature)
    columns: dict[str, ColumnCounts] = {}
    for name, parts in by_column.items():
        column = use_case.column(name)
        if isinstance(column, Number):
            counts = _cells(column, numbers[parts[0].name])
        elif len(parts) == 1:
            counts = flags[parts[0].name]
        else:
            counts = tuple(flags[part.name][1] for part in parts)
        columns[name] = ColumnCounts(rows - sum(counts), counts)
    return Profile(use_case.name, use_case.schema_version, rows, columns, groups, label, pairs)


def _zeros_and_ones(flags: NDArray[Any]) -> tuple[int, int]:
    return int(np.count_nonzero(flags == 0)), int(np.count_nonzero(flags == 1))


def _cells(column: Number, values: NDArray[Any]) -> tuple[int, ...]:
    """Return how many numbers are in each cell of the column's grid, without missing ones."""
    values = values.astype(np.float64, copy=False)
    missing = np.isnan(values)
    present = values[~missing] if missing.any() else values
    cells = _grid(column, present).astype(np.int64)
    return tuple(np.bincount(cells, minlength=CELLS).tolist())


def _grid(column: Number, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where each number lies on the column's grid, in cells from its low end."""
    return np.clip((values - column.low) * (CELLS / (column.high - column.low)), 0, CELLS - 1)


def count_values(values: Iterable[Any]) -> dict[Any, int]:
    """Return the rows per distinct value, in sorted order.

    >>> count_values(["male", "female", "male"])
    {'female': 1, 'male': 2}
    """
    return dict(sorted(Counter(values).items()))


def merge(profiles: Sequence[Profile]) -> Profile:
    """Return the sum of profiles, the same in any order; raises FeatureMismatch for different use cases.

    At least one profile is needed. Labels are kept only when every part is labelled.
    """
    first = profiles[0]
    if any((p.use_case, p.schema_version) != (first.use_case, first.schema_version) for p in profiles):
        raise FeatureMismatch("Profiles of different use cases or schema versions cannot be added up.")
    columns = {
        name: ColumnCounts(
            sum(profile.columns[name].missing for profile in profiles),
            tuple(map(sum, zip(*(profile.columns[name].counts for profile in profiles), strict=True))),
        )
        for name in first.columns
    }
    attributes = sorted({attribute for profile in profiles for attribute in profile.groups})
    return Profile(
        first.use_case,
        first.schema_version,
        sum(profile.rows for profile in profiles),
        columns,
        {name: _add([profile.groups.get(name, {}) for profile in profiles]) for name in attributes},
        None
        if any(profile.label is None for profile in profiles)
        else _add([profile.label or {} for profile in profiles]),
        add_pair_sums([profile.pairs for profile in profiles]),
    )


def _add(counts: Iterable[Mapping[Any, int]]) -> dict[Any, int]:
    """Return the sum of counts per key, keys sorted."""
    total: Counter[Any] = Counter()
    for part in counts:
        total.update(part)
    return dict(sorted(total.items()))
