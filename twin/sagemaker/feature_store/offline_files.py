"""Written records in S3 as Parquet, in the layout, types and file names of AWS's offline store.

`<ResolvedOutputS3Uri>/year=/month=/day=/hour=/<latest event time>_<16 characters>.parquet`, one file per hour
of event time and flush, with write_time, api_invocation_time and is_deleted after the features. AWS flushes
within 15 minutes; here a group is flushed a third of a second after its last write: somebody is waiting.
"""

from __future__ import annotations

import logging
import secrets
import string
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from twin.sagemaker.catalogue import now
from twin.sagemaker.feature_store.feature_records import FeatureRecord, feature_types
from twin.sagemaker.jobs.job_storage import split_uri

if TYPE_CHECKING:
    from twin.sagemaker.platform import Body, Platform

_log = logging.getLogger("twin.sagemaker")
QUIET_SECONDS = 0.3
MAX_BUFFERED = 20_000
_RETRY_SECONDS = 2.0
_ALPHABET = string.ascii_letters + string.digits


class OfflineFiles:
    """Buffers of records by group, flushed by one thread that sleeps while nothing is written."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._buffers: dict[str, tuple[Body, list[FeatureRecord]]] = {}
        self._due_at: dict[str, float] = {}
        self._condition = threading.Condition()
        self._flushing = threading.Lock()
        self._thread: threading.Thread | None = None

    def append(self, group: Body, records: list[FeatureRecord]) -> None:
        """Buffer records of one group; they are in S3 soon after the last of a burst."""
        with self._condition:
            name = group["FeatureGroupName"]
            self._buffers.setdefault(name, (group, []))[1].extend(records)
            self._due_at[name] = time.monotonic() + QUIET_SECONDS
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="offline-store", daemon=True)
                self._thread.start()
            self._condition.notify()

    def buffered(self) -> list[tuple[Body, list[FeatureRecord]]]:
        """Return what is not in S3 yet, by group."""
        return list(self._buffers.values())

    def discard(self, name: str) -> None:
        """Drop what a deleted group had not flushed."""
        with self._condition:
            self._buffers.pop(name, None)

    def flush(self, *, due: bool = False) -> None:
        """Write every buffer, or those that are due; what S3 refuses stays buffered for the next time."""
        with self._flushing:
            with self._condition:
                names = self._due() if due else list(self._buffers)
                taken = {name: self._buffers.pop(name) for name in names}
            for name, (group, records) in taken.items():
                try:
                    self._write(group, records)
                except Exception as error:  # noqa: BLE001 - S3 may be away for any reason: try again
                    _log.warning(
                        "The offline store of %s could not be written: %s", name, type(error).__name__
                    )
                    with self._condition:
                        later = self._buffers.setdefault(name, (group, []))[1]
                        later[:0] = records
                        self._due_at[name] = time.monotonic() + _RETRY_SECONDS

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._due():
                    self._condition.wait(QUIET_SECONDS / 4 if self._buffers else None)
            self.flush(due=True)

    def _due(self) -> list[str]:
        moment = time.monotonic()
        full = sum(len(records) for _, records in self._buffers.values()) >= MAX_BUFFERED
        return [name for name in self._buffers if full or moment >= self._due_at[name]]

    def _write(self, group: Body, records: list[FeatureRecord]) -> None:
        import pyarrow.parquet as pq  # noqa: PLC0415 - 60 MB that a twin without features does without
        from pyarrow import BufferOutputStream  # noqa: PLC0415 - comes with it

        storage = group["OfflineStoreConfig"]["S3StorageConfig"]
        bucket, prefix = split_uri(storage["ResolvedOutputS3Uri"])
        key_id = storage.get("KmsKeyId")
        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key_id} if key_id else {}
        hours: dict[str, list[FeatureRecord]] = defaultdict(list)
        for record in records:
            hours[record.event_time.strftime("year=%Y/month=%m/day=%d/hour=%H")].append(record)
        for hour, group_records in sorted(hours.items()):
            sink = BufferOutputStream()
            pq.write_table(_table(group, group_records), sink, compression="snappy")
            latest = max(record.event_time for record in group_records)
            unique = "".join(secrets.choice(_ALPHABET) for _ in range(16))
            key = f"{prefix}/{hour}/{latest:%Y%m%dT%H%M%SZ}_{unique}.parquet"
            body = sink.getvalue().to_pybytes()
            self._platform.client("s3").put_object(Bucket=bucket, Key=key, Body=body, **extra)
            # One hour at a time leaves the buffer, so a refusal half-way writes nothing twice.
            # By object, not by equality: two equal records were still two writes.
            written = {id(record) for record in group_records}
            records[:] = [record for record in records if id(record) not in written]


def _table(group: Body, records: list[FeatureRecord]) -> Any:
    """Return the Arrow table of one file: features in the order of their definitions, then AWS's columns."""
    import pyarrow as pa  # noqa: PLC0415 - see _write

    kinds = {"String": pa.string(), "Integral": pa.int64(), "Fractional": pa.float64()}
    moment = pa.timestamp("ms", tz="UTC")
    columns = {
        name: pa.array([record.values.get(name) for record in records], kinds[kind])
        for name, kind in feature_types(group).items()
    }
    columns["write_time"] = pa.array([now()] * len(records), moment)
    columns["api_invocation_time"] = pa.array([record.invoked_at for record in records], moment)
    columns["is_deleted"] = pa.array([record.deleted for record in records], pa.bool_())
    return pa.table(columns)
