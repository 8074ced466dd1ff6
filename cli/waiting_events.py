"""Events waiting in the dead-letter queue: files that could not be processed, and how they start again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.executions import MACHINES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.stack import Stack

HIDDEN_SECONDS = 60
"""How long the queue shows an event to nobody else after we have received it."""
PER_CALL = 10
EXISTS = "ExecutionAlreadyExists"


@dataclass(frozen=True)
class WaitingEvent:
    """One event of the inbox in the queue; `handle` is what the queue knows it by while we hold it."""

    event: Mapping[str, Any]
    message_id: str
    handle: str
    reason: str = ""
    """What failed, in the workflow's words; empty when the workflow could not even be started."""

    @property
    def key(self) -> str:
        """The inbox key of the file."""
        return str(self.event["detail"]["object"]["key"])

    @property
    def version_id(self) -> str:
        """Its version."""
        return str(self.event["detail"]["object"].get("version-id", "null"))


def waiting(stack: Stack) -> list[WaitingEvent]:
    """Return each waiting event once; whatever is in the queue that is no event of the inbox stays there."""
    url = stack.output("DeadLetterQueue")
    received: dict[str, Mapping[str, Any]] = {}
    while True:
        answer = stack.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=PER_CALL,
            VisibilityTimeout=HIDDEN_SECONDS,
            MessageAttributeNames=["reason"],
        )
        new = {
            one["MessageId"]: one for one in answer.get("Messages", []) if one["MessageId"] not in received
        }
        if not new:
            break
        received |= new
    found = []
    for message_id, message in received.items():
        event = _inbox_event(message["Body"])
        if event is None:
            _return_to_queue(stack, message["ReceiptHandle"])
        else:
            reason = message.get("MessageAttributes", {}).get("reason", {}).get("StringValue", "")
            found.append(WaitingEvent(event, message_id, message["ReceiptHandle"], reason))
    return found


def keep(stack: Stack, waiting_event: WaitingEvent) -> None:
    """Leave an event in the queue, visible at once to the next reader."""
    _return_to_queue(stack, waiting_event.handle)


def redrive(stack: Stack, waiting_event: WaitingEvent) -> str:
    """Start the ingest of an event again, take it out of the queue, and return the execution's name.

    The name is made from the message: whoever redrives the same message at the same time starts it once.
    """
    from botocore.exceptions import ClientError

    name = f"redrive-{waiting_event.message_id}"
    try:
        start(stack, waiting_event.event, name)
    except ClientError as error:
        if error.response["Error"]["Code"] != EXISTS:
            raise
    stack.sqs.delete_message(QueueUrl=stack.output("DeadLetterQueue"), ReceiptHandle=waiting_event.handle)
    return name


def start(stack: Stack, event: Mapping[str, Any], name: str | None = None) -> str:
    """Start the ingest of an event and return the execution's name."""
    named: dict[str, Any] = {"name": name} if name else {}
    started = stack.stepfunctions.start_execution(
        stateMachineArn=stack.output(MACHINES["ingest"]), input=json.dumps(event), **named
    )
    return started["executionArn"].rpartition(":")[2]


def abandoned_event(stack: Stack, key: str, version_id: str) -> Mapping[str, Any] | None:
    """Return the event of an upload whose workflow ended without settling it; None when it did not."""
    from clinrisk.aws.tables import uploads
    from clinrisk.core import object_keys

    execution = uploads.holder_of(object_keys.upload_id(stack.output("InboxBucket"), key, version_id))
    if not execution:
        return None
    described = stack.stepfunctions.describe_execution(executionArn=execution)
    if described["status"] in {"RUNNING", "PENDING_REDRIVE"}:
        return None
    event: Mapping[str, Any] = json.loads(described["input"])
    return event


def _return_to_queue(stack: Stack, handle: str) -> None:
    url = stack.output("DeadLetterQueue")
    stack.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)


def _inbox_event(body: str) -> dict[str, Any] | None:
    try:
        event: dict[str, Any] = json.loads(body)
        return event if event["detail"]["object"]["key"] and event["source"] == "aws.s3" else None
    except (ValueError, KeyError, TypeError):
        return None
