"""Results that no longer stand: replaced by new ones, or recalled, which a notice next to the file says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinrisk.aws import s3
from clinrisk.aws.settings import settings
from clinrisk.core import object_keys
from clinrisk.core.ingest.inbox_keys import parse_key
from clinrisk.core.scoring import batch_mails

if TYPE_CHECKING:
    from clinrisk.messages.ingest import Settlement, Upload


def sidecar_of(use_case: str, stem: str, upload_id: str) -> dict[str, Any] | None:
    """Return what is stated about the results of a batch that lie there now; None where there are none."""
    bucket, key = settings().results_bucket, object_keys.sidecar(use_case, stem, upload_id)
    # Who may list only some prefixes is refused what is not there: S3 does not say that it is missing.
    if key not in s3.keys_under(bucket, key):
        return None
    found: dict[str, Any] = s3.fetch_json_now(s3.uri_of(bucket, key))
    return found


def recall(upload: Settlement | Upload, reason: str, decided_at: str) -> str:
    """Mark the published results of a batch as recalled; return where they lie, "" where there are none."""
    if upload.purpose != "inference":
        return ""
    bucket = settings().results_bucket
    address = upload.use_case, parse_key(upload.key).stem, upload.upload_id
    key = object_keys.results(*address)
    if key not in s3.keys_under(bucket, key):
        return ""
    notice = batch_mails.recall_notice(s3.uri_of(bucket, key), reason, decided_at)
    s3.store(bucket, object_keys.recalled(*address), notice.encode(), "text/plain; charset=utf-8")
    return s3.uri_of(bucket, key)


def replaced(upload: Upload) -> None:
    """Take the notice away that lies next to results which have been published anew."""
    bucket = settings().results_bucket
    key = object_keys.recalled(upload.use_case, parse_key(upload.key).stem, upload.upload_id)
    if key in s3.keys_under(bucket, key):
        s3.remove(bucket, key)
