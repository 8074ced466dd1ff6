"""The verdict on a scored batch before it goes out: its risks against those of the model's own evaluation.

A batch whose columns look right may still be flagged otherwise than any the model was evaluated on. Standard
library and numpy only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.core.limits import LIMITS
from clinrisk.core.scoring.batch_judgement import distance, proven
from clinrisk.core.scoring.batch_verdict import Doubt, judged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clinrisk.core.profiles.score_profile import GroupScores
    from clinrisk.core.scoring.batch_verdict import BatchJudgement


def judge_risks(evaluation: Mapping[str, Any], scores: GroupScores) -> BatchJudgement:
    """Return the verdict on a batch from the evaluation of the live model and the counts of its scores."""
    return judged(_doubts(evaluation, scores))


def _doubts(evaluation: Mapping[str, Any], scores: GroupScores) -> Iterator[Doubt]:
    rows = scores.n + scores.not_scored
    for count, what in (
        (scores.not_scored, "have no risk, since what a risk needs was not measured"),
        (scores.uncertain, "are in the band uncertain, unlike those that the model learned from"),
    ):
        share = count / max(rows, 1)
        if share >= LIMITS.door_unlike_caution:
            held = share >= LIMITS.door_unlike_held and rows >= LIMITS.door_rows
            yield Doubt(held, "", f"{count} of {rows} patients ({share:.0%}) {what}.", share)
    if not scores.n:
        return
    flagged, evaluated = _evaluated(evaluation)
    if not evaluated:
        yield Doubt(
            held=True,
            column="",
            sentence="The live model has no evaluation that states how many patients it flags: the risks "
            "were held against nothing.",
        )
        return
    before, now = flagged / evaluated, scores.flagged / scores.n
    shown = proven(float(distance(scores.flagged, scores.n, flagged, evaluated)), scores.n, evaluated)
    if shown > LIMITS.door_caution:
        sentence = (
            f"{scores.flagged} of {scores.n} patients ({now:.0%}) are flagged, against {before:.0%} in the "
            "evaluation of the model."
        )
        yield Doubt(shown > LIMITS.door_held, "", sentence, shown)
    cells = np.asarray(scores.score_counts)
    if scores.n >= LIMITS.door_rows and cells.max() > 0.9 * scores.n:
        sentence = f"{cells.max() / scores.n:.0%} of {scores.n} patients have nearly the same risk."
        yield Doubt(held=evaluated >= LIMITS.door_rows, column="", sentence=sentence, proven=np.pi)


def _evaluated(evaluation: Mapping[str, Any]) -> tuple[int, int]:
    """Return the flagged patients of the evaluation, and all: the sum over the groups of any attribute."""
    counts = [(0, 0)]
    for groups in (evaluation.get("groups") or {}).values():
        known = [group for group in groups.values() if isinstance(group, dict) and "flagged" in group]
        counts.append((sum(group["flagged"] for group in known), sum(group["n"] for group in known)))
    return max(counts, key=lambda pair: pair[1])
