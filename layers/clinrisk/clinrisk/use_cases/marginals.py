"""The distribution of synthetic patients, from which `cli.local_files.synthetic_cohort` draws.

A cohort is drawn in two steps: first each column is drawn from its marginal (given age where it depends on
age), then the outcome is drawn from a logistic score over standardised terms whose intercept is solved for
the stated prevalence. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Spread:
    """A number's marginal: quantiles at equal steps from 0 to 1, and how it moves with age."""

    quantiles: tuple[float, ...]
    decimals: int = 0
    fine_below: float = 0.0
    """Below this, two decimals are written (the ages of infants)."""
    age_correlation: float = 0.0
    missing: float = 0.0
    """The share of patients for whom it was not measured."""
    missing_weight: float = 0.0
    """Added to the log odds of the outcome where it was not measured."""
    risk: float = 0.0
    """Log odds per standard deviation."""


@dataclass(frozen=True)
class Mix:
    """A code's marginal: the share of each code, per age group where it moves with age."""

    shares: tuple[tuple[float, Mapping[str, float]], ...]
    """Pairs of (up to this age, shares of the codes), in rising age."""
    risk: Mapping[str, float] = field(default_factory=dict)
    """Log odds of the outcome per code, relative to the codes left out."""
    missing: float = 0.0


@dataclass(frozen=True)
class Shift:
    """Another population: what changes in it."""

    title: str
    quantiles: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    missing: Mapping[str, float] = field(default_factory=dict)
    unforeseen: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Log odds of the outcome in a group (protected attribute, group) that no risk knows of."""


@dataclass(frozen=True)
class Marginals:
    """A population: each column's marginal, the outcome's prevalence, and named other populations."""

    prevalence: float
    spreads: Mapping[str, Spread]
    mixes: Mapping[str, Mix]
    labels: Mapping[int, Mapping[str, float]]
    """For each class, the shares of the label values as written."""
    missing_marker: str
    shifts: Mapping[str, Shift] = field(default_factory=dict)
    source: str = ""
