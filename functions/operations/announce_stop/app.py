"""Announce Stop: says in one mail which execution stopped, why, and what starts it again.

AWS calls: states:DescribeExecution, states:GetExecutionHistory on this stack's workflows; sns:Publish on
Alerts; dynamodb:GetItem, UpdateItem on Approvals; dynamodb:GetItem, PutItem, DeleteItem on Slots (STOP);
dynamodb:UpdateItem on Deployments (SHADOW); kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: ALERTS_TOPIC, APPROVALS_TABLE, DEPLOYMENTS_TABLE, SLOTS_TABLE.
"""

from __future__ import annotations

from clinrisk.aws.telemetry import step
from clinrisk.messages.operations import AnnounceStopRequest, AnnounceStopResult
from clinrisk.services.operations import announce_stop


@step(AnnounceStopRequest)
def handler(request: AnnounceStopRequest) -> AnnounceStopResult:
    """Return whether a mail was sent, and whether a question was closed."""
    return announce_stop.announce(request)
