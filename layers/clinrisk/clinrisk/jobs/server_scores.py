"""The scores that the server of a batch transform gave, paired with their patients or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from clinrisk.errors import CountsDisagree, FeatureMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats

_TYPES = {"record_id": pa.string(), "score": pa.float64()}


def score_files(folder: Path) -> list[Path]:
    """List the server's answers below a folder, in order, the empty ones left out."""
    return [path for path in sorted(folder.rglob("*.out")) if path.stat().st_size]


def scores_of(files: Iterable[Path], record_ids: NDArray[np.str_], *, of_all: bool = True) -> Floats:
    """Return the server's scores in the patients' order.

    Raises CountsDisagree unless each patient has exactly one and, where these are all that were served,
    nobody else has; FeatureMismatch where a line is no score.
    """
    options = csv.ReadOptions(column_names=list(_TYPES))
    convert = csv.ConvertOptions(column_types=_TYPES)
    try:
        tables = [csv.read_csv(path, read_options=options, convert_options=convert) for path in files]
    except pa.ArrowInvalid as error:
        raise FeatureMismatch("The scores are not lines of a record id and one number.") from error
    given = pa.concat_tables(tables).to_pandas() if tables else pd.DataFrame(columns=list(_TYPES))
    scores = given.set_index("record_id")["score"].astype(np.float64)
    paired = scores.index.is_unique and (len(scores) == len(record_ids) or not of_all)
    if not paired or not pd.Index(record_ids).isin(scores.index).all():
        message = f"{len(record_ids)} patients and {len(scores)} scores do not pair up one to one."
        raise CountsDisagree(message)
    found: Floats = scores.loc[record_ids.tolist()].to_numpy()
    return found
