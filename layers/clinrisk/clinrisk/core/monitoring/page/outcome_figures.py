"""What known outcomes say of a model's predictions: by month, at the threshold, and by level of risk.

From labelled score profiles: counts, no patient. Standard library and numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from clinrisk.core.evaluation.estimates import Estimate, wilson
from clinrisk.core.monitoring.coverage import Coverage
from clinrisk.core.monitoring.performance import Measured
from clinrisk.core.profiles.score_profile import SCORE_CELLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clinrisk.core.monitoring.sequential import Sequential
    from clinrisk.core.profiles.score_profile import GroupScores, ScoreProfile

LEVELS = 10
"""Groups of rising risk in which calibration is shown."""


@dataclass(frozen=True)
class OutcomeFigures:
    """What is known of the predictions of one period."""

    title: str
    rows: int
    """Patients whose outcome is known."""
    cases: int
    expected: float
    share_known: float
    """The share of the predictions whose outcome is known."""
    area: Estimate | None = None
    ratio: Estimate | None = None
    """Observed cases per expected one."""
    recall: Estimate | None = None
    precision: Estimate | None = None
    selective: bool = False
    """Outcomes are known of some kinds of patients only: nothing is measured then."""


def figures_of(
    title: str, labelled: ScoreProfile | None, predicted: tuple[int, int], sequential: Sequential
) -> OutcomeFigures:
    """Return the figures of a period; `predicted` are its predictions, and the flagged ones.

    AUC and observed : expected have the intervals that hold at every look, as the check has them.

    A figure without enough patients is None, and all are where outcomes are known selectively.
    """
    known = None if labelled is None else labelled.everyone
    if known is None or known.outcomes is None or not known.n:
        return OutcomeFigures(title, 0, 0, 0.0, 0.0)
    outcomes, coverage = known.outcomes, Coverage.of(predicted, known)
    share = coverage.share if any(predicted) else 1.0
    counts = (known.n, outcomes.positives, known.expected_positives, share)
    if coverage.selective:
        return OutcomeFigures(title, *counts, selective=True)
    measured = Measured.of(known, outcomes, sequential)
    return OutcomeFigures(
        title,
        *counts,
        area=measured.area,
        ratio=measured.ratio,
        recall=wilson(outcomes.tp, outcomes.positives) if outcomes.positives else None,
        precision=wilson(outcomes.tp, known.flagged) if known.flagged else None,
    )


def calibration_points(known: GroupScores, levels: int = LEVELS) -> list[tuple[float, Estimate, int]]:
    """Return mean risk, observed share with its interval, and patients of up to `levels` levels of risk.

    Levels hold about equally many patients; those of one cell of the histogram stay together.
    """
    if known.outcomes is None or not known.n:
        return []
    counts = np.asarray(known.score_counts)
    cases = np.asarray(known.outcomes.score_counts_positive)
    cells = np.arange(SCORE_CELLS)
    risks = counts * (cells**2 + cells + 1 / 3) / SCORE_CELLS**2
    ends = np.searchsorted(np.cumsum(counts), np.arange(1, levels + 1) / levels * known.n) + 1
    found = []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        rows = int(counts[start:end].sum())
        if rows:
            observed = wilson(int(cases[start:end].sum()), rows)
            found.append((float(risks[start:end].sum() / rows), observed, rows))
    return found


def newest(periods: Sequence[OutcomeFigures], most: int) -> list[OutcomeFigures]:
    """Return the newest periods with known outcomes, oldest first."""
    return [one for one in periods if one.rows][-most:]
