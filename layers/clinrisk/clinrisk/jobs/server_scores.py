"""What do I get? The server's scores, paired with their patients or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import csv

from clinrisk.errors import CountsDisagree, FeatureMismatch
from clinrisk.jobs.patient_tables import strings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats


def score_files(folder: Path) -> list[Path]:
    """List the server's answers below a folder, in order, the empty ones left out."""
    return [path for path in sorted(folder.rglob("*.out")) if path.stat().st_size]


def scores_of(files: Iterable[Path], record_ids: NDArray[np.str_]) -> Floats:
    """Give the server's scores in the patients' order; raises CountsDisagree unless each patient has one."""
    options = csv.ReadOptions(column_names=["record_id", "score"])
    types = csv.ConvertOptions(column_types={"record_id": pa.string(), "score": pa.float64()})
    try:
        tables = [csv.read_csv(path, read_options=options, convert_options=types) for path in files]
    except pa.ArrowInvalid as error:
        raise FeatureMismatch("The scores are not lines of a record id and one number.") from error
    ids = np.concatenate([strings(table, "record_id") for table in tables] or [np.array([], dtype=np.str_)])
    scores = np.concatenate([table["score"].to_numpy() for table in tables] or [np.array([])])
    wanted, given = np.argsort(record_ids, kind="stable"), np.argsort(ids, kind="stable")
    same = len(ids) == len(record_ids) and bool(np.all(ids[given] == record_ids[wanted]))
    if not same or len(np.unique(ids)) != len(ids):
        message = f"{len(record_ids)} patients and {len(ids)} scores do not pair up one to one."
        raise CountsDisagree(message)
    risks = np.empty(len(scores))
    risks[wanted] = scores[given]
    return risks
