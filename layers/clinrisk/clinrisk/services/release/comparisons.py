"""The documents that compare a waiting candidate with the live model: counts, and no patient."""

from __future__ import annotations

import json
from typing import Any

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.release import shadow


def texts(use_case: str, run_id: str) -> dict[str, bytes]:
    """Read every comparison of a candidate by the name of its batch: the recent batches first."""
    bucket, folder = settings().lake_bucket, object_keys.comparisons(use_case, run_id)
    first = object_keys.comparison(use_case, run_id, shadow.REPLAY)
    return {
        key.removeprefix(folder).removesuffix(".json"): s3.fetch_current(s3.uri_of(bucket, key))
        for key in sorted(s3.keys_under(bucket, folder), key=lambda key: (key != first, key))
    }


def documents(use_case: str, run_id: str) -> list[dict[str, Any]]:
    """Return the comparison documents in that order."""
    return [json.loads(data) for data in texts(use_case, run_id).values()]
