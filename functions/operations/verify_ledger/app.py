"""Verify Ledger: hashes the audit ledger again, and holds what is live against it.

AWS calls: s3:ListBucket, s3:ListBucketVersions, s3:GetObject on Audit (the ledger); dynamodb:GetItem, Query
on Deployments; kms:Verify (DecisionKey); kms:Decrypt (DataKey).
Environment: AUDIT_BUCKET, DEPLOYMENTS_TABLE, DECISION_KEY.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.operations import VerifyLedgerRequest, VerifyLedgerResult
from clinrisk.services.operations import verify_ledger


@step(VerifyLedgerRequest)
def handler(request: VerifyLedgerRequest) -> VerifyLedgerResult:  # noqa: ARG001 - it asks for nothing
    """Return how many entries hold, and the first difference."""
    return verify_ledger.verify()
