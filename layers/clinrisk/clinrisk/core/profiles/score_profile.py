"""Score profiles: the counts of a scored batch per protected group, without its rows.

Per group: scored rows, flagged and uncertain ones, those without a risk, and a histogram of the risks; where
outcomes are known also positives, true and false positives and the positives' histogram. The histogram has
100 equal cells over the square root of the risk, which spends its precision on low risks, where most
thresholds lie. Patients whom the model learned from are counted a second time apart, so that they can be
taken out: their risks are closer to the truth than those of others. Score profiles add up.
Standard library and numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from clinrisk.use_cases.base import UseCase

SCORE_CELLS = 100
_LEARNED = "learned"
EVERYONE = "all"
"""The attribute, and its only group, that holds every patient of the batch."""


@dataclass(frozen=True)
class Outcomes:
    """The counts of one group that need labels."""

    positives: int
    tp: int
    fp: int
    score_counts_positive: tuple[int, ...]


@dataclass(frozen=True)
class GroupScores:
    """One group's counts; `outcomes` is None while no labels are known."""

    n: int
    """Patients with a risk."""
    flagged: int
    score_counts: tuple[int, ...]
    outcomes: Outcomes | None = None
    uncertain: int = 0
    """Of the `n`, those whose band is uncertain."""
    not_scored: int = 0
    """Further patients, for whom no risk is stated."""

    @property
    def expected_positives(self) -> float:
        """The sum of the predicted risks, taking each cell's mean risk (off by less than 1% of the sum)."""
        cells = np.arange(SCORE_CELLS)
        mean_risk = (cells**2 + cells + 1 / 3) / SCORE_CELLS**2
        return float(np.dot(self.score_counts, mean_risk))

    def without(self, part: GroupScores | None) -> GroupScores:
        """Return the counts without those of some of these patients, and without outcomes."""
        if part is None:
            return self
        return GroupScores(
            self.n - part.n,
            self.flagged - part.flagged,
            tuple(every - some for every, some in zip(self.score_counts, part.score_counts, strict=True)),
            uncertain=self.uncertain - part.uncertain,
            not_scored=self.not_scored - part.not_scored,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as one flat JSON object."""
        flat: dict[str, Any] = {
            "n": self.n,
            "flagged": self.flagged,
            "uncertain": self.uncertain,
            "not_scored": self.not_scored,
            "score_counts": list(self.score_counts),
        }
        if self.outcomes is not None:
            flat["positives"] = self.outcomes.positives
            flat["tp"] = self.outcomes.tp
            flat["fp"] = self.outcomes.fp
            flat["score_counts_positive"] = list(self.outcomes.score_counts_positive)
        return flat

    @classmethod
    def from_dict(cls, flat: Mapping[str, Any]) -> GroupScores:
        """Return the counts that `to_dict` wrote; older ones know of no doubts."""
        outcomes = None
        if "positives" in flat:
            positive_scores = tuple(flat["score_counts_positive"])
            outcomes = Outcomes(flat["positives"], flat["tp"], flat["fp"], positive_scores)
        doubtful = {name: flat.get(name, 0) for name in ("uncertain", "not_scored")}
        return cls(flat["n"], flat["flagged"], tuple(flat["score_counts"]), outcomes, **doubtful)


@dataclass(frozen=True)
class ScoreProfile:
    """The counts of one scored batch, or of many added up: attribute -> group -> counts."""

    attributes: Mapping[str, Mapping[str, GroupScores]]
    learned: Mapping[str, Mapping[str, GroupScores]] = field(default_factory=dict)
    """Of these, the patients whom the model learned from; empty where there are none."""
    left_out: int = 0
    """Patients who are not in these counts, since the model learned from them."""

    def without_learned(self) -> ScoreProfile:
        """Return the counts of the patients whom the model did not learn from, and how many are left out."""
        if not self.learned:
            return self
        left: dict[str, dict[str, GroupScores]] = {}
        for attribute, groups in self.attributes.items():
            learned = self.learned.get(attribute, {})
            unseen = {name: scores.without(learned.get(name)) for name, scores in groups.items()}
            left[attribute] = {
                name: scores
                for name, scores in unseen.items()
                if attribute == EVERYONE or scores.n or scores.not_scored
            }
        out = self.learned[EVERYONE][EVERYONE]
        return ScoreProfile(left, left_out=self.left_out + out.n + out.not_scored)

    @property
    def notes(self) -> list[str]:
        """The sentence on who is left out; none where nobody is."""
        if not self.left_out:
            return []
        return [f"{self.left_out} patients whom the model learned from are not in the figures of risks."]

    @property
    def everyone(self) -> GroupScores:
        """The counts of all patients of the batch."""
        return self.attributes[EVERYONE][EVERYONE]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, attribute -> group -> counts, with those of learned patients."""
        document: dict[str, Any] = _plain(self.attributes)
        return document | {_LEARNED: _plain(self.learned)} if self.learned else document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ScoreProfile:
        """Return the score profile that `to_dict` wrote."""
        counts = {name: _read(groups) for name, groups in document.items() if name != _LEARNED}
        return cls(counts, {name: _read(groups) for name, groups in document.get(_LEARNED, {}).items()})


def _plain(counts: Mapping[str, Mapping[str, GroupScores]]) -> dict[str, dict[str, Any]]:
    return {
        attribute: {group: scores.to_dict() for group, scores in groups.items()}
        for attribute, groups in counts.items()
    }


def _read(groups: Mapping[str, Any]) -> dict[str, GroupScores]:
    return {group: GroupScores.from_dict(flat) for group, flat in groups.items()}


def score_profile_of(
    use_case: UseCase,
    risk: ArrayLike,
    flagged: ArrayLike,
    groups: Mapping[str, ArrayLike],
    label: ArrayLike | None = None,
    *,
    uncertain: ArrayLike | None = None,
    learned: ArrayLike | None = None,
) -> ScoreProfile:
    """Return the profile of a scored batch; `groups` gives each row's group name per protected attribute.

    The risk of a row that is not scored is NaN. A group without scored rows is left out. `label` holds 0 and
    1 for every row, or is None; so do `uncertain` and `learned`.
    """
    risks = np.asarray(risk, dtype=np.float64)
    scored = ~np.isnan(risks)
    cells = score_cells(np.where(scored, risks, 0.0))
    flags = np.asarray(flagged, dtype=bool) & scored
    doubts = (
        np.zeros(len(risks), dtype=bool) if uncertain is None else np.asarray(uncertain, dtype=bool) & scored
    )
    truth = None if label is None else np.asarray(label) == 1

    def count(members: NDArray[np.bool_]) -> GroupScores:
        rows = members & scored
        n, hits = int(rows.sum()), int((flags & rows).sum())
        outcomes = None
        if truth is not None:
            positive = truth & rows
            tp = int((flags & positive).sum())
            outcomes = Outcomes(int(positive.sum()), tp, hits - tp, _histogram(cells[positive]))
        return GroupScores(
            n,
            hits,
            _histogram(cells[rows]),
            outcomes,
            uncertain=int((doubts & rows).sum()),
            not_scored=int(members.sum()) - n,
        )

    def by_group(patients: NDArray[np.bool_]) -> dict[str, dict[str, GroupScores]]:
        attributes = {EVERYONE: {EVERYONE: count(patients)}}
        for attribute in use_case.protected:
            member = np.asarray(groups[attribute.name])
            counted = {name: count(patients & (member == name)) for name in attribute.group_names}
            attributes[attribute.name] = {
                name: scores for name, scores in counted.items() if scores.n or scores.not_scored
            }
        return attributes

    known = np.zeros(len(risks), dtype=bool) if learned is None else np.asarray(learned, dtype=bool)
    return ScoreProfile(by_group(np.ones(len(risks), dtype=bool)), by_group(known) if known.any() else {})


def score_cells(risk: ArrayLike) -> NDArray[np.int64]:
    """Return the histogram cell, 0 to 99, of each risk between 0 and 1.

    >>> score_cells([0.0, 0.05, 0.25, 1.0]).tolist()
    [0, 22, 50, 99]
    """
    cells = np.sqrt(np.asarray(risk, dtype=np.float64)) * SCORE_CELLS
    return np.clip(cells.astype(np.int64), 0, SCORE_CELLS - 1)


def merge(profiles: Sequence[ScoreProfile]) -> ScoreProfile:
    """Return the sum of score profiles, the same in any order; at least one is needed.

    Outcomes are kept only where every part has them.
    """
    return ScoreProfile(
        _merged([profile.attributes for profile in profiles]),
        _merged([profile.learned for profile in profiles]),
        sum(profile.left_out for profile in profiles),
    )


def _merged(
    profiles: Sequence[Mapping[str, Mapping[str, GroupScores]]],
) -> dict[str, dict[str, GroupScores]]:
    parts: dict[str, dict[str, list[GroupScores]]] = {}
    for profile in profiles:
        for attribute, groups in profile.items():
            for group, scores in groups.items():
                parts.setdefault(attribute, {}).setdefault(group, []).append(scores)
    return {
        attribute: {group: _add(groups[group]) for group in sorted(groups)}
        for attribute, groups in sorted(parts.items())
    }


def _add(parts: Sequence[GroupScores]) -> GroupScores:
    """Return the sum of one group's counts."""
    known = [part.outcomes for part in parts if part.outcomes is not None]
    outcomes = None
    if len(known) == len(parts):
        outcomes = Outcomes(
            sum(part.positives for part in known),
            sum(part.tp for part in known),
            sum(part.fp for part in known),
            _sum_cells([part.score_counts_positive for part in known]),
        )
    return GroupScores(
        sum(part.n for part in parts),
        sum(part.flagged for part in parts),
        _sum_cells([part.score_counts for part in parts]),
        outcomes,
        uncertain=sum(part.uncertain for part in parts),
        not_scored=sum(part.not_scored for part in parts),
    )


def _sum_cells(histograms: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*histograms, strict=True)))


def _histogram(cells: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(np.bincount(cells, minlength=SCORE_CELLS).tolist())
