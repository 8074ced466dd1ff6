"""Feature Store: records written in batches by a bounded number of threads.

BatchWriteRecord is newer than some runtimes: where the client lacks it, records are put one by one. A
record that was not written is tried again; when it still is not, the whole call fails and the state's Retry
starts over, which writes the same records again and changes nothing.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from clinrisk.aws import clients
from clinrisk.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

THREADS = 8
BATCH = 25
TRIES = 6
_FIRST_PAUSE = 0.1

Record = list[dict[str, str]]


def group_name(stack: str, use_case: str) -> str:
    """Name the feature group of a use case.

    >>> group_name("clinrisk", "heart")
    'clinrisk-heart-v1'
    """
    return f"{stack}-{use_case}-v1"


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


def write(feature_group: str, records: Sequence[Record]) -> None:
    """Write all records to a feature group; raises TransientError when some could not be written."""
    batches = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
    client = clients.feature_store(THREADS)
    write_batch = _write_batch if hasattr(client, "batch_write_record") else _put_each
    with ThreadPoolExecutor(max_workers=THREADS) as threads:
        # list() waits for every batch and raises the first error.
        list(threads.map(lambda batch: write_batch(client, feature_group, batch), batches))


def _write_batch(client: Any, feature_group: str, batch: Sequence[Record]) -> None:
    entries = [{"FeatureGroupName": feature_group, "Record": record} for record in batch]
    pause = _FIRST_PAUSE
    for _ in range(TRIES):
        answer = client.batch_write_record(Entries=entries)
        entries = [*answer["UnprocessedEntries"], *(error["Entry"] for error in answer["Errors"])]
        if not entries:
            return
        time.sleep(pause)
        pause *= 2
    raise TransientError(f"The Feature Store did not take {len(entries)} records in {TRIES} tries.")


def _put_each(client: Any, feature_group: str, batch: Sequence[Record]) -> None:
    for entry in batch:
        client.put_record(FeatureGroupName=feature_group, Record=entry)
