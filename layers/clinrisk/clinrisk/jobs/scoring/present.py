"""Present Results: what the server's numbers mean for each patient, and the counts that monitoring needs.

Reads  input/scores (batch-<part>.csv.out: record_id, score), input/features (chunk-<part>.parquet) and
       input/model (model.tar.gz).
Writes output/presented/chunk-<part>.parquet, output/predictions/<upload>.parquet and
       output/score_profile/<upload>.json.
Who is among the patients that the model learned from is marked, for monitoring alone.
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
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from clinrisk import use_cases
from clinrisk.core.profiles import score_profile
from clinrisk.core.profiles.score_profile import ScoreProfile, score_profile_of
from clinrisk.core.scoring.results_sidecar import NOT_SCORED, UNCERTAIN
from clinrisk.errors import CountsDisagree, FeatureMismatch, ObjectMissing
from clinrisk.jobs.container import read_json, write_json
from clinrisk.jobs.models import booster, factors, recalibration, refits
from clinrisk.jobs.models.learned_patients import FILE, LearnedPatients
from clinrisk.jobs.patient_tables import feature_matrix, groups_of, read_parquet, set_schema, texts, unpack
from clinrisk.jobs.scoring.doubts import doubts_of
from clinrisk.jobs.server_scores import score_files, scores_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import xgboost

    from clinrisk.jobs.container import Container
    from clinrisk.jobs.evaluation.metrics import Floats
    from clinrisk.jobs.models.refits import Refits
    from clinrisk.use_cases.base import UseCase

FACTORS = 3
# The server prints seven digits or more; a shifted column moves a risk by far more than this.
AGREEMENT = 1e-4
CHECKED_ROWS = 10_000
"""In each part."""
ROWS_AT_ONCE = 50_000
"""Their explanations, as Python's own texts, take twenty times the memory of their numbers."""
_PREDICTED = {
    "record_id": pa.string(),
    "row": pa.int64(),
    "risk": pa.float64(),
    "flagged": pa.bool_(),
    "band": pa.string(),
    "model_version": pa.string(),
}
_MARKED = _PREDICTED | {"learned": pa.bool_()}
"""Whether the model has learned from the patient, for monitoring; empty where it is not known."""
_PRESENTED = (
    _PREDICTED
    | {name: pa.float64() for name in ("risk_low", "risk_high")}
    | {f"factor_{rank + 1}": pa.string() for rank in range(FACTORS)}
    | {name: pa.string() for name in ("outside", "not_measured", "caution", "data_version")}
)


@dataclass(frozen=True)
class BatchPart:
    """One chunk of the batch: its features, and the server's answers to it (none where it has no rows)."""

    features: Path
    scores: list[Path]

    def read(self, use_case: UseCase) -> tuple[pd.DataFrame, Floats]:
        """Read the rows with the server's scores in their order."""
        labelled = set_schema(use_case)
        types = labelled.remove(labelled.get_field_index("label")).append(pa.field("row", pa.int64()))
        table = read_parquet(self.features, types)
        return table, scores_of(self.scores, texts(table, "record_id"))


@dataclass(frozen=True)
class ServedModel:
    """What turns the server's numbers into risks, intervals, factors and doubts."""

    booster: xgboost.Booster
    refits: Refits
    card: Mapping[str, Any]
    learned: LearnedPatients | None
    """None where an earlier model does not state it."""
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
    model = ServedModel(*_load(container.input("model"), use_case), version, threshold)
    for part in parts:
        table, served = part.read(use_case)
        features = feature_matrix(table.head(CHECKED_ROWS), use_case.feature_names)
        _check_scores(served, booster.risks(model.booster, features, use_case.feature_names))
        found += len(table)
    if found != accepted:
        raise CountsDisagree(f"The parts of the batch hold {found} rows; {accepted} were accepted.")
    profile: ScoreProfile | None = None
    with ExitStack() as files:
        path = container.output("predictions") / f"{upload}.parquet"
        predictions = _Writer(files, path, _MARKED, use_case.group_columns)
        for part in parts:
            with ExitStack() as file:
                presented = _Writer(file, container.output("presented") / part.features.name, _PRESENTED)
                for rows, counts in _present(part, use_case, model, data_version):
                    presented.write(rows)
                    # Outcomes join stated risks only. Monitoring counts the bands that the risks fall into:
                    # none is "uncertain" here.
                    stated = rows[rows["risk"].notna()]
                    predictions.write(stated.assign(band=stated["risk_band"]))
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


def _load(
    folder: Path, use_case: UseCase
) -> tuple[xgboost.Booster, Refits, Mapping[str, Any], LearnedPatients | None]:
    """Read the live model, its refits, its card, and who it learned from.

    Raises FeatureMismatch when it reads other features.
    """
    with tempfile.TemporaryDirectory() as scratch:
        unpacked = unpack(folder, "model.tar.gz", Path(scratch))
        card = read_json(unpacked / "clinrisk" / "model.json")
        if card["feature_digest"] != use_case.feature_digest:
            raise FeatureMismatch("The live model was trained on other features than this code has.")
        threads = os.cpu_count() or 1
        names = use_case.feature_names
        return (
            booster.load(unpacked / "xgboost-model", names, threads=threads),
            refits.load(unpacked / "clinrisk" / "refits", names, threads=threads),
            card,
            LearnedPatients.load(unpacked / "clinrisk" / FILE, card["training_sha256"]),
        )


def _present(
    part: BatchPart, use_case: UseCase, model: ServedModel, data_version: str
) -> Iterator[tuple[pd.DataFrame, ScoreProfile]]:
    """Yield, some thousands of rows at a time, what is known of each patient, and the counts."""
    table, served = part.read(use_case)
    # The server knows the booster alone: what the model corrects is corrected here, for all who read a risk.
    risks = recalibration.of_model(model.card).apply(served)
    # A part without rows leaves its empty tables too.
    for start in range(0, max(len(table), 1), ROWS_AT_ONCE):
        rows = table.iloc[start : start + ROWS_AT_ONCE]
        found = _explained(rows, risks[start : start + ROWS_AT_ONCE], use_case, model)
        counts = score_profile_of(
            use_case,
            found["risk"].to_numpy(),
            found["flagged"].to_numpy(dtype=bool, na_value=False),
            groups_of(rows, use_case),
            uncertain=found["band"].eq(UNCERTAIN).to_numpy(),
            learned=found["learned"].to_numpy(dtype=bool, na_value=False),
        )
        yield found.assign(data_version=data_version), counts


def _explained(rows: pd.DataFrame, risks: Floats, use_case: UseCase, model: ServedModel) -> pd.DataFrame:
    """Return the rows with all that is presented of each, empty where no risk is stated.

    `risk_band` follows from the risk alone; `band` is "uncertain" where there is a doubt (the number stands,
    but no band lends it certainty) and "not scored" where there is no risk.
    """
    features = feature_matrix(rows, use_case.feature_names)
    contributions = booster.contributions(model.booster, features, use_case.feature_names)
    low, high = model.refits.intervals(features, risks, recalibration.of_model(model.card))
    found = doubts_of(features, (low, high), use_case, model.card)
    bands = [use_case.band(risk) for risk in risks.tolist()]
    stated = found.stated
    # What the trees make of a code that they hardly saw gives no direction, either.
    silent = found.missing | found.unfamiliar | ~stated[:, None]
    top = factors.top_factors(contributions, silent, use_case, FACTORS)
    return rows.assign(
        **{
            name: np.where(stated, values, np.nan)
            for name, values in (("risk", risks), ("risk_low", low), ("risk_high", high))
        },
        flagged=pd.arrays.BooleanArray(risks >= model.threshold, ~stated),
        risk_band=bands,
        band=np.select([~stated, found.uncertain], [NOT_SCORED, UNCERTAIN], default=bands),
        outside=found.outside,
        not_measured=[why.not_measured for why in found.absent],
        caution=found.cautions,
        model_version=model.version,
        learned=_learned(rows, model),
        **{f"factor_{rank + 1}": [row[rank] for row in top] for rank in range(FACTORS)},
    )


def _learned(rows: pd.DataFrame, model: ServedModel) -> pd.arrays.BooleanArray:
    """Return from which patients the model has learned; missing throughout where it does not state it."""
    unknown = model.learned is None
    marks = np.zeros(len(rows), dtype=bool)
    if model.learned is not None:
        marks = model.learned.among(rows["record_id"].tolist())
    return pd.arrays.BooleanArray(marks, np.full(len(rows), unknown))


class _Writer:
    """A Parquet file of fixed columns that grows by one row group at a time."""

    def __init__(
        self, files: ExitStack, path: Path, columns: Mapping[str, pa.DataType], groups: Sequence[str] = ()
    ) -> None:
        self._schema = pa.schema([*columns.items(), *((name, pa.string()) for name in groups)])
        self._file = files.enter_context(parquet.ParquetWriter(path, self._schema))

    def write(self, rows: pd.DataFrame) -> None:
        """Append rows; their further columns are left out."""
        table = pa.Table.from_pandas(rows, schema=self._schema, preserve_index=False)
        self._file.write_table(table.replace_schema_metadata())


def _check_scores(given: Floats, expected: Floats) -> None:
    """Refuse scores that this model would not have given to these features."""
    distance = np.abs(given[: len(expected)] - expected)
    if not np.all(np.isfinite(given)) or np.any(distance > AGREEMENT):
        wrong = int(np.count_nonzero(~(distance <= AGREEMENT)))
        message = f"{wrong} of {len(expected)} scores are not those of the live model on this batch."
        raise FeatureMismatch(message)
