"""Patients as tables: read from CSV, Parquet and model archives, written as the same bytes each time.

Tables are pandas'; pyarrow reads and writes their files, since it keeps every digit, takes ids for text, and
gives one table one sequence of bytes.
"""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from clinrisk.errors import FeatureMismatch, ObjectMissing
from clinrisk.use_cases.base import GROUP_PREFIX

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from clinrisk.jobs.evaluation.metrics import Floats, Labels
    from clinrisk.use_cases.base import UseCase

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Patients:
    """One row per patient: record ids, labels, model features (missing is NaN) and protected groups."""

    record_ids: NDArray[np.str_]
    labels: Labels
    features: Floats
    groups: dict[str, NDArray[np.str_]]

    def __len__(self) -> int:
        """Return the number of patients."""
        return len(self.record_ids)

    @property
    def positives(self) -> int:
        """Number of patients with the condition."""
        return int(self.labels.sum())


def set_schema(use_case: UseCase) -> pa.Schema:
    """Return the columns of training.csv and holdout.csv."""
    columns = [("record_id", pa.string()), ("label", pa.int64())]
    columns += [(name, pa.string()) for name in use_case.group_columns]
    columns += [(name, pa.float64()) for name in use_case.feature_names]
    return pa.schema(columns)


def read_parquet(path: Path, schema: pa.Schema, optional: Container[str] = ()) -> pd.DataFrame:
    """Read the columns of `schema`, in its types whatever the writer chose; a missing value is NaN or None.

    Raises FeatureMismatch when a column is absent that is not `optional`; those are empty then.
    """
    # By hand, since a reader of folders would add year, month, day and hour of the path as columns.
    file = parquet.ParquetFile(path)
    present = [field for field in schema if field.name in file.schema_arrow.names]
    absent = [name for name in schema.names if name not in file.schema_arrow.names and name not in optional]
    if absent:
        message = f"The data lack {len(absent)} of the columns that are needed: {', '.join(absent)}."
        raise FeatureMismatch(message)
    names = [field.name for field in present]
    # Categories and flags are cast by Arrow: pandas knows neither unsigned indices nor flags with gaps.
    rows: pd.DataFrame = file.read(columns=names).select(names).cast(pa.schema(present)).to_pandas()
    return rows.reindex(columns=schema.names)


def write_csv(path: Path, frame: pd.DataFrame, schema: pa.Schema | None = None) -> str:
    """Write a table, in the columns of `schema` if given; return the sha256 of the file.

    A missing number is an empty cell.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
    csv.write_csv(table, path, csv.WriteOptions(quoting_style="needed"))
    return sha256_of(path)


def read_set(path: Path, use_case: UseCase) -> Patients:
    """Read training.csv or holdout.csv.

    Raises ObjectMissing where there is no such file, FeatureMismatch unless its columns are the use case's
    and its labels 0 or 1.
    """
    schema = set_schema(use_case)
    frame = _read_csv(path, schema, empty_is_text=True)
    if list(frame.columns) != schema.names:
        raise FeatureMismatch(f"The columns of {path.name} are not those of the use case {use_case.name}.")
    patients = patients_of(frame, use_case)
    if not np.isin(patients.labels, (0, 1)).all():
        raise FeatureMismatch(f"The labels of {path.name} are not all 0 or 1.")
    return patients


def read_scores(path: Path) -> pd.DataFrame:
    """Read out_of_fold.csv: record_id, fold, label, score, perhaps floor; raises ObjectMissing."""
    return _read_csv(path, pa.schema([("record_id", pa.string())]))


def _read_csv(path: Path, types: pa.Schema, *, empty_is_text: bool = False) -> pd.DataFrame:
    """Read a CSV file; record ids stay text even where every one of them looks like a number."""
    if not path.is_file():
        raise ObjectMissing(f"The file {path.name} is missing from the job's inputs.")
    options = csv.ConvertOptions(
        column_types=types,
        null_values=[""] if empty_is_text else None,
        strings_can_be_null=False,
        quoted_strings_can_be_null=not empty_is_text,
    )
    frame: pd.DataFrame = csv.read_csv(path, convert_options=options).to_pandas()
    return frame


def patients_of(frame: pd.DataFrame, use_case: UseCase) -> Patients:
    """Return a table with the columns of `set_schema` as arrays."""
    return Patients(
        record_ids=texts(frame, "record_id"),
        labels=frame["label"].to_numpy(np.int64),
        features=feature_matrix(frame, use_case.feature_names),
        groups=groups_of(frame, use_case),
    )


def groups_of(frame: pd.DataFrame, use_case: UseCase) -> dict[str, NDArray[np.str_]]:
    """Return each protected attribute's groups, one per row, by the attribute's own name."""
    return {name.removeprefix(GROUP_PREFIX): texts(frame, name) for name in use_case.group_columns}


def texts(frame: pd.DataFrame, name: str) -> NDArray[np.str_]:
    """Return a text column as an array of str."""
    return frame[name].to_numpy(dtype=np.str_)


def feature_matrix(frame: pd.DataFrame, names: tuple[str, ...]) -> Floats:
    """Return the named columns as one float matrix, missing as NaN, in the order of `names`.

    Raises FeatureMismatch when one is absent or holds a value that no measurement can have.
    """
    absent = [name for name in names if name not in frame.columns]
    if absent:
        message = f"The data lack {len(absent)} of the model's {len(names)} features: {', '.join(absent)}."
        raise FeatureMismatch(message)
    features: Floats = frame[list(names)].to_numpy(np.float64)
    # The trees compute with single precision; validation lets nothing near its limit pass.
    beyond = [name for name, far in zip(names, (np.abs(features) > _LARGEST).any(axis=0), strict=True) if far]
    if beyond:
        raise FeatureMismatch(f"The data hold values that no measurement can have, in {', '.join(beyond)}.")
    return features


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpack(folder: Path, archive: str, destination: Path) -> Path:
    """Unpack the one `archive` (model.tar.gz, output.tar.gz) found anywhere below a job's input folder.

    The platform writes it below the training job's own name, which the reader need not know.
    """
    found = sorted(folder.rglob(archive))
    if len(found) != 1:
        message = f"The job's input {folder.name} holds {len(found)} files named {archive}; one was expected."
        raise ObjectMissing(message)
    destination.mkdir(parents=True, exist_ok=True)
    with tarfile.open(found[0], "r:gz") as packed:
        packed.extractall(destination, filter="data")
    return destination
