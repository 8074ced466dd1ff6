"""Publish Results: the one place where record ids meet the hospital's own ids again.

AWS calls: s3:GetObject on Lake (presented/, vault/); s3:ListBucket on Lake (vault/); s3:PutObject on Results
(results/); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET, RESULTS_BUCKET. Layers: Clinrisk, Frames.
"""

from __future__ import annotations

from clinrisk import mails, places, use_cases
from clinrisk.aws import objects
from clinrisk.aws.settings import settings
from clinrisk.aws.telemetry import Metric, emit, step
from clinrisk.keys import parse_key
from clinrisk.messages import PublishRequest, PublishResult
from clinrisk.results import results_of


@step(PublishRequest)
def handler(request: PublishRequest) -> PublishResult:
    """Give the results by reference, and the mail that says where they are."""
    upload, key = request.upload, parse_key(request.upload.key)
    lake = settings().lake_bucket
    folder = places.vault_folder(upload.use_case, upload.upload_id)
    vault = [objects.fetch_current(objects.uri_of(lake, part)) for part in objects.keys_under(lake, folder)]
    results = results_of(objects.fetch_current(request.presented_uri), vault)
    reference = objects.store(
        settings().results_bucket,
        places.results(upload.use_case, key.stem, upload.upload_id),
        results.csv,
        "text/csv; charset=utf-8",
    )
    emit(Metric.ROWS_SCORED, results.rows, use_case=upload.use_case)
    mail = mails.batch_scored(
        title=use_cases.get(upload.use_case).title,
        file_name=key.file,
        rows=results.rows,
        flagged=results.flagged,
        live_version=request.run.live_version,
        results=reference.uri,
    )
    return PublishResult(scored_rows=results.rows, results=reference, subject=mail.subject, message=mail.text)
