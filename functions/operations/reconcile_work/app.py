"""Reconcile Work: lists what stands still, and starts again what was asked for or needs nobody's word.

AWS calls: s3:ListBucketVersions on Inbox (inbox/); s3:ListBucket and s3:GetObject on Results (sidecars below
results/, outcome-overviews/); dynamodb:Query, dynamodb:GetItem on Uploads, dynamodb:GetItem on Deployments,
dynamodb:Query, dynamodb:GetItem, dynamodb:PutItem on Slots; states:ListExecutions, states:DescribeExecution,
states:GetExecutionHistory, states:StartExecution on this stack's workflows; kms:Decrypt, kms:GenerateDataKey
(DataKey). For questions whose release has ended, and releases whose question is lost: dynamodb:Query,
dynamodb:GetItem, dynamodb:UpdateItem on Approvals, dynamodb:UpdateItem on Deployments (SHADOW),
states:StopExecution on releases. For mails that were not sent: sns:Publish on Alerts, dynamodb:DeleteItem on
Slots (STOP). For whether enough people can approve: dynamodb:Query on Approvers, sns:ListSubscriptionsByTopic
on Approvals. For reminders: sns:Publish on Approvals, kms:GenerateMac (SigningKey), s3:ListBucket and
s3:GetObject on Lake (comparisons/). For how many findings are open: dynamodb:Query on Findings.
Environment: INBOX_BUCKET, RESULTS_BUCKET, UPLOADS_TABLE, APPROVALS_TABLE, APPROVERS_TABLE,
DEPLOYMENTS_TABLE, SLOTS_TABLE, FINDINGS_TABLE, ALERTS_TOPIC, APPROVALS_TOPIC, APPROVAL_API_URL, SIGNING_KEY,
LAKE_BUCKET, INGEST_STATE_MACHINE, TRAINING_STATE_MACHINE, RELEASE_STATE_MACHINE, SCORING_STATE_MACHINE,
MONITORING_STATE_MACHINE, FEATURES_DAYS, VAULT_DAYS, SCORES_DAYS.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.operations import ReconcileWorkRequest, ReconcileWorkResult
from clinrisk.services.operations import reconcile_work


@step(ReconcileWorkRequest)
def handler(request: ReconcileWorkRequest) -> ReconcileWorkResult:
    """Return what is stuck, and what was started again."""
    return reconcile_work.reconcile(request, datetime.now(UTC))
