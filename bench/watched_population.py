"""A public file as a population: reference and batches drawn from it, with the risks of a model out of fold.

Every patient is scored by a model that has not seen him, also after his inputs were changed, so that risks of
batches and of the evaluation are of one kind.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xgboost

from clinrisk import use_cases
from clinrisk.core.ingest.chunk import read_chunk
from clinrisk.core.ingest.csv_file.cutting import FIRST_ROW
from clinrisk.core.profiles.feature_profile import Profile, count_values, profile_of
from clinrisk.core.profiles.score_profile import ScoreProfile, score_profile_of
from clinrisk.jobs.evaluation.calibration import risk_histogram
from clinrisk.jobs.evaluation.intervals import delong
from clinrisk.jobs.evaluation.thresholds import choose_threshold
from clinrisk.use_cases.base import UNKNOWN_GROUP

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from clinrisk.use_cases.base import ProtectedAttribute, UseCase

FOLDER = Path(os.environ.get("CLINRISK_REAL_DATA", "../shared/data"))
FILES = {"heart": "processed.cleveland.data", "stroke": "healthcare-dataset-stroke-data.csv"}
TRAINED = {"heart": 242, "stroke": 4088}
FOLDS = 5
Table = dict[str, "NDArray[np.float64]"]


@dataclass(frozen=True)
class Sample:
    """Some patients: their inputs, outcomes, and the fold whose model has not seen them."""

    table: Table
    label: NDArray[np.int64]
    fold: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Sample:
        """Return some of them, in that order."""
        table = {name: values[rows] for name, values in self.table.items()}
        return Sample(table, self.label[rows], self.fold[rows])

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True, eq=False)
class Population:
    """A use case, the patients of its public file, and the model of each fold."""

    use_case: UseCase
    patients: Sample
    models: tuple[xgboost.Booster, ...]
    threshold: float

    @classmethod
    @cache
    def read(cls, name: str, file: str = "") -> Population:
        """Return the population of a public file; a second file of heart is scored by Cleveland's models."""
        use_case = use_cases.get(name)
        patients = _read(use_case, file or FILES[name])
        known = _read(use_case, FILES[name]) if file else patients
        models = tuple(_fitted(use_case, known.take(np.flatnonzero(known.fold != k))) for k in range(FOLDS))
        first = cls(use_case, known, models, 0.5)
        threshold = choose_threshold(known.label, first.risks(known), use_case.action.recall)
        return cls(use_case, patients, models, threshold)

    def risks(self, patients: Sample) -> NDArray[np.float64]:
        """Return every patient's risk by the model of the fold."""
        found = np.zeros(len(patients))
        matrix = _matrix(self.use_case, patients.table)
        for number, model in enumerate(self.models):
            rows = patients.fold == number
            if rows.any():
                found[rows] = model.inplace_predict(matrix[rows])
        return found

    def draw(self, rows: int, rng: Generator, weights: NDArray[np.float64] | None = None) -> Sample:
        """Return so many patients, drawn with replacement."""
        return self.patients.take(rng.choice(len(self.patients), rows, p=weights))

    def groups(self, patients: Sample) -> dict[str, NDArray[np.str_]]:
        """Return every patient's group per protected attribute."""
        return {one.name: _group(self.use_case, one, patients.table) for one in self.use_case.protected}

    def profile(self, patients: Sample) -> Profile:
        """Return the profile of some patients, as the ingest counts it."""
        groups = {name: count_values(of.tolist()) for name, of in self.groups(patients).items()}
        return profile_of(self.use_case, patients.table, groups)

    def scores(
        self, patients: Sample, *, labelled: bool = False, risks: NDArray[np.float64] | None = None
    ) -> ScoreProfile:
        """Return the score profile of some patients."""
        found = self.risks(patients) if risks is None else risks
        label = patients.label if labelled else None
        flags = found >= self.threshold
        return score_profile_of(self.use_case, found, flags, self.groups(patients), label)

    def evaluation(self, patients: Sample) -> dict[str, Any]:
        """Return what monitoring reads of the evaluation of a model that was trained on some patients."""
        risks = self.risks(patients)
        area = delong(patients.label, risks)
        counts = self.scores(patients, labelled=True).to_dict()
        for groups in counts.values():
            for flat in groups.values():
                flat.update(_calibration(flat))
        everyone = counts.pop("all")["all"]
        return {
            "threshold": self.threshold,
            "models": {"xgboost": {"auc": area.as_list(), **_calibration(everyone)}},
            "groups": counts,
            "curves": {"risks": risk_histogram(patients.label, risks)},
            "cross_checks": {"doubts": {"rows": len(patients) // 4, "uncertain": 0, "not_scored": 0}},
        }


def _calibration(flat: dict[str, Any]) -> dict[str, Any]:
    """Return observed : expected of a group's counts as the evaluation states it, without its interval."""
    expected = ScoreProfile.from_dict({"all": {"all": flat}}).everyone.expected_positives
    ratio = flat["positives"] / expected if expected else 0.0
    return {"observed_to_expected": [ratio, ratio, ratio] if ratio else "NOT_EVALUATED"}


def _read(use_case: UseCase, file: str) -> Sample:
    data = (FOLDER / file).read_bytes()
    header: tuple[str, ...] = use_case.header
    if use_case.id_column:
        first, _, data = data.partition(b"\n")
        header = tuple(first.decode().strip().split(","))
    chunk = read_chunk(data, use_case, "training", header, FIRST_ROW, b"k" * 32)
    names = use_case.feature_names
    table = {name: chunk.features[name].cast(float).fill_null(np.nan).to_numpy() for name in names}
    label = chunk.features["label"].to_numpy().astype(np.int64)
    return Sample(table, label, np.random.default_rng(1).integers(FOLDS, size=len(label)))


def _matrix(use_case: UseCase, table: Table) -> NDArray[np.float64]:
    return np.column_stack([table[name] for name in use_case.feature_names])


def _fitted(use_case: UseCase, patients: Sample) -> xgboost.Booster:
    settings = use_case.hyperparameters["xgboost"]
    parameters = {
        "objective": "binary:logistic",
        "eta": float(settings["eta"]),
        "subsample": float(settings["subsample"]),
        "max_depth": 2,
        "nthread": 1,
        "seed": 0,
    }
    data = xgboost.DMatrix(_matrix(use_case, patients.table), patients.label)
    return xgboost.train(parameters, data, num_boost_round=70)


def _group(use_case: UseCase, attribute: ProtectedAttribute, table: Table) -> NDArray[np.str_]:
    """Return the group of each patient: by the code of a flag, or by the range of a number."""
    features = [one for one in use_case.features if one.column == attribute.column and one.kind != "missing"]
    found = np.full(len(table[features[0].name]), UNKNOWN_GROUP, dtype=object)
    for group in attribute.groups:
        if group.codes:
            inside = np.zeros(len(found), dtype=bool)
            for code in group.codes:
                inside |= _has_code(features, code, table)
        else:
            values = table[features[0].name]
            inside = (values >= (group.low or -np.inf)) & (values < (group.high or np.inf))
        found[inside] = group.name
    return found.astype(str)


def _has_code(features: list[Any], code: str, table: Table) -> NDArray[np.bool_]:
    of_code = [one for one in features if one.code == code]
    if of_code:
        return np.asarray(table[of_code[0].name] == 1)
    return np.asarray(table[features[0].name] == 0)
