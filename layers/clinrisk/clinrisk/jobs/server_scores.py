"""The scores that the server of a batch transform gave, paired with their patients or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from clinrisk.errors import CountsDisagree, FeatureMismatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats


def score_files(folder: Path) -> list[Path]:
    """List the server's answers below a folder, in order, the empty ones left out."""
    return [path for path in sorted(folder.rglob("*.out")) if path.stat().st_size]


def served(files: Iterable[Path], inputs: Sequence[str] = ()) -> pd.DataFrame:
    """Return what was served by record id: the score, after the `inputs` that were served with it.

    Raises FeatureMismatch where a line is not that.
    """
    types = {"record_id": pa.string()} | dict.fromkeys((*inputs, "score"), pa.float64())
    options = csv.ReadOptions(column_names=list(types))
    convert = csv.ConvertOptions(column_types=types)
    try:
        tables = [csv.read_csv(path, read_options=options, convert_options=convert) for path in files]
    except pa.ArrowInvalid as error:
        expected = f"{len(inputs) + 1} numbers" if inputs else "one number"
        raise FeatureMismatch(f"The scores are not lines of a record id and {expected}.") from error
    given = pa.concat_tables(tables).to_pandas() if tables else pd.DataFrame(columns=list(types))
    return given.set_index("record_id").astype(np.float64)


def in_order(given: pd.DataFrame, record_ids: NDArray[np.str_], *, of_all: bool = True) -> pd.DataFrame:
    """Return what was served in the patients' order.

    Raises CountsDisagree unless each patient is there once and, where these are all that were served,
    nobody else is.
    """
    paired = given.index.is_unique and (len(given) == len(record_ids) or not of_all)
    if not paired or not pd.Index(record_ids).isin(given.index).all():
        message = f"{len(record_ids)} patients and {len(given)} scores do not pair up one to one."
        raise CountsDisagree(message)
    ordered: pd.DataFrame = given.loc[record_ids.tolist()]
    return ordered


def scores_of(files: Iterable[Path], record_ids: NDArray[np.str_]) -> Floats:
    """Return the server's scores in the patients' order, checked as in `served` and `in_order`."""
    found: Floats = in_order(served(files), record_ids)["score"].to_numpy()
    return found
