"""What drift watches of the risks: distribution and mean, and the shares flagged, uncertain, not scored.

The approved evaluation scored patients out of fold; a batch is held against those. Numpy only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.changes import Change, ChangeKind, moved, shifted, spread_of
from clinrisk.core.profiles.score_profile import SCORE_CELLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from clinrisk.core.profiles.score_profile import GroupScores, ScoreProfile
    from clinrisk.use_cases.base import UseCase

BINS = 5


def risk_changes(
    use_case: UseCase,
    evaluation: Mapping[str, Any],
    scores: ScoreProfile,
    significance: float,
    rng: Generator,
) -> Iterator[Change]:
    """Yield the changes of risks and shares, as far as the evaluation has their counts."""
    everyone = scores.everyone
    for what, before, now in _shares(use_case, evaluation, scores):
        if min(before[1], now[1]) >= LIMITS.drift_rows:
            yield _share_changed(what, before, now, significance, rng)
    risks = (evaluation.get("curves") or {}).get("risks")
    if risks and everyone.n >= LIMITS.drift_rows:
        yield from _risks_changed(risks, everyone, significance, rng)


def flagged_at_approval(evaluation: Mapping[str, Any]) -> tuple[int, int]:
    """Return the flagged patients of the evaluation, and all: the sum over the groups of an attribute."""
    counts = [(0, 0)]
    for groups in (evaluation.get("groups") or {}).values():
        known = [group for group in groups.values() if "flagged" in group]
        counts.append((sum(group["flagged"] for group in known), sum(group["n"] for group in known)))
    return max(counts, key=lambda pair: pair[1])


def _shares(
    use_case: UseCase, evaluation: Mapping[str, Any], scores: ScoreProfile
) -> Iterator[tuple[str, tuple[int, int], tuple[int, int]]]:
    """Yield each watched share: what it is of, hits and patients in the evaluation, and in the batch."""
    everyone = scores.everyone
    yield "patients flagged", flagged_at_approval(evaluation), (everyone.flagged, everyone.n)
    doubts = (evaluation.get("cross_checks") or {}).get("doubts")
    if doubts:
        rows = everyone.n + everyone.not_scored
        for name, now in (("uncertain", everyone.uncertain), ("not_scored", everyone.not_scored)):
            yield f"patients {name.replace('_', ' ')}", (doubts[name], doubts["rows"]), (now, rows)
    for attribute in use_case.protected:
        groups = (evaluation.get("groups") or {}).get(attribute.name, {})
        for name, group in scores.attributes.get(attribute.name, {}).items():
            if name in groups:
                what = f"{attribute.title}, {attribute.group_titles.get(name, name)}, flagged"
                yield what, (groups[name]["flagged"], groups[name]["n"]), (group.flagged, group.n)


def _share_changed(
    what: str, before: tuple[int, int], now: tuple[int, int], significance: float, rng: Generator
) -> Change:
    counts = [np.array([hits, rows - hits]) for hits, rows in (before, now)]
    effect = moved(counts[0], counts[1], significance, rng)
    sure = f" (at least {effect.low:.0%} apart)" if effect.low >= 0.005 else ""
    sentence = (
        f"{what}: {now[0] / now[1]:.0%} of {now[1]}, against {before[0] / before[1]:.0%} of {before[1]} "
        f"in the evaluation{sure}"
    )
    return Change(what, ChangeKind.SHARE, effect, LIMITS.drift_moved, sentence)


def _risks_changed(
    risks: Mapping[str, Any], scores: GroupScores, significance: float, rng: Generator
) -> Iterator[Change]:
    """Yield how many patients are in other fifths of risk, and how far the mean risk moved.

    The evaluation has twenty equal bins, of which the last has no upper end: it counts at its low end plus
    half a bin on both sides. A cell of the batch that lies in two bins is divided between them by width.
    """
    edges = np.asarray(risks["edges"])
    before = np.asarray(risks["with_condition"]) + np.asarray(risks["without_condition"])
    now = in_bins(scores, edges)
    if min(before.sum(), now.sum()) < LIMITS.drift_rows:
        return
    up_to = np.cumsum(before)
    ends = np.searchsorted(up_to, np.arange(1, BINS) / BINS * up_to[-1]) + 1
    starts = [0, *np.unique(ends[ends < len(before)]).tolist()]
    effect = moved(np.add.reduceat(before, starts), np.add.reduceat(now, starts), significance, rng)
    sentence = f"risks: {effect.size:.0%} of the patients are in other fifths of risk than in the evaluation"
    yield Change("risks", ChangeKind.SHARE, effect, LIMITS.drift_moved, sentence)
    levels = (edges[:-1] + edges[1:]) / 2
    spread = spread_of(before, levels)
    if spread:
        shift = shifted(before, now, levels / spread, significance)
        means = [float(counts @ levels / counts.sum()) for counts in (before, now)]
        sentence = f"risks: their mean is {means[1]:.3f}, against {means[0]:.3f} in the evaluation"
        yield Change("risks", ChangeKind.SHIFT, shift, LIMITS.drift_shift, sentence)


def in_bins(scores: GroupScores, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many patients have a risk in each bin, the last one with all beyond its low end.

    The sum of the bins is that of the patients: what is divided is rounded at the edges.
    """
    cells = (np.arange(SCORE_CELLS + 1) / SCORE_CELLS) ** 2
    up_to = np.concatenate([[0], np.cumsum(scores.score_counts)])
    below = np.round(np.interp(edges, cells, up_to)).astype(np.int64)
    below[0], below[-1] = 0, math.floor(up_to[-1])
    found: NDArray[np.int64] = np.diff(below)
    return found
