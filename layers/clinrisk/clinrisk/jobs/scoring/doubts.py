"""Why no risk is stated for a patient, or why the stated one is uncertain, in a clinician's words.

No risk is stated without the inputs that the use case calls essential, nor where too small a share of what
drives the model was measured. A stated one is uncertain where an input is absent whose absence the model has
not learned, where a measurement lies outside the training patients' or a code is one that hardly any of them
had, and where the risk's interval reaches from the lowest band into the highest.
The rules and their figures: docs/decisions/0027.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.jobs.models import absence, codes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.use_cases.base import UseCase

    Spans = tuple[Floats, Floats]


@dataclass(frozen=True)
class Absence:
    """What follows from the columns that a patient lacks: "" where nothing does."""

    not_measured: str
    refusal: str
    doubt: str


@dataclass(frozen=True)
class Doubts:
    """What is wanting in the inputs of each of some patients, and what follows."""

    missing: NDArray[np.bool_]
    """Columns that were not measured, (rows, columns)."""
    unfamiliar: NDArray[np.bool_]
    """Columns with a code that hardly any training patient had, (rows, columns)."""
    absent: list[Absence]
    outside: list[str]
    """The titles of the columns unlike the training patients'; "" for most patients."""
    cautions: list[str]

    @property
    def stated(self) -> NDArray[np.bool_]:
        """For whom a risk is stated."""
        return np.array([not why.refusal for why in self.absent], dtype=bool)

    @property
    def uncertain(self) -> NDArray[np.bool_]:
        """Whose stated risk is uncertain."""
        return np.logical_and(self.stated, [bool(caution) for caution in self.cautions])


def doubts_of(features: Floats, spans: Spans, use_case: UseCase, card: Mapping[str, Any]) -> Doubts:
    """Return the doubts about patients whose risks have the intervals `spans`, by the card of their model."""
    missing = absence.not_measured(features, use_case)
    absent = absences(missing, use_case, card)
    unfamiliar = codes.has_unfamiliar(features, card.get("unfamiliar_codes", {}), use_case)
    unlike = named(outside(features, card["ranges"], use_case) | unfamiliar, use_case)
    wide = reaches_every_band(*spans, use_case)
    return Doubts(missing, unfamiliar, absent, unlike, cautions(absent, unlike, wide, use_case))


def absences(missing: NDArray[np.bool_], use_case: UseCase, card: Mapping[str, Any]) -> list[Absence]:
    """Return, per patient, what follows from the columns that were not measured, (rows, columns).

    A card that does not say what drives the model gives every column the same share.
    """
    patterns, pattern_of = np.unique(missing, axis=0, return_inverse=True)
    found = [_absence(pattern, use_case, card) for pattern in patterns]
    return [found[each] for each in pattern_of.tolist()]


def _absence(pattern: NDArray[np.bool_], use_case: UseCase, card: Mapping[str, Any]) -> Absence:
    lacking = [column for column, absent in zip(use_case.columns, pattern, strict=True) if absent]
    if not lacking:
        return Absence("", "", "")
    titles = "; ".join(column.title for column in lacking)
    essential = [column.title for column in lacking if column.essential]
    if essential:
        return Absence(titles, f"No risk is stated without {' and '.join(essential)}.", "")
    measured = _measured(pattern, use_case, card)
    if measured < use_case.least_measured:
        return Absence(
            titles,
            f"No risk is stated: of what drives the model {int(measured * 100)}% was measured, and at least "
            f"{use_case.least_measured:.0%} is needed.",
            "",
        )
    counts = {column.name: card.get("absence", {}).get(column.name, 0) for column in lacking}
    strange = absence.unlearned(counts, card.get("least_absent", absence.LEAST_ABSENT))
    named = ", ".join(use_case.column(name).title for name in strange)
    return Absence(titles, "", f"Uncertain: too few training patients lacked {named}." if strange else "")


def _measured(pattern: NDArray[np.bool_], use_case: UseCase, card: Mapping[str, Any]) -> float:
    """Return the share of the model's drive that comes from the measured columns."""
    drive = np.array([card.get("drive", {}).get(column.name, 0.0) for column in use_case.columns])
    if not drive.any():
        drive = np.ones(len(drive))
    return round(float(drive[~pattern].sum() / drive.sum()), 6)


def reaches_every_band(low: Floats, high: Floats, use_case: UseCase) -> NDArray[np.bool_]:
    """Return whether each risk's interval reaches from the lowest band into the highest."""
    return (low < use_case.bands[1].lowest_risk) & (high >= use_case.bands[-1].lowest_risk)


def cautions(
    absent: Sequence[Absence], outside: Sequence[str], wide: NDArray[np.bool_], use_case: UseCase
) -> list[str]:
    """Return each patient's caution, one sentence per doubt; "" for most."""
    reach = f"Uncertain: the interval reaches from {use_case.bands[0].name} to {use_case.bands[-1].name}."
    return [
        why.refusal
        or " ".join(
            sentence
            for sentence in (
                why.doubt,
                f"Uncertain: unlike what the training patients had: {far}." if far else "",
                reach if broad else "",
            )
            if sentence
        )
        for why, far, broad in zip(absent, outside, wide.tolist(), strict=True)
    ]


def outside(features: Floats, ranges: Mapping[str, list[float]], use_case: UseCase) -> NDArray[np.bool_]:
    """Return which columns hold a number that no training patient could have had, (rows, columns).

    A number where no training patient had one is outside as well: the model never saw any.
    """
    found = np.zeros((len(features), len(use_case.columns)), dtype=bool)
    names = [column.name for column in use_case.columns]
    for position, feature in enumerate(use_case.features):
        if feature.kind == "number":
            # A missing value compares false: what was not measured is not outside.
            low, high = ranges.get(feature.name, (np.inf, -np.inf))
            values = features[:, position]
            found[:, names.index(feature.column)] = (values < low) | (values > high)
    return found


def named(columns: NDArray[np.bool_], use_case: UseCase) -> list[str]:
    """Return the titles of each patient's marked columns; "" for most."""
    titles = [column.title for column in use_case.columns]
    return [
        ", ".join(title for title, marked in zip(titles, row, strict=True) if marked) if row.any() else ""
        for row in columns
    ]
