"""Outcomes that arrive later, joined to their predictions as a labelled score profile; no row is returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from clinrisk.core.profiles.score_profile import score_profile_of
from clinrisk.use_cases.base import GROUP_PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.core.profiles.score_profile import ScoreProfile
    from clinrisk.use_cases.base import UseCase


def latest(outcomes: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return one label per record (record_id, label): that of the last upload, and of its last row there.

    >>> old, new = ({"record_id": ["a"], "label": [label]} for label in (0, 1))
    >>> latest([pl.DataFrame(old), pl.DataFrame(new)]).rows()
    [('a', 1)]
    """
    every = pl.concat([frame.select("record_id", pl.col("label").cast(pl.Int64)) for frame in outcomes])
    return every.unique("record_id", keep="last", maintain_order=True)


def join(use_case: UseCase, predictions: pl.DataFrame, labels: pl.DataFrame) -> ScoreProfile | None:
    """Return the score profile of the predictions whose outcome is known, or None when there is none.

    `predictions` has record_id, risk, flagged and a `group_<attribute>` column per protected attribute.
    """
    known = predictions.join(labels, on="record_id", maintain_order="left")
    if known.is_empty():
        return None
    return score_profile_of(
        use_case,
        known["risk"].to_numpy(),
        known["flagged"].cast(pl.Boolean).to_numpy(),
        {attribute.name: known[GROUP_PREFIX + attribute.name].to_numpy() for attribute in use_case.protected},
        known["label"].to_numpy(),
    )
