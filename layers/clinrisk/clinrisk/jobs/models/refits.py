"""The interval of one patient's risk, from models refitted on resampled patients.

Twenty models are grown as the served one is, each on patients drawn with replacement (Efron, 1979), and where
an input was not measured whose absence the model has not learned, each is given another value of it, spread
over those of the training patients. The interval leaves out the lowest and the highest: 90%. It is wide where
few patients resembled this one, and where much was not measured. How honest it is: docs/decisions/0027.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clinrisk.jobs.container import read_json, write_json
from clinrisk.jobs.models import absence, booster

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import xgboost

    from clinrisk.jobs.evaluation.metrics import Floats, Labels
    from clinrisk.jobs.models.recalibration import Recalibration
    from clinrisk.use_cases.base import UseCase

REFITS = 20
_STEPS = 100


@dataclass(frozen=True)
class Refits:
    """The refitted models and, for each, what it is given in place of inputs that were not measured."""

    boosters: tuple[xgboost.Booster, ...]
    substitutes: Floats
    """(refits, features): NaN where the absence itself is what the models learned from."""

    def intervals(self, features: Floats, risks: Floats, correction: Recalibration) -> tuple[Floats, Floats]:
        """Return the lowest and the highest credible risk of each patient, around the given risks.

        A row depends on no other row.
        """
        names = self.boosters[0].feature_names or ()
        empty = np.isnan(features)
        replicates = np.sort(
            [
                correction.apply(booster.risks(refit, np.where(empty, given, features), names))
                for refit, given in zip(self.boosters, self.substitutes, strict=True)
            ],
            axis=0,
        )
        return np.minimum(replicates[1], risks), np.maximum(replicates[-2], risks)

    def save(self, folder: Path) -> None:
        """Write the models and the substitutes below the folder."""
        given = [[None if np.isnan(each) else each for each in row] for row in self.substitutes.tolist()]
        write_json(folder / "substitutes.json", given)
        for number, refit in enumerate(self.boosters):
            booster.save(refit, folder / f"{number:02d}.ubj")


def load(folder: Path, names: Sequence[str], *, threads: int = 1) -> Refits:
    """Read what `save` wrote; raises FeatureMismatch where the models read other features."""
    given = np.array(read_json(folder / "substitutes.json"), dtype=np.float64)
    paths = sorted(folder.glob("*.ubj"))
    return Refits(tuple(booster.load(path, names, threads=threads) for path in paths), given)


def grow(settings: Mapping[str, Any], features: Floats, labels: Labels, use_case: UseCase) -> Refits:
    """Grow the models; each outcome is resampled by itself, so that no refit lacks one."""
    rng = np.random.default_rng([int(settings["seed"]), REFITS])
    grown = []
    for number in range(REFITS):
        drawn = np.concatenate(
            [rng.choice(np.flatnonzero(labels == outcome), np.sum(labels == outcome)) for outcome in (0, 1)]
        )
        varied = {**settings, "seed": int(settings["seed"]) + number + 1}
        grown.append(booster.grow(varied, use_case.feature_names, features[drawn], labels[drawn]))
    return Refits(tuple(grown), substitutes(features, use_case, rng))


def substitutes(features: Floats, use_case: UseCase, rng: np.random.Generator) -> Floats:
    """Return a value of every input for each refit, at equal steps of its distribution, in random order.

    Latin hypercube sampling (McKay, Beckman and Conover, 1979). Numbers are rounded to hundredths of the
    accepted range, as in the model's ranges, so that no patient's value is in the file. Inputs whose absence
    is learned, or that nobody has, have none.
    """
    found = np.full((REFITS, features.shape[1]), np.nan)
    positions = absence.positions_of(use_case)
    for name in absence.unlearned(absence.absence(features, use_case)):
        columns = positions[name]
        known = features[~np.isnan(features[:, columns]).any(axis=1)][:, columns]
        if not len(known):
            continue
        ordered = known[np.lexsort(known.T)]
        steps = ((rng.permutation(REFITS) + 0.5) / REFITS * len(known)).astype(int)
        chosen = ordered[steps]
        for position, values in zip(columns, chosen.T, strict=True):
            feature = use_case.features[position]
            step = (feature.high - feature.low) / _STEPS
            rounded = np.round(feature.low + np.round((values - feature.low) / step) * step, 9)
            found[:, position] = rounded if feature.kind == "number" else values
    return found
