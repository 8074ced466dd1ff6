"""The candidate in shadow and the live model on the same patients: counts, agreement, changes of the risk.

To the counts of `clinrisk.core.release.shadow` this adds the rank correlation and the mean change of the
risk with its paired interval, for everybody and by protected group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr

from clinrisk.core.evaluation.estimates import NOT_EVALUATED
from clinrisk.core.release import shadow
from clinrisk.jobs.evaluation.intervals import mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.use_cases.base import UseCase


@dataclass(frozen=True)
class FlaggedRisks:
    """One model's risks, and whom it flags at its own threshold, in the order of the patients."""

    risks: Floats
    flagged: NDArray[np.bool_]


def rank_correlation(first: Floats, second: Floats) -> float | None:
    """Return Spearman's rank correlation (1904); None where one side never differs.

    >>> round(rank_correlation(np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.7, 0.9])), 12)
    1.0
    """
    if min(len(np.unique(first)), len(np.unique(second))) < 2:
        return None
    return float(spearmanr(first, second).statistic)


def compare(champion: FlaggedRisks, candidate: FlaggedRisks) -> dict[str, Any]:
    """Return counts, agreement, kappa, rank correlation, and the mean of candidate minus champion."""
    cells = 2 * (~candidate.flagged).astype(np.int64) + (candidate.flagged != champion.flagged)
    # 0 both flag, 1 only the candidate, 2 neither, 3 only the champion.
    both, only_candidate, neither, only_champion = np.bincount(cells, minlength=4).tolist()
    counts = dict(zip(shadow.COUNTS, (both, only_candidate, only_champion, neither), strict=True))
    found = shadow.agreement(counts)
    if found["n"] < shadow.MINIMUM_ROWS:
        return found | {"rank_correlation": NOT_EVALUATED, "shift": NOT_EVALUATED}
    ranks = rank_correlation(champion.risks, candidate.risks)
    return found | {
        "rank_correlation": NOT_EVALUATED if ranks is None else ranks,
        "shift": mean(candidate.risks - champion.risks).as_list(),
    }


def comparison(
    use_case: UseCase,
    champion: FlaggedRisks,
    candidate: FlaggedRisks,
    groups: Mapping[str, NDArray[np.str_]],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the comparison document: `facts`, everybody's figures, and the same by protected group."""
    by_group: dict[str, dict[str, Any]] = {}
    for attribute in use_case.protected:
        member = groups[attribute.name]
        rows = {name: member == name for name in attribute.group_names}
        by_group[attribute.name] = {
            name: compare(
                FlaggedRisks(champion.risks[own], champion.flagged[own]),
                FlaggedRisks(candidate.risks[own], candidate.flagged[own]),
            )
            for name, own in rows.items()
            if own.any()
        }
    everyone = compare(champion, candidate)
    return {**facts, "outcome": shadow.COMPARED, "reason": "", "everyone": everyone, "groups": by_group}
