"""Events whose files could not be processed, as they wait in the dead-letter queue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.executions import MACHINES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.stack import Stack

HELD_SECONDS = 60
PER_CALL = 10
EXISTS = "ExecutionAlreadyExists"


@dataclass(frozen=True)
class DeadLetter:
    """One event of the inbox that waits; `handle` is what the queue knows it by while we hold it."""

    event: Mapping[str, Any]
    message_id: str
    handle: str
    reason: str = ""
    """What failed, as the workflow said it; empty when the workflow could not even be started."""

    @property
    def key(self) -> str:
        """The inbox key of the file."""
        return str(self.event["detail"]["object"]["key"])

    @property
    def version_id(self) -> str:
        """Its version."""
        return str(self.event["detail"]["object"].get("version-id", "null"))


def waiting(stack: Stack) -> list[DeadLetter]:
    """Give each waiting event once; whatever is in the queue that is no event of the inbox stays there."""
    url = stack.output("DeadLetterQueue")
    found: dict[str, Mapping[str, Any]] = {}
    while True:
        answer = stack.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=PER_CALL,
            VisibilityTimeout=HELD_SECONDS,
            MessageAttributeNames=["reason"],
        )
        fresh = {one["MessageId"]: one for one in answer.get("Messages", []) if one["MessageId"] not in found}
        if not fresh:
            break
        found |= fresh
    letters = []
    for message_id, message in found.items():
        event = _inbox_event(message["Body"])
        if event is None:
            _let_go(stack, message["ReceiptHandle"])
        else:
            said = message.get("MessageAttributes", {}).get("reason", {}).get("StringValue", "")
            letters.append(DeadLetter(event, message_id, message["ReceiptHandle"], said))
    return letters


def keep(stack: Stack, letter: DeadLetter) -> None:
    """Leave an event in the queue, visible at once to whoever looks next."""
    _let_go(stack, letter.handle)


def redrive(stack: Stack, letter: DeadLetter) -> str:
    """Start the ingest of an event again and take it out of the queue; gives the execution's name.

    The name is made from the message: whoever redrives the same message at the same time starts it once.
    """
    from botocore.exceptions import ClientError

    name = f"redrive-{letter.message_id}"
    try:
        start(stack, letter.event, name)
    except ClientError as error:
        if error.response["Error"]["Code"] != EXISTS:
            raise
    stack.sqs.delete_message(QueueUrl=stack.output("DeadLetterQueue"), ReceiptHandle=letter.handle)
    return name


def start(stack: Stack, event: Mapping[str, Any], name: str | None = None) -> str:
    """Start the ingest of an event; gives the execution's name."""
    named: dict[str, Any] = {"name": name} if name else {}
    started = stack.stepfunctions.start_execution(
        stateMachineArn=stack.output(MACHINES["ingest"]), input=json.dumps(event), **named
    )
    return started["executionArn"].rpartition(":")[2]


def abandoned_event(stack: Stack, upload: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Give the event of an upload whose workflow ended without settling it; None when it did not."""
    execution = str(upload.get("execution", ""))
    if upload.get("status") == "SETTLED" or not execution.startswith("arn:"):
        return None
    described = stack.stepfunctions.describe_execution(executionArn=execution)
    if described["status"] in {"RUNNING", "PENDING_REDRIVE"}:
        return None
    event: Mapping[str, Any] = json.loads(described["input"])
    return event


def _let_go(stack: Stack, handle: str) -> None:
    url = stack.output("DeadLetterQueue")
    stack.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)


def _inbox_event(body: str) -> dict[str, Any] | None:
    try:
        event: dict[str, Any] = json.loads(body)
        return event if event["detail"]["object"]["key"] and event["source"] == "aws.s3" else None
    except (ValueError, KeyError, TypeError):
        return None
