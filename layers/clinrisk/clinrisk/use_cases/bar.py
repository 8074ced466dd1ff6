"""The promotion bar of a use case, read from bars/<use case>.toml.

The file gives the reason of each limit, so that a clinician can check it and a diff shows what moved. A test
compares its digest with the pages in docs/decisions: it cannot change without a recorded decision.
Standard library only.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class PromotionBar:
    """What a candidate must reach before an approver is asked; only a recorded decision changes it."""

    lowest_auc: float
    highest_auc: float
    """A higher value, on these data, means that the label leaked into the features."""
    margin_to_baseline: float
    """Non-inferiority: the paired interval of candidate minus logistic baseline stays above minus this."""
    margin_to_floor: float
    margin_to_champion: float
    highest_brier: float
    calibration_slope: tuple[float, float]
    """The entire interval has to lie within; so for observed : expected."""
    observed_to_expected: tuple[float, float]
    minimum_events: int
    minimum_rows: int
    brier_margin_to_champion: float = 0.01
    """The paired interval of the Brier score, candidate minus live model, stays below this."""
    lowest_group_auc: float = 0.5
    """No group with enough patients may have its whole interval below this."""
    expected_cases_factor: float = 1.15
    """The sum of risks stays within this factor of the baseline's and of each released model's, by group too,
    unless the outcomes show that the released model is wrong."""
    group_observed_to_expected: tuple[float, float] = (0.5, 2.0)
    group_calibration_slope: tuple[float, float] = (0.5, 2.0)
    group_margin_auc: float = 0.1
    """No group is ranked worse than under a released model by more than this; so for cases found."""
    group_margin_recall: float = 0.1
    holdout_uses: int = 20
    """How many candidates may be judged on the same hold-out patients."""


def bar_text(name: str) -> str:
    """Return the text of a use case's bar file."""
    return files("clinrisk.use_cases").joinpath(f"bars/{name}.toml").read_text(encoding="utf-8")


def read_bar(name: str) -> PromotionBar:
    """Return a use case's bar; raises TypeError unless the file states every limit once and no other.

    >>> read_bar("heart").margin_to_floor
    0.0
    """
    found = tomllib.loads(bar_text(name))
    absent = {limit.name for limit in fields(PromotionBar)} - found.keys()
    if absent:
        message = f"The promotion bar {name}.toml does not state {', '.join(sorted(absent))}."
        raise TypeError(message)
    limits: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    return PromotionBar(**limits)
