"""The profile of a chunk's accepted rows, counted from polars frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from clinrisk.core.profiles.feature_profile import levels, paired_features, profile_of_counts
from clinrisk.core.profiles.pair_sums import pair_sums_of, stride
from clinrisk.use_cases.base import GROUP_PREFIX

if TYPE_CHECKING:
    from clinrisk.core.profiles.feature_profile import Profile
    from clinrisk.use_cases.base import UseCase


def profile_of_frames(
    use_case: UseCase, inputs: pl.DataFrame, groups: pl.DataFrame, labels: pl.Series | None = None
) -> Profile:
    """Return the profile of rows, given their model inputs, their groups and, in training, their labels."""
    flags = {series.name: series for series in inputs if series.dtype == pl.Boolean()}
    ones = {name: int(series.sum()) for name, series in flags.items()}
    sample = inputs.gather_every(stride(inputs.height))
    return profile_of_counts(
        use_case,
        inputs.height,
        {series.name: series.to_numpy() for series in inputs if series.name not in flags},
        {name: (inputs.height - flags[name].null_count() - n, n) for name, n in ones.items()},
        {series.name.removeprefix(GROUP_PREFIX): _count(series) for series in groups},
        None if labels is None else {0: 0, 1: 0} | _count(labels),
        pair_sums_of(
            levels(
                use_case,
                {one.name: sample[one.name].cast(pl.Float64).to_numpy() for one in paired_features(use_case)},
            )
        ),
    )


def _count(series: pl.Series) -> dict[Any, int]:
    """Return the rows per value, values sorted; values that do not occur are left out."""
    names = series.dtype.categories.to_list() if isinstance(series.dtype, pl.Enum) else range(2)
    counts = np.bincount(series.to_physical().to_numpy(), minlength=len(names)).tolist()
    return dict(sorted((name, n) for name, n in zip(names, counts, strict=True) if n))
