"""Assemble Training Set: the offline store as it was at the plan's moment, split by patient, hashed.

Reads  input/plan/plan.json, input/offline/**/*.parquet (the feature group's own layout, any hour).
Writes output/set/training.csv, holdout.csv, manifest.json, reference.json, and, where a tuning job is to
       search, tuning/train/ and tuning/validation/.
The manifest carries no time and no name that changes between runs: same rows and seed, same bytes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from clinrisk import use_cases
from clinrisk.core.profiles import feature_profile
from clinrisk.core.training.training_plan import TrainingPlan
from clinrisk.errors import (
    CountsDisagree,
    FeatureMismatch,
    MachineTooSmall,
    NotEnoughData,
    ObjectMissing,
)
from clinrisk.jobs.container import machine_memory, read_json, write_json
from clinrisk.jobs.patient_tables import Patients, patients_of, set_schema, sha256_of, write_csv
from clinrisk.jobs.training import tuning_set
from clinrisk.use_cases.base import GROUP_PREFIX, UNKNOWN_GROUP

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from clinrisk.jobs.container import Container
    from clinrisk.use_cases.base import UseCase

HOLDOUT_SHARE = 0.2
BYTES_PER_ROW = 2_500
"""Of memory, while the set is put together: measured at a million rows of 20 features."""
_BOOKKEEPING = ("record_id", "event_time", "upload_id", "label")
_ORDERING = ("event_time", "is_deleted", "api_invocation_time", "write_time")
_ARRIVAL = "arrival"
"""Newest last; at the same moment a deletion wins, then the upload that arrived later in the inbox (event
times are those of the files, to the second), then whatever reached the store later."""


def run(container: Container) -> None:
    """Write the training set of the plan; raises NotEnoughData, FeatureMismatch, ObjectMissing."""
    plan = TrainingPlan.from_dict(read_json(container.input("plan") / "plan.json"))
    use_case = use_cases.get(plan.use_case)
    if plan.feature_digest != use_case.feature_digest:
        raise FeatureMismatch("The plan was made for other features than this code has.")
    _check_memory(plan, machine_memory())
    stored = read_offline(container.input("offline"), use_case, plan)
    table = as_of(stored, plan)
    held_out = is_held_out(table["record_id"].to_pylist())
    folder = container.output("set")
    parts = {
        "training": table.filter(pa.array(~held_out)),
        "holdout": table.filter(pa.array(held_out)),
    }
    for name, part in parts.items():
        write_csv(folder / f"{name}.csv", part)
    patients = {name: patients_of(part, use_case) for name, part in parts.items()}
    _check_enough(patients["training"], use_case)
    reference = reference_profile(patients["training"], use_case)
    write_json(folder / "reference.json", reference.to_dict())
    document = manifest(folder, patients, use_case, plan)
    if container.environment.get(tuning_set.SETTING) == tuning_set.TUNING:
        document["tuning"] = tuning_set.write_tuning_set(
            folder / "tuning", patients["training"], use_case.feature_names, plan.seed
        )
    write_json(folder / "manifest.json", document)


def read_offline(folder: Path, use_case: UseCase, plan: TrainingPlan) -> pa.Table:
    """Read what the plan speaks of in every Parquet file; raises ObjectMissing when there is none.

    Rows of other uploads are never held: nobody counted them when the memory was weighed.
    """
    schema = _offline_schema(use_case)
    tables = []
    for path in sorted(folder.rglob("*.parquet")):
        # One file at a time and by hand: a dataset reader would add year=, month=, day=, hour= as columns.
        file = parquet.ParquetFile(path)
        present = [name for name in schema.names if name in file.schema_arrow.names]
        absent = [name for name in schema.names if name not in present and name not in _ORDERING]
        if absent:
            message = (
                f"The offline store lacks {len(absent)} columns of {use_case.name}: {', '.join(absent)}."
            )
            raise FeatureMismatch(message)
        found = file.read(columns=present)
        tables.append(_planned(pa.table([_column(found, field) for field in schema], schema=schema), plan))
    if not tables:
        raise ObjectMissing("The offline store holds no data yet.")
    return pa.concat_tables(tables)


def _offline_schema(use_case: UseCase) -> pa.Schema:
    """Give the columns read from the offline store, all of one type whatever the writer chose."""
    fields = {name: pa.string() for name in _BOOKKEEPING}
    fields |= {"is_deleted": pa.bool_(), "api_invocation_time": pa.string(), "write_time": pa.string()}
    fields |= {field.name: field.type for field in set_schema(use_case)}
    return pa.schema(list(fields.items()))


def _column(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    """Give one column in the wanted type; the service's own columns may be absent."""
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(table.num_rows, field.type)])
    return table[field.name].cast(field.type)


def _planned(rows: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Keep what was there at the plan's moment: committed rows, and deletions whoever wrote them."""
    deleted = pc.fill_null(rows["is_deleted"], fill_value=False)
    committed = pc.is_in(rows["upload_id"], value_set=pa.array(plan.upload_ids, pa.string()))
    in_time = pc.less_equal(rows["event_time"], plan.as_of)
    known = rows.set_column(rows.schema.get_field_index("is_deleted"), "is_deleted", deleted)
    return known.filter(pc.and_(in_time, pc.or_(committed, deleted)))


def as_of(known: pa.Table, plan: TrainingPlan) -> pa.Table:
    """Give, sorted by record id, the newest row of each patient among those that `read_offline` read."""
    _check_complete(known, plan)
    arrival = pc.index_in(known["upload_id"], value_set=pa.array(plan.upload_ids, pa.string()))
    known = known.append_column(_ARRIVAL, pc.fill_null(arrival, -1))
    names = ("record_id", *_ORDERING[:2], _ARRIVAL, *_ORDERING[2:], "upload_id")
    ordered = known.sort_by([(name, "ascending") for name in names]).drop_columns([_ARRIVAL])
    ids = np.array(ordered["record_id"].to_pylist(), dtype=np.str_)
    last = np.r_[ids[1:] != ids[:-1], True] if len(ids) else np.zeros(0, dtype=bool)
    newest = ordered.filter(pa.array(last))
    return _labelled(newest.filter(pc.invert(newest["is_deleted"])))


def _check_memory(plan: TrainingPlan, available: int) -> None:
    """Refuse what would end without a word when the machine runs out of memory."""
    needed = plan.expected_rows * BYTES_PER_ROW
    if needed > available:
        raise MachineTooSmall(
            f"A training set of {plan.expected_rows:,} rows takes about {needed / 1e9:.0f} GB of memory, and "
            f"this machine has {available / 1e9:.0f} GB. Choose a larger JobInstanceType."
        )


def _check_complete(known: pa.Table, plan: TrainingPlan) -> None:
    """Refuse rows that are more or fewer than were committed; a retried write lands twice and counts once."""
    rows = known.filter(pc.and_(pc.invert(known["is_deleted"]), pc.is_valid(known["label"])))
    found = (
        rows.select(["upload_id", "record_id"]).group_by(["upload_id", "record_id"]).aggregate([]).num_rows
    )
    if found != plan.expected_rows:
        message = f"The offline store holds {found} labelled rows of uploads that have {plan.expected_rows}."
        raise CountsDisagree(message)


def _labelled(newest: pa.Table) -> pa.Table:
    """Keep the labelled rows and the columns of the set; a group that nobody named is "unknown"."""
    kept = newest.filter(pc.is_valid(newest["label"]))
    names = ["record_id", "label"]
    names += [name for name in kept.column_names if name not in (*_BOOKKEEPING, *_ORDERING)]
    columns = [
        pc.fill_null(kept[name], UNKNOWN_GROUP) if name.startswith(GROUP_PREFIX) else kept[name]
        for name in names
    ]
    return pa.table(columns, names=names)


def is_held_out(record_ids: list[str], share: float = HOLDOUT_SHARE) -> NDArray[np.bool_]:
    """Say which patients are held out: a hash of the record id decides, so a patient never changes sides.

    No seed takes part: the next retraining holds out the same patients, and so does the one after.

    >>> is_held_out(["a", "b", "c", "d"]).tolist() == is_held_out(["a", "b", "c", "d"]).tolist()
    True
    """
    limit = int(share * 2**32)
    digests = (hashlib.sha256(f"clinrisk holdout {record_id}".encode()).digest() for record_id in record_ids)
    return np.array([int.from_bytes(digest[:4], "big") < limit for digest in digests], dtype=bool)


def _check_enough(training: Patients, use_case: UseCase) -> None:
    """Refuse to train on less than the use case asks, or on one class; raises NotEnoughData."""
    if not len(training):
        raise NotEnoughData("The training part holds no labelled patient: nothing can be learned.")
    if not 0 < training.positives < len(training):
        raise NotEnoughData("The training part holds patients of one outcome only: nothing can be learned.")
    needed = int(use_case.min_training_rows * (1 - HOLDOUT_SHARE) / 2)
    if len(training) < needed:
        message = f"The training part holds {len(training)} patients; at least {needed} are needed."
        raise NotEnoughData(message)


def reference_profile(training: Patients, use_case: UseCase) -> feature_profile.Profile:
    """Profile the training part: what later batches are compared with."""
    columns = {name: training.features[:, index] for index, name in enumerate(use_case.feature_names)}
    groups = {name: feature_profile.count_values(of.tolist()) for name, of in training.groups.items()}
    label = feature_profile.count_values(training.labels.tolist())
    return feature_profile.profile_of(use_case, columns, groups, label)


def manifest(
    folder: Path, patients: dict[str, Patients], use_case: UseCase, plan: TrainingPlan
) -> dict[str, Any]:
    """Say what the set is: digests, counts, rules. Upload ids and times stay in plan.json, and differ."""
    return {
        "use_case": use_case.name,
        "schema_version": use_case.schema_version,
        "features": list(use_case.feature_names),
        "feature_digest": use_case.feature_digest,
        "seed": plan.seed,
        "split": {"rule": "sha256 of the record id", "holdout_share": HOLDOUT_SHARE},
        "parts": {
            name: {
                "sha256": sha256_of(folder / f"{name}.csv"),
                "rows": len(part),
                "positives": part.positives,
                "missing": _missing(part, use_case),
                "groups": {
                    attribute: feature_profile.count_values(of.tolist())
                    for attribute, of in part.groups.items()
                },
            }
            for name, part in patients.items()
        },
        "reference_sha256": sha256_of(folder / "reference.json"),
        "rows_quarantined": plan.rows_quarantined,
    }


def _missing(part: Patients, use_case: UseCase) -> dict[str, int]:
    """Count the missing cells of each feature that has any."""
    counts = np.isnan(part.features).sum(axis=0).tolist()
    return {name: count for name, count in zip(use_case.feature_names, counts, strict=True) if count}
