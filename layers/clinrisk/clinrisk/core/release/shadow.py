"""The shadow: a candidate that scores beside the live model, and the documents that compare the two.

Counts are given always and add up over batches: whom both flag, only one of the two, or neither, each at its
own threshold. What follows from counts (agreement with Wilson's interval, Cohen's kappa, 1960) is
NOT_EVALUATED below MINIMUM_ROWS. Standard library only; `jobs.release.shadow_comparison` has the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.core.evaluation.estimates import NOT_EVALUATED, wilson
from clinrisk.core.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHADOW_ROWS = LIMITS.shadow_rows
"""Patients of recent batches that a candidate is compared on before anybody is asked to release it."""
MOST_BATCHES = LIMITS.shadow_batches
"""Recent batches that one comparison may read: a processing job takes ten inputs."""
MINIMUM_ROWS = LIMITS.shadow_agreement_rows
REPLAY = "replay"
"""The name of the comparison on recent batches; every later batch is compared under its upload id."""

COMPARED, NOTHING, FAILED = "COMPARED", "NOTHING", "FAILED"
COUNTS = ("both", "only_candidate", "only_champion", "neither")
NOT_SCORED = ("candidate", "champion", "either")
"""Who states no risk of a patient whom the server scored: one model alone, or both."""


def kappa(counts: Mapping[str, int]) -> float | None:
    """Return Cohen's kappa of the two models' flags; None where both always say the same thing.

    >>> kappa({"both": 20, "only_candidate": 5, "only_champion": 10, "neither": 15})
    0.4
    """
    both, only_candidate, only_champion, neither = (counts[name] for name in COUNTS)
    n = both + only_candidate + only_champion + neither
    candidate, champion = both + only_candidate, both + only_champion
    by_chance = candidate * champion + (n - candidate) * (n - champion)
    if by_chance == n * n:
        return None
    return round(((both + neither) * n - by_chance) / (n * n - by_chance), 12)


def agreement(counts: Mapping[str, int]) -> dict[str, Any]:
    """Return the counts and what follows from them: `n`, `agreement` with its interval, and `kappa`."""
    n = sum(counts[name] for name in COUNTS)
    found: dict[str, Any] = {"n": n} | {name: counts[name] for name in COUNTS}
    if n < MINIMUM_ROWS:
        return found | {"agreement": NOT_EVALUATED, "kappa": NOT_EVALUATED}
    chance_corrected = kappa(counts)
    return found | {
        "agreement": wilson(counts["both"] + counts["neither"], n).as_list(),
        "kappa": NOT_EVALUATED if chance_corrected is None else chance_corrected,
    }


def not_compared(use_case: str, run_id: str, batch: str, outcome: str, reason: str) -> dict[str, Any]:
    """Return the document that says why there is no comparison (`outcome` NOTHING or FAILED)."""
    facts = {"use_case": use_case, "run_id": run_id, "batch": batch, "champion_version": 0}
    return facts | {"outcome": outcome, "reason": reason}


def together(figures: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add the counts of several comparisons up and give what follows from them."""
    return agreement(added(figures, COUNTS))


def added(counts: Iterable[Mapping[str, Any]], names: Iterable[str]) -> dict[str, int]:
    """Add named counts up."""
    given = list(counts)
    return {name: sum(one[name] for one in given) for name in names}
