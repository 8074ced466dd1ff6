"""The offline store: where a feature group's records land, some minutes after they were written.

The rows of a large file are written here as the service would write them: under the hour of their event time,
with the three columns that it adds. An object's name carries the upload's id and the chunk's number, so that
a chunk that is written again replaces itself.

It reads and writes Parquet with polars, so only functions with the Frames layer may import it.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import polars as pl

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.errors import CountsDisagree, OfflineStoreBehind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinrisk.aws.feature_store import FeatureGroup
    from clinrisk.messages.ingest import Upload
    from clinrisk.messages.message import Reference
    from clinrisk.use_cases.base import UseCase

_BULK = re.compile(r"_([0-9a-f]{20})-\d{5,}\.parquet$")
_BOOKKEEPING: dict[str, type[pl.DataType]] = {
    "record_id": pl.String,
    "event_time": pl.String,
    "upload_id": pl.String,
    "schema_version": pl.Int64,
    "label": pl.Int64,
    "row": pl.Int64,
}


def schema(use_case: UseCase) -> dict[str, type[pl.DataType]]:
    """Return the columns of a use case's feature group in order, with the types that the store keeps."""
    groups = dict.fromkeys(use_case.group_columns, pl.String)
    return _BOOKKEEPING | groups | dict.fromkeys(use_case.feature_names, pl.Float64)


def store_chunk(
    group: FeatureGroup, upload: Upload, index: int, rows: pl.DataFrame, event_time: str
) -> Reference:
    """Write one chunk's rows, its bookkeeping columns among them, and give what was written.

    Both times that the service would note are the event's own: a chunk written again is the same bytes.
    """
    moment = pl.lit(event_time).str.to_datetime(time_unit="ms", time_zone="UTC")
    columns = schema(use_cases.get(upload.use_case))
    records = rows.select(pl.col(name).cast(kind) for name, kind in columns.items()).with_columns(
        write_time=moment, api_invocation_time=moment, is_deleted=pl.lit(value=False)
    )
    stream = io.BytesIO()
    records.write_parquet(stream, compression="snappy")
    bucket, folder = s3.split(_hour(group, event_time))
    key = folder + _name(upload.upload_id, index, event_time)
    return s3.store(bucket, key, stream.getvalue(), "application/vnd.apache.parquet")


def check_chunks(group: FeatureGroup, upload_id: str, event_time: str, expected: Iterable[Reference]) -> None:
    """Pass silently when the objects of an upload in the store are these, by name; raises CountsDisagree.

    Their bytes are not read again: S3 checked each one's digest when it took it, and a chunk that is written
    again is the same bytes.
    """
    found = {uri for uri in _files(group, event_time) if _owner(uri) == upload_id}
    if found != {reference.uri for reference in expected}:
        raise CountsDisagree("The offline store does not hold the chunks of the file that were written.")


def check_landed(group: FeatureGroup, upload_id: str, event_time: str, rows: int) -> None:
    """Pass silently when the rows of one upload have landed; raises OfflineStoreBehind until then.

    They lie under the hour of their common event time, and only their row numbers are read: a retried write
    lands twice and counts once. More rows than were committed are another file's, or none: CountsDisagree.
    """
    parts = [_rows(uri, upload_id) for uri in _files(group, event_time) if not _owner(uri)]
    landed = pl.concat(parts).n_unique() if parts else 0
    if landed > rows:
        raise CountsDisagree(f"The offline store holds {landed} rows of an upload of {rows}.")
    if landed < rows:
        raise OfflineStoreBehind(f"The offline store holds {landed} of the {rows} rows of the upload.")


def _hour(group: FeatureGroup, event_time: str) -> str:
    """Return the folder of an hour of event time."""
    year, month, day, hour = event_time[:4], event_time[5:7], event_time[8:10], event_time[11:13]
    return f"{group.offline_prefix}year={year}/month={month}/day={day}/hour={hour}/"


def _name(upload_id: str, index: int, event_time: str) -> str:
    """Name a chunk's file as the service names its own, with our two facts in place of its random letters.

    >>> _name("0123456789abcdef0123", 7, "2026-01-31T12:00:00.000Z")
    '20260131T120000Z_0123456789abcdef0123-00007.parquet'
    """
    digits = event_time[:19].replace("-", "").replace(":", "")
    return f"{digits}Z_{upload_id}-{index:05d}.parquet"


def _owner(uri: str) -> str:
    """Name the upload that wrote a file in bulk, or "" where the service wrote it.

    >>> _owner("s3://lake/hour=12/20260131T120000Z_0123456789abcdef0123-00007.parquet")
    '0123456789abcdef0123'
    >>> _owner("s3://lake/hour=12/20260131T120000Z_aBcDeFgHiJkLmNoP.parquet")
    ''
    """
    found = _BULK.search(uri)
    return found[1] if found else ""


def _files(group: FeatureGroup, event_time: str) -> list[str]:
    """List the files of the hour, as addresses."""
    bucket, folder = s3.split(_hour(group, event_time))
    return [s3.uri_of(bucket, key) for key in s3.keys_under(bucket, folder) if key.endswith(".parquet")]


def _rows(uri: str, upload_id: str) -> pl.Series:
    """Read the upload's row numbers in one file."""
    found = pl.read_parquet(io.BytesIO(s3.fetch_current(uri)), columns=["upload_id", "row"])
    return found.filter(pl.col("upload_id") == upload_id)["row"].cast(pl.Int64)
