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


def prefix(feature_group: str) -> str:
    """Give the S3 prefix, ending in "/", under which the group's records land."""
    found = clients.sagemaker().describe_feature_group(FeatureGroupName=feature_group)
    uri = found["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    return uri.rstrip("/") + "/"


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
