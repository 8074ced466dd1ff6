"""Free Slots: ends the turns that are over, by an event or on a schedule, and gives the next ones.

AWS calls: dynamodb:GetItem, dynamodb:PutItem, dynamodb:DeleteItem, dynamodb:Query on Slots;
states:SendTaskSuccess, states:SendTaskFailure, states:DescribeExecution on this stack's workflows;
sagemaker:DescribeTransformJob, DescribeProcessingJob, DescribeTrainingJob, DescribeHyperParameterTuningJob;
kms:Decrypt, kms:GenerateDataKey (DataKey).
Environment: SLOTS_TABLE, INGESTS_AT_ONCE, TRANSFORM_JOBS_AT_ONCE, PROCESSING_JOBS_AT_ONCE,
TRAINING_JOBS_AT_ONCE.
"""

from __future__ import annotations

from datetime import UTC, datetime

from clinrisk.aws.telemetry import step
from clinrisk.messages.operations import FreeSlotsRequest, FreeSlotsResult
from clinrisk.services.operations import free_slots


@step(FreeSlotsRequest)
def handler(request: FreeSlotsRequest) -> FreeSlotsResult:
    """Return how many turns ended and began."""
    return free_slots.free(request, datetime.now(UTC))
