"""Request Slot: asks for a turn to run a job, an ingest or a training; the answer goes to the task token.

AWS calls: dynamodb:GetItem, dynamodb:PutItem, dynamodb:DeleteItem, dynamodb:Query on Slots;
states:SendTaskSuccess, states:DescribeExecution on this stack's workflows; kms:Decrypt, kms:GenerateDataKey
(DataKey).
Environment: SLOTS_TABLE, JOB_PREFIX, INGESTS_AT_ONCE, TRANSFORM_JOBS_AT_ONCE, PROCESSING_JOBS_AT_ONCE,
TRAINING_JOBS_AT_ONCE.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.operations import SlotRequest, SlotRequested
from clinrisk.services.operations import request_slot


@step(SlotRequest)
def handler(request: SlotRequest) -> SlotRequested:
    """Queue the request, and give the turns that are free."""
    return request_slot.request(request, datetime.now(UTC))
