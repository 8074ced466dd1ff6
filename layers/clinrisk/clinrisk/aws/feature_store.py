"""Feature Store: records written in batches by a bounded number of threads, or a chunk at a time in bulk.

A file of up to BULK_BYTES goes record by record through the service. A larger one is written to the offline
store as the service itself would write it, which is AWS's own way for large loads (the Feature Store Spark
connector with target_stores OfflineStore): one object per chunk instead of thousands of calls, at no charge
per record. An online store, where there is one, gets every record through the service all the same.

BatchWriteRecord is newer than some runtimes: where the client lacks it, records are put one by one. A
record that was not written is tried again; when it still is not, the whole call fails and the state's Retry
starts over, which writes the same records again and changes nothing.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk.aws import clients
from clinrisk.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clinrisk.use_cases.base import UseCase

BULK_BYTES = 1024 * 1024
THREADS = 8
BATCH = 25
TRIES = 6
ONLINE_ONLY = ("OnlineStore",)
_FIRST_PAUSE = 0.1

Record = list[dict[str, str]]


@dataclass(frozen=True)
class FeatureGroup:
    """Where the records of a use case's present contract go."""

    name: str
    offline_prefix: str
    """The S3 prefix, ending in "/", under which they land."""
    online: bool
    """Whether there is an online store as well."""


def feature_group(prefix: str, use_case: UseCase) -> FeatureGroup:
    """Return the feature group of a use case's present contract, as the service describes it."""
    name = group_name(prefix, use_case)
    found = clients.sagemaker().describe_feature_group(FeatureGroupName=name)
    uri = found["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    online = found.get("OnlineStoreConfig", {}).get("EnableOnlineStore", False)
    return FeatureGroup(name, uri.rstrip("/") + "/", online)


def group_name(prefix: str, use_case: UseCase) -> str:
    """Return the name of the feature group of a use case's present contract.

    >>> from clinrisk import use_cases
    >>> group_name("clinrisk", use_cases.get("heart"))
    'clinrisk-heart-v1'
    """
    return f"{prefix}-{use_case.contract_id}"


def record(values: Mapping[str, object]) -> Record:
    """Spell one row as a record: every value as text, missing values left out.

    >>> record({"record_id": "a1", "age": 63.0, "bmi": None})
    [{'FeatureName': 'record_id', 'ValueAsString': 'a1'}, {'FeatureName': 'age', 'ValueAsString': '63.0'}]
    """
    return [
        {"FeatureName": name, "ValueAsString": str(value)}
        for name, value in values.items()
        if value is not None
    ]


def write(group: str, records: Sequence[Record], stores: Sequence[str] = ()) -> None:
    """Write all records to a feature group, or to those of its stores that are named.

    Raises TransientError when some could not be written.
    """
    target = {"FeatureGroupName": group} | ({"TargetStores": list(stores)} if stores else {})
    batches = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
    client = clients.feature_store(THREADS)
    write_batch = _write_batch if hasattr(client, "batch_write_record") else _put_each
    with ThreadPoolExecutor(max_workers=THREADS) as threads:
        # list() waits for every batch and raises the first error.
        list(threads.map(lambda batch: write_batch(client, target, batch), batches))


def _write_batch(client: Any, target: Mapping[str, Any], batch: Sequence[Record]) -> None:
    entries = [{**target, "Record": record} for record in batch]
    pause = _FIRST_PAUSE
    for _ in range(TRIES):
        answer = client.batch_write_record(Entries=entries)
        entries = [*answer["UnprocessedEntries"], *(error["Entry"] for error in answer["Errors"])]
        if not entries:
            return
        time.sleep(pause)
        pause *= 2
    raise TransientError(f"The Feature Store did not take {len(entries)} records in {TRIES} tries.")


def _put_each(client: Any, target: Mapping[str, Any], batch: Sequence[Record]) -> None:
    for entry in batch:
        client.put_record(**target, Record=entry)
