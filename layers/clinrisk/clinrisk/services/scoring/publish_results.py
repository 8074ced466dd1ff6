"""A scored batch under the hospital's own ids: one results file, written while its parts are read.

It reads with polars, so only functions with the Frames layer may import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.scoring.results import Results, results_of
from clinrisk.errors import CountsDisagree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinrisk.messages import Reference, Upload


@dataclass(frozen=True)
class Published:
    """Where the results lie, how many patients they hold, and how many of them are flagged."""

    results: Reference
    rows: int
    flagged: int


def publish(upload: Upload, presented_prefix: str, rows_accepted: int) -> Published:
    """Write the results file; the parts presented below `presented_prefix` are named as the vault's parts.

    Raises CountsDisagree where the two do not fit, or hold more or fewer rows than the commit accepted: the
    file is not there before its last part is.
    """
    parts: list[Results] = []

    def texts() -> Iterator[bytes]:
        for part in _parts(upload, presented_prefix):
            parts.append(Results(b"", part.rows, part.flagged))
            yield part.csv
        rows = sum(part.rows for part in parts)
        if rows != rows_accepted:
            raise CountsDisagree(f"There are results of {rows} rows; {rows_accepted} were accepted.")

    reference = s3.store_blocks(
        settings().results_bucket,
        object_keys.results(upload.use_case, parse_key(upload.key).stem, upload.upload_id),
        texts(),
        "text/csv; charset=utf-8",
    )
    return Published(reference, sum(part.rows for part in parts), sum(part.flagged for part in parts))


def _parts(upload: Upload, presented_prefix: str) -> Iterator[Results]:
    lake, folder = settings().lake_bucket, object_keys.vault_folder(upload.use_case, upload.upload_id)
    for number, key in enumerate(s3.keys_under(lake, folder)):
        presented = s3.fetch_current(presented_prefix + key.removeprefix(folder))
        vault = s3.fetch_current(s3.uri_of(lake, key))
        yield results_of(presented, vault, header=number == 0)
