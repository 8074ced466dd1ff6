"""The columns of an accepted row: the model's inputs, the groups of protected attributes, the row's text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from clinrisk.core.profiles.score_profile import score_profile_of
from clinrisk.use_cases.base import GROUP_PREFIX
from clinrisk.use_cases.columns import Code, feature_name
from clinrisk.use_cases.external_model import RISK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.use_cases.base import ProtectedAttribute, UseCase
    from clinrisk.use_cases.columns import Column


def features_frame(use_case: UseCase, values: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Return one column per model input, in order: Float64 numbers and Boolean flags, null where missing."""
    inputs: list[pl.Series] = []
    for feature in use_case.features:
        column = use_case.column(feature.column)
        source = values[feature.column]
        if feature.kind == "missing":
            made = source.is_null()
        elif isinstance(column, Code):
            made = source == list(column.values).index(feature.code or "")
        else:
            made = source
        inputs.append(made.alias(feature.name))
    return pl.DataFrame(inputs)


def predictions_frame(
    use_case: UseCase,
    values: Mapping[str, pl.Series],
    groups: pl.DataFrame,
    made: Sequence[pl.Series],
) -> tuple[pl.DataFrame, ScoreProfile | None]:
    """Return risk, flagged and what is known of how predictions were `made`, and their score profile.

    Both are empty where the model is ours: then nobody sends predictions.
    """
    if use_case.external is None:
        return pl.DataFrame(), None
    risk = values[RISK.name]
    flagged = (risk >= use_case.external.threshold).fill_null(value=False)
    scores = score_profile_of(
        use_case,
        risk.fill_null(float("nan")).to_numpy(),
        flagged.to_numpy(),
        {one.name: groups[GROUP_PREFIX + one.name].cast(pl.String).to_numpy() for one in use_case.protected},
    )
    return pl.DataFrame([risk.alias("risk"), flagged.alias("flagged"), *made]), scores


def groups_frame(use_case: UseCase, values: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Return one column per protected attribute, named `group_<attribute>`: its group's name, as an Enum."""
    return pl.DataFrame([_groups(use_case, attribute, values) for attribute in use_case.protected])


def _groups(use_case: UseCase, attribute: ProtectedAttribute, values: Mapping[str, pl.Series]) -> pl.Series:
    """Return each row's group as an Enum of the group names."""
    column = use_case.column(attribute.column)
    source = values[attribute.column]
    unknown = len(attribute.groups)
    if isinstance(column, Code):
        codes = list(column.values)
        # One entry per code, and the last for a missing one.
        table = np.full(len(codes) + 1, unknown, np.uint8)
        for position, group in reversed(list(enumerate(attribute.groups))):
            table[[codes.index(code) for code in group.codes]] = position
        chosen = table.take(source.fill_null(len(codes)).to_numpy())
    else:
        chosen = np.full(len(source), unknown, np.uint8)
        for position, group in reversed(list(enumerate(attribute.groups))):
            low = -np.inf if group.low is None else group.low
            high = np.inf if group.high is None else group.high
            inside = ((source >= low) & (source < high)).fill_null(value=False)
            np.putmask(chosen, inside.to_numpy(), np.uint8(position))
    names = pl.Enum(attribute.group_names)
    return pl.Series(GROUP_PREFIX + feature_name(attribute.name), chosen).cat.to(names)


def canonical_rows(use_case: UseCase, values: Mapping[str, pl.Series]) -> pl.Series:
    """Return each row as one text of its parsed values: equal for equal patients, however written."""
    frame = pl.DataFrame([_texts(column, values[column.name]) for column in use_case.columns])
    return frame.select(pl.concat_str(pl.all().fill_null(""), separator="|").alias("row")).to_series()


def _texts(column: Column, values: pl.Series) -> pl.Series:
    """Return values as texts; those of codes are looked up, which takes a quarter of the time."""
    if isinstance(column, Code):
        positions = pl.Series(column.name, [str(position) for position in range(len(column.values))])
        return positions.gather(values)
    return values.cast(pl.String)
