"""What do I get? Patients as arrays: read from CSV by pyarrow, written as the same bytes each time."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import csv

from clinrisk.errors import FeatureMismatch, ObjectMissing
from clinrisk.use_cases.base import GROUP_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

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
    """Give the columns of training.csv and holdout.csv."""
    columns = [("record_id", pa.string()), ("label", pa.int64())]
    columns += [(name, pa.string()) for name in use_case.group_columns]
    columns += [(name, pa.float64()) for name in use_case.feature_names]
    return pa.schema(columns)


def write_csv(path: Path, table: pa.Table) -> str:
    """Write a table and give the sha256 of its bytes; a missing number is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    csv.write_csv(table, path, csv.WriteOptions(quoting_style="needed"))
    return sha256_of(path)


def read_set(path: Path, use_case: UseCase) -> Patients:
    """Read training.csv or holdout.csv; raises FeatureMismatch unless its columns are the use case's."""
    if not path.is_file():
        message = f"The file {path.name} is missing from the job's inputs."
        raise ObjectMissing(message)
    schema = set_schema(use_case)
    options = csv.ConvertOptions(
        column_types=schema, null_values=[""], strings_can_be_null=False, quoted_strings_can_be_null=False
    )
    table = csv.read_csv(path, convert_options=options)
    if table.column_names != schema.names:
        message = f"The columns of {path.name} are not those of the use case {use_case.name}."
        raise FeatureMismatch(message)
    patients = patients_of(table, use_case)
    if not np.isin(patients.labels, (0, 1)).all():
        message = f"The labels of {path.name} are not all 0 or 1."
        raise FeatureMismatch(message)
    return patients


def patients_of(table: pa.Table, use_case: UseCase) -> Patients:
    """Turn a table with the columns of `set_schema` into arrays."""
    return Patients(
        record_ids=strings(table, "record_id"),
        labels=table["label"].to_numpy().astype(np.int64),
        features=feature_matrix(table, use_case.feature_names),
        groups={name.removeprefix(GROUP_PREFIX): strings(table, name) for name in use_case.group_columns},
    )


def read_scores(path: Path) -> pa.Table:
    """Read out_of_fold.csv; record ids stay text even where every one of them looks like a number."""
    if not path.is_file():
        message = f"The file {path.name} is missing from the job's inputs."
        raise ObjectMissing(message)
    return csv.read_csv(path, convert_options=csv.ConvertOptions(column_types={"record_id": pa.string()}))


def strings(table: pa.Table, name: str) -> NDArray[np.str_]:
    """Give a text column as an array of str."""
    return np.array(table[name].to_pylist(), dtype=np.str_)


def feature_matrix(table: pa.Table, names: tuple[str, ...]) -> Floats:
    """Give the named columns as one float matrix, missing as NaN, in the order of `names`."""
    absent = [name for name in names if name not in table.column_names]
    if absent:
        message = f"The data lack {len(absent)} of the model's {len(names)} features: {', '.join(absent)}."
        raise FeatureMismatch(message)
    columns = [table[name].cast(pa.float64()).to_numpy() for name in names]
    # The trees compute with single precision; validation lets nothing near its limit pass.
    beyond = [name for name, column in zip(names, columns, strict=True) if (np.abs(column) > _LARGEST).any()]
    if beyond:
        message = f"The data hold values that no measurement can have, in {', '.join(beyond)}."
        raise FeatureMismatch(message)
    return np.column_stack(columns) if columns else np.empty((table.num_rows, 0))


def sha256_of(path: Path) -> str:
    """Give the sha256 of a file's bytes."""
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
