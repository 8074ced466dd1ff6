"""Objects that a finished run left behind: findings, evaluations, reports, results."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cli.stack import Stack


def newest_objects(stack: Stack, bucket: str, prefix: str, *, suffix: str = "") -> list[Mapping[str, Any]]:
    """Return the objects under a prefix (`Key`, `LastModified`, `Size`), newest first."""
    pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.output(bucket), Prefix=prefix)
    found = [one for page in pages for one in page.get("Contents", []) if one["Key"].endswith(suffix)]
    return sorted(found, key=lambda one: one["LastModified"], reverse=True)


def read_json(stack: Stack, bucket: str, key: str) -> dict[str, Any]:
    """One JSON document."""
    body = stack.s3.get_object(Bucket=stack.output(bucket), Key=key)["Body"].read()
    document: dict[str, Any] = json.loads(body)
    return document


def download(stack: Stack, bucket: str, key: str, target: Path) -> Path:
    """Copy one object to a file; returns the file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    stack.s3.download_file(stack.output(bucket), key, str(target))
    return target


def findings(stack: Stack, use_case: str, *, limit: int) -> list[dict[str, Any]]:
    """Return what the newest monitoring runs found, newest first, each with its time (`written`)."""
    listed = newest_objects(stack, "LakeBucket", f"findings/{use_case}/", suffix=".json")[:limit]
    return [
        read_json(stack, "LakeBucket", one["Key"])
        | {"use_case": use_case, "written": one["LastModified"].isoformat()}
        for one in listed
    ]


def findings_of(stack: Stack, use_case: str, execution: str) -> list[dict[str, Any]]:
    """Return what one monitoring run found."""
    document = read_json(stack, "LakeBucket", f"findings/{use_case}/{execution}.json")
    found: list[dict[str, Any]] = document.get("findings", [])
    return found
