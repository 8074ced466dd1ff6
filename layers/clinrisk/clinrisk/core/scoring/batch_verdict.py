"""The doubts about a batch, and the verdict that follows from them. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.messages.scoring import BatchVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Doubt:
    """One reason against a batch: a sentence with shares and counts, no value of a row."""

    held: bool
    column: str
    """Empty where it is about the batch."""
    sentence: str
    proven: float = 0.0
    """By how much; the most serious doubt of a column comes first."""


@dataclass(frozen=True)
class BatchJudgement:
    """The verdict on a batch, and the doubts behind it, those that hold it first."""

    verdict: BatchVerdict
    doubts: tuple[Doubt, ...]

    @property
    def cautions(self) -> tuple[str, ...]:
        """The sentences of the doubts."""
        return tuple(doubt.sentence for doubt in self.doubts)


def judged(doubts: Iterable[Doubt]) -> BatchJudgement:
    """Return the verdict that follows from some doubts.

    >>> judged([]).verdict, judged([Doubt(held=True, column="", sentence="")]).verdict
    (<BatchVerdict.FIT: 'FIT'>, <BatchVerdict.HELD: 'HELD'>)
    """
    found = tuple(sorted(doubts, key=lambda doubt: (not doubt.held, -doubt.proven)))
    if not found:
        return BatchJudgement(BatchVerdict.FIT, ())
    return BatchJudgement(BatchVerdict.HELD if found[0].held else BatchVerdict.CAUTION, found)
