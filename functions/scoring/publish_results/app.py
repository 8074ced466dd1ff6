"""Publish Results: the one place where record ids meet the hospital's own ids again.

AWS calls: s3:GetObject on Lake (presented/, vault/); s3:ListBucket on Lake (vault/); s3:PutObject on Results
(results/), in parts where they are large; kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: LAKE_BUCKET, RESULTS_BUCKET. Layers: Clinrisk, Frames.
"""

from __future__ import annotations

from clinrisk import use_cases
from clinrisk.aws.telemetry import Metric, emit, step
from clinrisk.core import mails
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.messages import PublishRequest, PublishResult
from clinrisk.services.scoring import publish_results


@step(PublishRequest)
def handler(request: PublishRequest) -> PublishResult:
    """Give the results by reference, and the mail that says where they are."""
    upload = request.upload
    published = publish_results.publish(upload, request.presented_uri, request.rows_accepted)
    emit(Metric.ROWS_SCORED, published.rows, use_case=upload.use_case)
    mail = mails.batch_scored(
        title=use_cases.get(upload.use_case).title,
        file_name=parse_key(upload.key).file,
        rows=published.rows,
        flagged=published.flagged,
        live_version=request.run.live_version,
        results=published.results.uri,
    )
    return PublishResult(
        scored_rows=published.rows, results=published.results, subject=mail.subject, message=mail.text
    )
