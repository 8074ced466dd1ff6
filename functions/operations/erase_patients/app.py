"""Erase Patients: finds patients by the hospital's own ids in all that is stored, erases them, and proves it.

AWS calls: s3:ListBucketVersions, s3:ListBucket, s3:GetObject, s3:GetObjectVersion, s3:PutObject,
s3:DeleteObjectVersion on Inbox, Lake and Results, below the prefixes of docs/data.md that hold patients;
s3:PutObjectTagging on Results (results/); dynamodb:GetItem, dynamodb:PutItem on Uploads; kms:GenerateMac
(SigningKey); states:ListExecutions on scorings and trainings; s3:ListBucket, s3:GetObject, s3:PutObject on
Audit (the ledger); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: INBOX_BUCKET, LAKE_BUCKET, RESULTS_BUCKET, AUDIT_BUCKET, UPLOADS_TABLE, SIGNING_KEY,
SCORING_STATE_MACHINE, TRAINING_STATE_MACHINE.
Layers: Clinrisk, Frames, Numeric.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.erasure import ErasePatientsRequest, ErasePatientsResult
from clinrisk.services.operations import erase_patients


@step(ErasePatientsRequest)
def handler(request: ErasePatientsRequest) -> ErasePatientsResult:
    """Return how far the erasure has come, or what became of a hold."""
    end = time.monotonic() + request.seconds
    return erase_patients.advance(request, datetime.now(UTC), lambda: time.monotonic() >= end)
