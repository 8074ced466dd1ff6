"""Values to model inputs and groups: one frame whose columns are what every later step agrees on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from clinrisk.use_cases.base import GROUP_PREFIX, UNKNOWN_GROUP, Code, feature_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.use_cases.base import ProtectedAttribute, UseCase


def features_frame(use_case: UseCase, values: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Return one column per model input, in order: Float64 numbers and Int8 flags, null where missing."""
    inputs: list[pl.Series] = []
    for feature in use_case.features:
        column = use_case.column(feature.column)
        source = values[feature.column]
        if feature.kind == "missing":
            made = source.is_null().cast(pl.Int8)
        elif isinstance(column, Code):
            made = (source == list(column.values).index(feature.code or "")).cast(pl.Int8)
        else:
            made = source
        inputs.append(made.alias(feature.name))
    return pl.DataFrame(inputs)


def groups_frame(use_case: UseCase, values: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Return one text column per protected attribute, named `group_<attribute>`."""
    return pl.DataFrame([_groups(use_case, attribute, values) for attribute in use_case.protected])


def _groups(use_case: UseCase, attribute: ProtectedAttribute, values: Mapping[str, pl.Series]) -> pl.Series:
    """Name each row's group."""
    column = use_case.column(attribute.column)
    source = values[attribute.column].alias("source")
    chosen = pl.lit(UNKNOWN_GROUP)
    for group in reversed(attribute.groups):
        if isinstance(column, Code):
            codes = [list(column.values).index(code) for code in group.codes]
            test = pl.col("source").is_in(codes)
        else:
            low = float("-inf") if group.low is None else group.low
            high = float("inf") if group.high is None else group.high
            test = pl.col("source").is_between(low, high, closed="left")
        chosen = pl.when(test).then(pl.lit(group.name)).otherwise(chosen)
    return (
        pl.DataFrame([source]).select(chosen.alias(GROUP_PREFIX + feature_name(attribute.name))).to_series()
    )


def canonical_rows(use_case: UseCase, values: Mapping[str, pl.Series]) -> pl.Series:
    """Return each row as one text of its parsed values: equal for equal patients, however written."""
    frame = pl.DataFrame([values[column.name].cast(pl.String) for column in use_case.columns])
    return frame.select(pl.concat_str(pl.all().fill_null(""), separator="|")).to_series()
