"""Rows as they are stored: the predictions of scored batches, and the files that answer them.

It reads with polars, so only functions with the Frames layer may import it.
"""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING

import polars as pl

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.tables import uploads
from clinrisk.core import object_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from clinrisk.messages.ingest import Settlement
    from clinrisk.use_cases.base import UseCase


def predictions(
    use_case: UseCase, columns: list[str], optional: Sequence[str] = ()
) -> Iterator[tuple[Settlement, pl.DataFrame]]:
    """Yield each scored batch of the present contract, and columns of its predictions with predicted_on.

    Ours are of the day on which their batch was settled; others state theirs.
    """
    bucket = settings().lake_bucket
    stored = object_keys.predictions if use_case.external is None else object_keys.external_folder
    for batch in uploads.used(use_case.name, use_case.scored_purpose):
        keys = s3.keys_under(bucket, stored(use_case.name, batch.upload_id))
        if batch.schema_version == use_case.schema_version and keys:
            predicted_on = dt.datetime.fromisoformat(batch.settled_at).date()
            rows = pl.concat([_read(key, columns, [*optional, "predicted_on"]) for key in keys])
            if "predicted_on" not in rows.columns:
                rows = rows.with_columns(predicted_on=pl.lit(predicted_on))
            yield batch, rows


def answers(
    use_case: str, purpose: str, key_of: Callable[[str, str, int], str], columns: list[str]
) -> dict[str, tuple[Settlement, pl.DataFrame]]:
    """Read every upload of a purpose whose rows count, in the order of their arrival, by upload id."""
    bucket, found = settings().lake_bucket, {}
    for upload in uploads.by_arrival(uploads.used(use_case, purpose)):
        keys = s3.keys_under(bucket, key_of(use_case, upload.upload_id, 0).rpartition("/")[0] + "/")
        if keys:
            found[upload.upload_id] = upload, pl.concat([_read(key, columns) for key in keys])
    return found


def _read(key: str, columns: list[str], optional: Sequence[str] = ()) -> pl.DataFrame:
    """Read the columns of a Parquet file, the optional ones where it has them."""
    data = io.BytesIO(s3.fetch_current(s3.uri_of(settings().lake_bucket, key)))
    there = pl.read_parquet_schema(data)
    return pl.read_parquet(data, columns=[*columns, *(name for name in optional if name in there)])
