"""Objects in the stack's buckets, found by a key in which `*` stands for any text.

The keys themselves are spelled in `clinrisk.core.object_keys`.
"""

from __future__ import annotations

import io
import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from clinrisk.core import object_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from cli.stack import Stack


LAKE, RESULTS = "LakeBucket", "ResultsBucket"


def objects_under(stack: Stack, bucket: str, prefix: str) -> Iterator[Mapping[str, Any]]:
    """Yield the objects under a prefix (`Key`, `LastModified`, `Size`) in the order of their keys."""
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.output(bucket), Prefix=prefix)
    for page in pages:
        yield from page.get("Contents", [])


def newest_objects(stack: Stack, bucket: str, pattern: str) -> list[Mapping[str, Any]]:
    """Return the objects whose key matches a pattern, newest first."""
    listed = objects_under(stack, bucket, pattern.partition("*")[0])
    found = [one for one in listed if fnmatchcase(one["Key"], pattern)]
    return sorted(found, key=lambda one: one["LastModified"], reverse=True)


def read_json(stack: Stack, bucket: str, key: str) -> dict[str, Any]:
    """Return one JSON document."""
    body = stack.s3.get_object(Bucket=stack.output(bucket), Key=key)["Body"].read()
    document: dict[str, Any] = json.loads(body)
    return document


def quarantined_rows(stack: Stack, use_case: str, upload_id: str) -> list[dict[str, Any]]:
    """Return the rows that the stack has set aside of an upload."""
    import polars as pl

    rows: list[dict[str, Any]] = []
    folder = object_keys.quarantine(use_case, upload_id, 0).rpartition("/")[0] + "/"
    for one in objects_under(stack, LAKE, folder):
        body = stack.s3.get_object(Bucket=stack.output(LAKE), Key=one["Key"])["Body"].read()
        rows += pl.read_parquet(io.BytesIO(body)).to_dicts()
    return rows


def download(stack: Stack, bucket: str, key: str, target: Path) -> str:
    """Copy one object to a file and return the file's name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    stack.s3.download_file(stack.output(bucket), key, str(target))
    return str(target)
