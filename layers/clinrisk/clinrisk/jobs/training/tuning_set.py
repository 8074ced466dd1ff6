"""The training part as the trials of a tuning job read it: two Parquet files, label first.

A trial runs the image's own XGBoost, not our program, since a tuning job takes no entrypoint. It learns from
train/ and is judged on validation/, one fifth of the training patients; the held-out ones are in neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from clinrisk.jobs.patient_tables import sha256_of
from clinrisk.jobs.training.folds import same_patient, stratified_folds

if TYPE_CHECKING:
    from pathlib import Path

    from clinrisk.jobs.patient_tables import Patients

SETTING = "HYPERPARAMETER_SEARCH"
TUNING = "tuning"


def write_tuning_set(folder: Path, training: Patients, names: tuple[str, ...], seed: int) -> dict[str, Any]:
    """Write the two parts; return, for the manifest, their rows and digests.

    Nothing but label and features: the algorithm takes every column after the first for a feature, and a
    missing value (NaN) for missing.
    """
    [assigned] = stratified_folds(training.labels, seed, 1, same_patient(training.features))
    parts = {}
    for part, chosen in (("train", assigned != 0), ("validation", assigned == 0)):
        columns = np.column_stack([training.labels.astype(np.float64), training.features])[chosen]
        table = pa.table(dict(zip(("label", *names), columns.T, strict=True)))
        path = folder / part / f"{part}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, path)
        parts[part] = {"rows": int(chosen.sum()), "sha256": sha256_of(path)}
    return parts
