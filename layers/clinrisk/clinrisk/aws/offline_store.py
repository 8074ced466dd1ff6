"""The offline store: where a feature group's records land, some minutes after they were written.

It reads Parquet with polars, so only functions with the Frames layer may import it.
"""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING

import polars as pl

from clinrisk.aws import clients, objects
from clinrisk.errors import OfflineStoreBehind

if TYPE_CHECKING:
    from collections.abc import Mapping

_IDS_AT_ONCE = 16_000_000


def prefix(feature_group: str) -> str:
    """Give the S3 prefix, ending in "/", under which the group's records land."""
    found = clients.sagemaker().describe_feature_group(FeatureGroupName=feature_group)
    uri = found["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    return uri.rstrip("/") + "/"


def check_landed(offline_prefix: str, upload_id: str, event_time: str, rows: int) -> None:
    """Pass silently when the rows of one upload have landed; raises OfflineStoreBehind until then.

    They lie under the hour of their common event time, and only their record ids are read, in turns when they
    are many: a retried write lands twice and counts once.
    """
    landed = 0
    for digits in _turns(rows):
        ids = [
            part
            for key in _keys_of_hour(offline_prefix, event_time)
            if (part := _ids(key, upload_id, digits)) is not None
        ]
        landed += pl.concat(ids).n_unique() if ids else 0
    if landed < rows:
        raise OfflineStoreBehind(f"The offline store holds {landed} of the {rows} rows of the upload.")


def check_complete(offline_prefix: str, expected: Mapping[str, int]) -> None:
    """Pass silently when each upload's committed rows have landed; raises OfflineStoreBehind until then."""
    landed = _records_by_upload(offline_prefix)
    behind = [upload for upload, rows in expected.items() if landed[upload] < rows]
    if behind:
        message = f"The offline store does not hold all rows of {len(behind)} of {len(expected)} uploads yet."
        raise OfflineStoreBehind(message)


def _records_by_upload(offline_prefix: str) -> Counter[str]:
    """Count the different records of each upload: a retried write lands twice and counts once."""
    bucket, key_prefix = objects.split(offline_prefix)
    found = []
    for key in objects.keys_under(bucket, key_prefix):
        if key.endswith(".parquet"):
            data = objects.fetch_current(objects.uri_of(bucket, key))
            found.append(pl.read_parquet(io.BytesIO(data), columns=["upload_id", "record_id"]))
    if not found:
        return Counter()
    every = pl.concat(found).unique().group_by("upload_id").len()
    return Counter(dict(every.iter_rows()))


def _turns(rows: int) -> list[str]:
    """Divide the record ids by their first digit when there are too many to hold at once."""
    return [""] if rows <= _IDS_AT_ONCE else list("0123456789abcdef")


def _keys_of_hour(offline_prefix: str, event_time: str) -> list[str]:
    """List the files of the hour, as addresses."""
    bucket, key_prefix = objects.split(offline_prefix)
    year, month, day, hour = event_time[:4], event_time[5:7], event_time[8:10], event_time[11:13]
    folder = f"{key_prefix}year={year}/month={month}/day={day}/hour={hour}/"
    return [
        objects.uri_of(bucket, key) for key in objects.keys_under(bucket, folder) if key.endswith(".parquet")
    ]


def _ids(uri: str, upload_id: str, digits: str) -> pl.Series | None:
    """Read the upload's record ids in one file that begin with a digit, as numbers of 64 bits."""
    rows = pl.read_parquet(io.BytesIO(objects.fetch_current(uri)), columns=["upload_id", "record_id"])
    mine = rows.filter(pl.col("upload_id") == upload_id, pl.col("record_id").str.starts_with(digits))
    if mine.is_empty():
        return None
    return (
        mine["record_id"]
        .str.slice(0, 16)
        .str.decode("hex")
        .bin.reinterpret(dtype=pl.UInt64, endianness="big")
    )
