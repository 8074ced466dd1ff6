"""The trials of a random search: the same ranges and seed make the same ones in the same order."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")


def draws(ranges: dict[str, Any], seed: int) -> Iterator[dict[str, str]]:
    """Yield one trial's hyperparameters after the other, as text; AWS draws others from the same seed.

    >>> ranges = {"IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "2", "MaxValue": "4"}]}
    >>> trials = draws(ranges, 7)
    >>> [next(trials)["max_depth"] for _ in range(5)]
    ['2', '2', '3', '2', '3']
    """
    rng = random.Random(seed)  # noqa: S311 - a search, not a secret
    while True:
        trial = {
            given["Name"]: str(_integer(given, rng.random()))
            for given in ranges.get("IntegerParameterRanges", [])
        }
        for given in ranges.get("ContinuousParameterRanges", []):
            low, high = float(given["MinValue"]), float(given["MaxValue"])
            trial[given["Name"]] = repr(_scaled(low, high, rng.random(), given.get("ScalingType", "Auto")))
        for given in ranges.get("CategoricalParameterRanges", []):
            trial[given["Name"]] = rng.choice(given["Values"])
        yield trial


def combinations(ranges: dict[str, Any]) -> float:
    """Count the different trials that the ranges allow; infinite when one of them is continuous.

    >>> combinations({"CategoricalParameterRanges": [{"Name": "a", "Values": ["x", "y"]}]})
    2.0
    """
    if ranges.get("ContinuousParameterRanges"):
        return math.inf
    counts = [
        int(given["MaxValue"]) - int(given["MinValue"]) + 1
        for given in ranges.get("IntegerParameterRanges", [])
    ]
    chosen = [len(given["Values"]) for given in ranges.get("CategoricalParameterRanges", [])]
    return float(math.prod([*counts, *chosen]))


def _integer(given: dict[str, str], share: float) -> int:
    low, high = int(given["MinValue"]), int(given["MaxValue"])
    return min(high, math.floor(_scaled(low, high + 1, share, given.get("ScalingType", "Auto"))))


def _scaled(low: float, high: float, share: float, scaling: str) -> float:
    """Return the point at a share of the way; Auto, where AWS chooses, is linear here."""
    if scaling == "Logarithmic":
        return float(low * (high / low) ** share)
    if scaling == "ReverseLogarithmic":
        return float(1 - (1 - low) * ((1 - high) / (1 - low)) ** share)
    return low + share * (high - low)
