"""Of which predictions the outcomes are known: whether they may stand for all of them.

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.core.limits import LIMITS
from clinrisk.core.monitoring.quality import share_rise

if TYPE_CHECKING:
    from clinrisk.core.profiles.score_profile import GroupScores


@dataclass(frozen=True)
class Coverage:
    """Predictions, and those with a known outcome, of flagged patients and of the others."""

    flagged: int
    flagged_known: int
    others: int
    others_known: int

    @classmethod
    def of(cls, predicted: tuple[int, int], known: GroupScores) -> Coverage:
        """Return the coverage of (predictions, flagged ones) by patients with a known outcome."""
        rows, flagged = predicted
        return cls(flagged, known.flagged, rows - flagged, known.n - known.flagged)

    @property
    def share(self) -> float:
        """The share of predictions with a known outcome."""
        return (self.flagged_known + self.others_known) / max(self.flagged + self.others, 1)

    @property
    def selective(self) -> bool:
        """Whether outcomes are known much more often of one kind of patients, flagged or not, and for sure.

        Then cases found, false alarms, areas and calibration of those that are known are not those of all
        (verification bias; Begg and Greenes, Biometrics 39, 1983).
        """
        if not self.flagged or not self.others:
            return False
        shares = self.flagged_known / self.flagged, self.others_known / self.others
        if min(shares) >= LIMITS.outcome_balance * max(shares):
            return False
        pairs = ((self.others_known, self.others), (self.flagged_known, self.flagged))
        rarer, commoner = sorted(pairs, key=lambda pair: pair[0] / pair[1])
        return share_rise(*rarer, *commoner, 0.99)[1] > 0

    def __str__(self) -> str:
        return (
            f"outcomes are known of {self.flagged_known} of {self.flagged} flagged patients and of "
            f"{self.others_known} of {self.others} others"
        )
