"""Present Results: what the server's numbers mean for each patient, and the counts that monitoring needs.

Reads  input/scores (batch.csv.out: record_id, score), input/features (the upload's Parquet), input/model
       (model.tar.gz).
Writes output/presented/presented.parquet, output/predictions/<upload>.parquet and
       output/score_profile/<upload>.json.
The server scores a row that is too narrow without a word, so nothing is presented before features, model and
scores have been shown to belong together.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from clinrisk import factors, use_cases
from clinrisk.errors import FeatureMismatch, ObjectMissing
from clinrisk.evaluation import recalibration
from clinrisk.jobs import booster
from clinrisk.jobs.container import read_json, write_json
from clinrisk.jobs.scores import scores_of
from clinrisk.jobs.tables import feature_matrix, strings, unpack
from clinrisk.score_profiles import score_profile_of
from clinrisk.use_cases.base import GROUP_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinrisk.evaluation.metrics import Floats
    from clinrisk.jobs.container import Container
    from clinrisk.use_cases.base import UseCase

FACTORS = 3
# The server prints seven digits or more; a shifted column moves a risk by far more than this.
AGREEMENT = 1e-4
UNCERTAIN = "uncertain"
"""What stands in the place of a band for a patient outside what the model was trained on."""
CHECKED_ROWS = 10_000


def run(container: Container) -> None:
    """Write the presented batch; raises FeatureMismatch or CountsDisagree before anything is written."""
    use_case = use_cases.get(container.setting("USE_CASE"))
    threshold = float(container.setting("THRESHOLD"))
    upload, version = container.setting("UPLOAD_ID"), container.setting("MODEL_VERSION")
    batch = _read_batch(container.input("features"), use_case)
    with tempfile.TemporaryDirectory() as scratch:
        folder = unpack(container.input("model"), "model.tar.gz", Path(scratch))
        card = read_json(folder / "clinrisk" / "model.json")
        if card["feature_digest"] != use_case.feature_digest:
            raise FeatureMismatch("The live model was trained on other features than this code has.")
        model = booster.load(folder / "xgboost-model", use_case.feature_names)
    features = feature_matrix(batch, use_case.feature_names)
    served = scores_of(container.input("scores"), strings(batch, "record_id"))
    _check_scores(served, booster.risks(model, features[:CHECKED_ROWS], use_case.feature_names))
    # The server knows the booster alone: what the model corrects is corrected here, for all who read a risk.
    risks = recalibration.of_model(card).apply(served)
    flagged = risks >= threshold
    contributions = booster.contributions(model, features, use_case.feature_names)
    found = factors.top_factors(contributions, use_case, FACTORS)
    common = {
        "record_id": batch["record_id"].cast(pa.string()),
        "row": batch["row"].cast(pa.int64()),
        "risk": pa.array(risks),
        "flagged": pa.array(flagged),
        "band": pa.array([use_case.band(risk) for risk in risks.tolist()], pa.string()),
        "model_version": pa.array([version] * len(risks), pa.string()),
    }
    explained = {f"factor_{rank + 1}": _texts([row[rank] for row in found]) for rank in range(FACTORS)}
    beyond = outside(features, card["ranges"], use_case)
    # Nobody like this patient was learned from: the number stands, but no band lends it certainty.
    bands = [UNCERTAIN if far else band for band, far in zip(common["band"].to_pylist(), beyond, strict=True)]
    told = {
        "band": _texts(bands),
        "outside": _texts(beyond),
        "data_version": _texts([container.setting("DATA_VERSION")] * len(risks)),
    }
    groups = {name: batch[name].cast(pa.string()) for name in use_case.group_columns}
    _write(container.output("presented") / "presented.parquet", common | explained | told)
    _write(container.output("predictions") / f"{upload}.parquet", common | groups)
    members = {name.removeprefix(GROUP_PREFIX): strings(batch, name) for name in use_case.group_columns}
    profile = score_profile_of(use_case, risks, flagged, members)
    write_json(container.output("score_profile") / f"{upload}.json", profile.to_dict())


def _texts(values: list[str]) -> pa.Array:
    """Give a text column, typed even when it is empty."""
    return pa.array(values, pa.string())


def _write(path: Path, columns: Mapping[str, Any]) -> None:
    """Write a Parquet file."""
    parquet.write_table(pa.table(dict(columns)), path)


def _read_batch(folder: Path, use_case: UseCase) -> pa.Table:
    """Read the upload's chunks in order; raises FeatureMismatch when a column of the use case is absent."""
    paths = sorted(folder.rglob("*.parquet"))
    if not paths:
        raise ObjectMissing("The batch has no features to present.")
    wanted = ["record_id", "row", *use_case.group_columns, *use_case.feature_names]
    tables = []
    for path in paths:
        table = parquet.ParquetFile(path).read()
        absent = [name for name in wanted if name not in table.column_names]
        if absent:
            message = f"The batch lacks {len(absent)} columns of {use_case.name}: {', '.join(absent)}."
            raise FeatureMismatch(message)
        tables.append(table.select(wanted))
    return pa.concat_tables(tables, promote_options="permissive")


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
