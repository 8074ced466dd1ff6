"""How far each column, group and risk was from training, batch by batch, in smallest changes that matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.core.monitoring.changes import Change
    from clinrisk.use_cases.base import UseCase


@dataclass(frozen=True)
class Departure:
    """How far one subject of one batch is from training; 1 is the smallest change that matters."""

    found: float
    """What was measured, by chance or not."""
    proven: float
    """What is sure of it: above 1 it alerts."""


@dataclass(frozen=True)
class SubjectHistory:
    """One watched subject over the batches, oldest first; None where a batch says nothing about it."""

    title: str
    batches: tuple[Departure | None, ...]

    @property
    def worst(self) -> float:
        """The surest departure of all batches."""
        return max((one.proven for one in self.batches if one), default=0.0)


def history_of(use_case: UseCase, batches: Sequence[Sequence[Change]]) -> list[SubjectHistory]:
    """Return the history of every column, group and figure of the risks, given each batch's changes.

    Pairs of inputs are left out: there are hundreds, and the findings name those that changed.
    """
    found = [_surest(changes) for changes in batches]
    subjects = _subjects(use_case)
    return [
        SubjectHistory(title, tuple(one.get(subject) for one in found))
        for subject, title in subjects.items()
        if any(subject in one for one in found)
    ]


def _subjects(use_case: UseCase) -> Mapping[str, str]:
    """Return the watched subjects as `Change.subject` spells them, each with its title."""
    columns = {f"{column.title} ({column.name})": column.title for column in use_case.columns}
    groups = {f"groups by {one.title}": f"groups by {one.title}" for one in use_case.protected}
    risks = ("risks", "patients flagged", "patients uncertain", "patients not scored")
    return columns | groups | dict(zip(risks, risks, strict=True))


def _surest(changes: Sequence[Change]) -> dict[str, Departure]:
    """Return the surest change of each subject, the largest of equally sure ones."""
    surest: dict[str, Departure] = {}
    for change in changes:
        departure = Departure(max(abs(change.effect.size) / change.limit, change.proven), change.proven)
        before = surest.get(change.subject)
        if before is None or (departure.proven, departure.found) > (before.proven, before.found):
            surest[change.subject] = departure
    return surest
