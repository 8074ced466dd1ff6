"""Present Results: what the server's numbers mean for each patient, and the counts that monitoring needs.

Reads  input/scores (batch-<part>.csv.out: record_id, score), input/features (chunk-<part>.parquet) and
       input/model (model.tar.gz).
Writes output/presented/chunk-<part>.parquet, output/predictions/<upload>.parquet and
       output/score_profile/<upload>.json.
The server scores a row that is too narrow without a word, so nothing is presented before features, model and
scores of every part have been shown to belong together, and the parts to be the rows that were accepted.
However large the batch, a part is in memory.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from clinrisk import use_cases
from clinrisk.core.profiles import score_profile
from clinrisk.core.profiles.score_profile import ScoreProfile, score_profile_of
from clinrisk.errors import CountsDisagree, FeatureMismatch, ObjectMissing
from clinrisk.jobs.container import read_json, write_json
from clinrisk.jobs.models import booster, factors, recalibration
from clinrisk.jobs.patient_tables import feature_matrix, strings, unpack
from clinrisk.jobs.server_scores import score_files, scores_of
from clinrisk.use_cases.base import GROUP_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import xgboost

    from clinrisk.jobs.container import Container
    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.use_cases.base import UseCase

FACTORS = 3
# The server prints seven digits or more; a shifted column moves a risk by far more than this.
AGREEMENT = 1e-4
UNCERTAIN = "uncertain"
"""What stands in the place of a band for a patient outside what the model was trained on."""
CHECKED_ROWS = 10_000
"""In each part."""
ROWS_AT_ONCE = 50_000
"""Their explanations, as Python's own texts, take twenty times the memory of their numbers."""


@dataclass(frozen=True)
class BatchPart:
    """One chunk of the batch: its features, and the server's answers to it (none where it has no rows)."""

    features: Path
    scores: list[Path]

    def read(self, use_case: UseCase) -> tuple[pa.Table, Floats]:
        """Read the rows with the server's scores in their order."""
        table = _read_features(self.features, use_case)
        return table, scores_of(self.scores, strings(table, "record_id"))


@dataclass(frozen=True)
class ScoringModel:
    """What turns the server's numbers into risks, factors and doubts."""

    booster: xgboost.Booster
    card: Mapping[str, Any]
    version: str
    threshold: float


def run(container: Container) -> None:
    """Write the presented batch; raises FeatureMismatch or CountsDisagree before anything is written."""
    use_case = use_cases.get(container.setting("USE_CASE"))
    threshold = float(container.setting("THRESHOLD"))
    upload, version = container.setting("UPLOAD_ID"), container.setting("MODEL_VERSION")
    data_version = container.setting("DATA_VERSION")
    accepted, found = int(container.setting("ROWS_ACCEPTED")), 0
    parts = _parts(container.input("features"), container.input("scores"))
    model = ScoringModel(*_load(container.input("model"), use_case), version, threshold)
    for part in parts:
        table, served = part.read(use_case)
        features = feature_matrix(table.slice(0, CHECKED_ROWS), use_case.feature_names)
        _check_scores(served, booster.risks(model.booster, features, use_case.feature_names))
        found += table.num_rows
    if found != accepted:
        raise CountsDisagree(f"The parts of the batch hold {found} rows; {accepted} were accepted.")
    profile: ScoreProfile | None = None
    with ExitStack() as files:
        predictions = _Writer(files, container.output("predictions") / f"{upload}.parquet")
        for part in parts:
            with ExitStack() as file:
                presented = _Writer(file, container.output("presented") / part.features.name)
                for told, predicted, counts in _present(part, use_case, model, data_version):
                    presented.write(told)
                    predictions.write(predicted)
                    profile = counts if profile is None else score_profile.merge([profile, counts])
    assert profile is not None  # noqa: S101 - there is a part, and each gives one
    write_json(container.output("score_profile") / f"{upload}.json", profile.to_dict())


def _parts(features: Path, scores: Path) -> list[BatchPart]:
    """Pair chunks with the server's answers by their number; raises CountsDisagree when one is left over."""
    answers = {
        path.name.removeprefix("batch-").removesuffix(".csv.out"): path for path in score_files(scores)
    }
    chunks = {path.stem.removeprefix("chunk-"): path for path in sorted(features.rglob("*.parquet"))}
    if not chunks:
        raise ObjectMissing("The batch has no features to present.")
    if foreign := answers.keys() - chunks.keys():
        raise CountsDisagree(f"{len(foreign)} files of scores belong to no part of the batch.")
    return [
        BatchPart(path, [answers[number]] if number in answers else []) for number, path in chunks.items()
    ]


def _load(folder: Path, use_case: UseCase) -> tuple[xgboost.Booster, Mapping[str, Any]]:
    """Read the live model with its card; raises FeatureMismatch when it reads other features."""
    with tempfile.TemporaryDirectory() as scratch:
        unpacked = unpack(folder, "model.tar.gz", Path(scratch))
        card = read_json(unpacked / "clinrisk" / "model.json")
        if card["feature_digest"] != use_case.feature_digest:
            raise FeatureMismatch("The live model was trained on other features than this code has.")
        threads = os.cpu_count() or 1
        return booster.load(unpacked / "xgboost-model", use_case.feature_names, threads=threads), card


def _present(
    part: BatchPart, use_case: UseCase, model: ScoringModel, data_version: str
) -> Iterator[tuple[dict[str, Any], dict[str, Any], ScoreProfile]]:
    """Give, some thousands of rows at a time, what is presented, what is predicted and what is counted."""
    table, served = part.read(use_case)
    # The server knows the booster alone: what the model corrects is corrected here, for all who read a risk.
    risks = recalibration.of_model(model.card).apply(served)
    # A part without rows leaves its empty tables too.
    for start in range(0, max(table.num_rows, 1), ROWS_AT_ONCE):
        yield _explained(
            table.slice(start, ROWS_AT_ONCE),
            risks[start : start + ROWS_AT_ONCE],
            use_case,
            model,
            data_version,
        )


def _explained(
    rows: pa.Table, risks: Floats, use_case: UseCase, model: ScoringModel, data_version: str
) -> tuple[dict[str, Any], dict[str, Any], ScoreProfile]:
    features = feature_matrix(rows, use_case.feature_names)
    flagged = risks >= model.threshold
    contributions = booster.contributions(model.booster, features, use_case.feature_names)
    found = factors.top_factors(contributions, use_case, FACTORS)
    common = {
        "record_id": rows["record_id"].cast(pa.string()),
        "row": rows["row"].cast(pa.int64()),
        "risk": pa.array(risks, pa.float64()),
        "flagged": pa.array(flagged, pa.bool_()),
        "band": _texts([use_case.band(risk) for risk in risks.tolist()]),
        "model_version": _texts([model.version] * len(risks)),
    }
    explained = {f"factor_{rank + 1}": _texts([row[rank] for row in found]) for rank in range(FACTORS)}
    beyond = outside(features, model.card["ranges"], use_case)
    # Nobody like this patient was learned from: the number stands, but no band lends it certainty.
    bands = [UNCERTAIN if far else band for band, far in zip(common["band"].to_pylist(), beyond, strict=True)]
    told = {
        "band": _texts(bands),
        "outside": _texts(beyond),
        "data_version": _texts([data_version] * len(risks)),
    }
    groups = {name: rows[name].cast(pa.string()) for name in use_case.group_columns}
    members = {name.removeprefix(GROUP_PREFIX): strings(rows, name) for name in use_case.group_columns}
    profile = score_profile_of(use_case, risks, flagged, members)
    return common | explained | told, common | groups, profile


def _texts(values: list[str]) -> pa.Array:
    """Give a text column, typed even when it is empty."""
    return pa.array(values, pa.string())


class _Writer:
    """A Parquet file that grows by one row group at a time."""

    def __init__(self, files: ExitStack, path: Path) -> None:
        self._files, self._path = files, path
        self._file: parquet.ParquetWriter | None = None

    def write(self, columns: Mapping[str, Any]) -> None:
        """Append rows, whose columns are the same each time."""
        table = pa.table(dict(columns))
        if self._file is None:
            self._file = self._files.enter_context(parquet.ParquetWriter(self._path, table.schema))
        self._file.write_table(table)


def _read_features(path: Path, use_case: UseCase) -> pa.Table:
    """Read one chunk; raises FeatureMismatch when a column of the use case is absent."""
    wanted = ["record_id", "row", *use_case.group_columns, *use_case.feature_names]
    file = parquet.ParquetFile(path)
    absent = [name for name in wanted if name not in file.schema_arrow.names]
    if absent:
        message = f"The batch lacks {len(absent)} columns of {use_case.name}: {', '.join(absent)}."
        raise FeatureMismatch(message)
    return file.read(columns=wanted).select(wanted)


def _check_scores(given: Floats, expected: Floats) -> None:
    """Refuse scores that this model would not have given to these features."""
    distance = np.abs(given[: len(expected)] - expected)
    if not np.all(np.isfinite(given)) or np.any(distance > AGREEMENT):
        wrong = int(np.count_nonzero(~(distance <= AGREEMENT)))
        message = f"{wrong} of {len(expected)} scores are not those of the live model on this batch."
        raise FeatureMismatch(message)


def outside(features: Floats, ranges: Mapping[str, list[float]], use_case: UseCase) -> list[str]:
    """Name, per patient, the measurements that lie outside what the model was trained on; "" for most."""
    names = list(ranges)
    columns = [use_case.feature_names.index(name) for name in names]
    table = features[:, columns]
    spans = np.array([ranges[name] for name in names]).reshape(-1, 2)
    # A missing value compares false: what was not measured is not outside.
    beyond = (table < spans[:, 0]) | (table > spans[:, 1])
    titles = [use_case.feature(name).title for name in names]
    return [
        ", ".join(title for title, far in zip(titles, row, strict=True) if far) if row.any() else ""
        for row in beyond
    ]
