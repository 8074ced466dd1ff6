"""Assemble Training Set: the offline store as it was at the plan's moment, split by patient, hashed.

Reads  input/plan/plan.json and, once there is feedback, acted_on.json; input/offline/**/*.parquet (the
       feature group's own layout, any hour).
Writes output/set/training.csv, holdout.csv, manifest.json, reference.json, and, where a tuning job is to
       search, tuning/train/ and tuning/validation/.
The manifest carries no time and no name that changes between runs: same rows and seed, same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from clinrisk import use_cases
from clinrisk.core.profiles import feature_profile
from clinrisk.core.training.training_plan import TrainingPlan
from clinrisk.errors import (
    CountsDisagree,
    EvidenceChanged,
    FeatureMismatch,
    MachineTooSmall,
    NotEnoughData,
    ObjectMissing,
)
from clinrisk.jobs.container import machine_memory, read_json, write_json
from clinrisk.jobs.patient_tables import (
    Patients,
    feature_matrix,
    patients_of,
    read_parquet,
    set_schema,
    sha256_of,
    write_csv,
)
from clinrisk.jobs.training import tuning_set
from clinrisk.jobs.training.duplicates import duplicates_of
from clinrisk.jobs.training.folds import same_patient
from clinrisk.jobs.training.public_rows import public_source
from clinrisk.use_cases.base import GROUP_PREFIX, UNKNOWN_GROUP

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from clinrisk.jobs.container import Container
    from clinrisk.use_cases.base import UseCase

HOLDOUT_SHARE = 0.2
SPLIT_RULE = "sha256 of the record id, of equal rows that of the first seen"
BYTES_PER_ROW = 2_500
"""Of memory, while the set is put together: measured at a million rows of 20 features."""
_SERVICE = ("is_deleted", "api_invocation_time", "write_time")
_ORDERING = ("event_time", *_SERVICE)


def run(container: Container) -> None:
    """Write the training set of the plan; raises NotEnoughData, FeatureMismatch, ObjectMissing."""
    plan = TrainingPlan.from_dict(read_json(container.input("plan") / "plan.json"))
    use_case = use_cases.get(plan.use_case)
    if plan.feature_digest != use_case.feature_digest:
        raise FeatureMismatch("The plan was made for other features than this code has.")
    _check_memory(plan, machine_memory())
    stored = read_offline(container.input("offline"), use_case, plan)
    table = as_of(stored, plan)
    held_out = is_held_out(split_ids(table, use_case))
    folder = container.output("set")
    parts = {"training": table[~held_out], "holdout": table[held_out]}
    for name, part in parts.items():
        write_csv(folder / f"{name}.csv", part, set_schema(use_case))
    patients = {name: patients_of(part, use_case) for name, part in parts.items()}
    _check_enough(patients["training"], use_case)
    reference = reference_profile(patients["training"], use_case)
    write_json(folder / "reference.json", reference.to_dict())
    document = manifest(folder, patients, use_case, plan) | provenance(stored, use_case, plan)
    for name, count in acted_on(container.input("plan"), patients, plan).items():
        document["parts"][name]["acted_on"] = count
    if container.environment.get(tuning_set.SETTING) == tuning_set.TUNING:
        document["tuning"] = tuning_set.write_tuning_set(
            folder / "tuning", patients["training"], use_case.feature_names, plan.seed
        )
    write_json(folder / "manifest.json", document)


def read_offline(folder: Path, use_case: UseCase, plan: TrainingPlan) -> pd.DataFrame:
    """Read the rows that the plan names from every Parquet file; raises ObjectMissing when there is no file.

    Rows of other uploads are never held: nobody counted them when the memory was weighed.
    """
    texts = ("record_id", "upload_id", "event_time", "api_invocation_time", "write_time")
    types = pa.schema([*((name, pa.string()) for name in texts), ("is_deleted", pa.bool_())])
    types = pa.unify_schemas([set_schema(use_case), types])
    tables = [
        _planned(read_parquet(path, types, optional=_SERVICE), plan)
        for path in sorted(folder.rglob("*.parquet"))
    ]
    if not tables:
        raise ObjectMissing("The offline store holds no data yet.")
    return pd.concat(tables, ignore_index=True)


def _planned(rows: pd.DataFrame, plan: TrainingPlan) -> pd.DataFrame:
    """Keep what was there at the plan's moment: committed rows, and deletions whoever wrote them."""
    known = rows.assign(is_deleted=rows["is_deleted"].eq(True))  # noqa: FBT003 - as a value
    committed = known["upload_id"].isin(plan.upload_ids)
    return known[(known["event_time"] <= plan.as_of) & (committed | known["is_deleted"])]


def as_of(known: pd.DataFrame, plan: TrainingPlan) -> pd.DataFrame:
    """Return, sorted by record id, the newest row of each patient among those that `read_offline` read.

    Patients whose newest row is a deletion, or has no label, are left out; a group that nobody named is
    "unknown". Raises CountsDisagree unless every committed row is there.
    `first_seen` is the moment of each patient's first row.
    """
    labelled = known[~known["is_deleted"] & known["label"].notna()]
    found = len(labelled.drop_duplicates(["upload_id", "record_id"]))
    if found != plan.expected_rows:
        message = f"The offline store holds {found} labelled rows of uploads that have {plan.expected_rows}."
        raise CountsDisagree(message)
    order = {upload: position for position, upload in enumerate(plan.upload_ids)}
    # Newest last; at the same moment a deletion wins, then the upload that arrived later in the inbox (event
    # times are those of the files, to the second), then whatever reached the store later.
    names = ["record_id", *_ORDERING[:2], "arrival", *_ORDERING[2:], "upload_id"]
    newest = (
        known.assign(
            arrival=known["upload_id"].map(order).fillna(-1),
            first_seen=known.groupby("record_id")["event_time"].transform("min"),
        )
        .sort_values(names)
        .drop_duplicates("record_id", keep="last")
    )
    kept = newest[~newest["is_deleted"] & newest["label"].notna()]
    groups = dict.fromkeys((name for name in kept.columns if name.startswith(GROUP_PREFIX)), UNKNOWN_GROUP)
    return kept.drop(columns=["arrival", *_ORDERING, "upload_id"]).fillna(groups)


def _check_memory(plan: TrainingPlan, available: int) -> None:
    """Refuse a set that would not fit into the machine; raises MachineTooSmall."""
    needed = plan.expected_rows * BYTES_PER_ROW
    if needed > available:
        raise MachineTooSmall(
            f"A training set of {plan.expected_rows:,} rows takes about {needed / 1e9:.0f} GB of memory, and "
            f"this machine has {available / 1e9:.0f} GB. Choose a larger JobInstanceType."
        )


def split_ids(table: pd.DataFrame, use_case: UseCase) -> list[str]:
    """Return the record id by which each patient is assigned to a part.

    Rows that agree in every input may be one patient under several ids, so they stay together: the id that
    was seen first decides for all, and a copy that arrives later moves nobody.
    """
    group = same_patient(feature_matrix(table, use_case.feature_names))
    ids = table[["record_id", "first_seen"]].assign(group=group)
    first = ids.sort_values(["first_seen", "record_id"]).drop_duplicates("group").set_index("group")
    deciding: list[str] = first["record_id"].reindex(group.tolist()).to_list()
    return deciding


def is_held_out(record_ids: list[str], share: float = HOLDOUT_SHARE) -> NDArray[np.bool_]:
    """Return whether each patient is held out: a hash of the record id decides, once for ever.

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
    """Return what the set is: digests, counts, rules. What differs between runs stays in plan.json."""
    return {
        "use_case": use_case.name,
        "schema_version": use_case.schema_version,
        "features": list(use_case.feature_names),
        "feature_digest": use_case.feature_digest,
        "seed": plan.seed,
        "split": {"rule": SPLIT_RULE, "holdout_share": HOLDOUT_SHARE},
        "duplicates": duplicates_of(np.vstack([part.features for part in patients.values()]), use_case),
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


def acted_on(folder: Path, patients: dict[str, Patients], plan: TrainingPlan) -> dict[str, int]:
    """Count the patients of each part whose flag a clinician accepted; nothing before any feedback.

    Raises EvidenceChanged where the list is not that of the plan.
    """
    if not plan.acted_on:
        return {}
    path = folder / "acted_on.json"
    if sha256_of(path) != plan.acted_on:
        raise EvidenceChanged("The list of patients whose flag was accepted is not that of the plan.")
    listed = read_json(path)
    return {name: int(np.isin(part.record_ids, listed).sum()) for name, part in patients.items()}


def provenance(stored: pd.DataFrame, use_case: UseCase, plan: TrainingPlan) -> dict[str, Any]:
    """Return the files that the set comes from, and what became of their rows on the way to a patient."""
    labelled = stored[~stored["is_deleted"] & stored["label"].notna()]
    sources = []
    for source in plan.sources:
        rows = labelled[labelled["upload_id"] == source.upload_id]
        public = public_source(rows, use_case)
        sources.append(asdict(source) | {"public": "" if public is None else public.rows_sha256})
    accepted = sum(source.rows_accepted for source in plan.sources)
    quarantined = sum(source.rows_quarantined for source in plan.sources)
    flow = {
        "files": len(plan.sources),
        "rows": accepted + quarantined,
        "rows_quarantined": quarantined,
        "rows_without_outcome": accepted - plan.expected_rows,
        "rows_labelled": plan.expected_rows,
    }
    return {"sources": sources, "flow": flow}


def _missing(part: Patients, use_case: UseCase) -> dict[str, int]:
    """Count the missing cells of each feature that has any."""
    counts = np.isnan(part.features).sum(axis=0).tolist()
    return {name: count for name, count in zip(use_case.feature_names, counts, strict=True) if count}
