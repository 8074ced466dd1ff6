"""Publish Results: a scored batch under the hospital's own ids, in one results file.

It reads with polars, so only functions with the Frames layer may import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinrisk import use_cases
from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.aws.telemetry import Metric, emit
from clinrisk.core import mails, object_keys
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.scoring.results import Results, results_of
from clinrisk.errors import CountsDisagree
from clinrisk.messages.scoring import PublishRequest, PublishResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinrisk.messages.ingest import Upload


def publish(request: PublishRequest) -> PublishResult:
    """Write the results file and return it by reference, with the mail that says where it is.

    The parts presented below `presented_uri` are named as the vault's parts. Raises CountsDisagree where the
    two do not fit, or hold more or fewer rows than the commit accepted: the file is not there before its last
    part is.
    """
    upload, named = request.upload, parse_key(request.upload.key)
    rows = flagged = 0

    def texts() -> Iterator[bytes]:
        nonlocal rows, flagged
        for part in _parts(upload, request.presented_uri):
            rows, flagged = rows + part.rows, flagged + part.flagged
            yield part.csv
        if rows != request.rows_accepted:
            raise CountsDisagree(f"There are results of {rows} rows; {request.rows_accepted} were accepted.")

    results = s3.store_blocks(
        settings().results_bucket,
        object_keys.results(upload.use_case, named.stem, upload.upload_id),
        texts(),
        "text/csv; charset=utf-8",
    )
    emit(Metric.ROWS_SCORED, rows, use_case=upload.use_case)
    mail = mails.batch_scored(
        title=use_cases.get(upload.use_case).title,
        file_name=named.file,
        rows=rows,
        flagged=flagged,
        live_version=request.run.live_version,
        results=results.uri,
    )
    return PublishResult(scored_rows=rows, results=results, subject=mail.subject, message=mail.text)


def _parts(upload: Upload, presented_prefix: str) -> Iterator[Results]:
    lake, folder = settings().lake_bucket, object_keys.vault_folder(upload.use_case, upload.upload_id)
    for number, key in enumerate(s3.keys_under(lake, folder)):
        presented = s3.fetch_current(presented_prefix + key.removeprefix(folder))
        vault = s3.fetch_current(s3.uri_of(lake, key))
        yield results_of(presented, vault, header=number == 0)
