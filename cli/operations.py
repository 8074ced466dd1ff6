"""`stuck` and `redrive`: what stands still though nobody decided so, and another try."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import inbox_receipts
from cli.command_errors import CliError
from cli.executions import MACHINES
from cli.inbox_receipts import short_key
from cli.options import AsJson, OnTwin, StackName  # noqa: TC001 - typer reads them from the signature
from cli.screen import console, moment, show_json, show_table, working
from cli.stack import open_stack
from clinrisk.core import object_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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

    @property
    def key(self) -> str:
        """The inbox key of the file."""
        return str(self.event["detail"]["object"]["key"])

    @property
    def upload_id(self) -> str:
        """The id of this version of the file."""
        detail = self.event["detail"]
        version_id = str(detail["object"].get("version-id", "null"))
        return object_keys.upload_id(detail["bucket"]["name"], self.key, version_id)


Patience = Annotated[
    int, typer.Option(min=0, help="How many minutes a thing may take before it counts as standing still.")
]


def stuck(
    *, patience: Patience = 15, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """List what stands still though nobody decided so: since when, why, and the command that starts it again.

    For example:

        clinrisk stuck

        clinrisk stuck --json

    Files that nobody reads, could not read or stopped reading; batches without results, or with results that
    no mail has announced; outcomes that no join has seen; training files that no run has read; training runs
    that died; questions without a release, and releases without a question. Every quarter of an hour what is
    safe to start is started again by itself, three times at most; what is left has an alarm.
    """
    deployed = open_stack(stack, on_twin=twin)
    with working("Looking at files, results and executions ...", quiet=as_json):
        found = reconcile(deployed, patience)
    if as_json:
        show_json(found["stuck"])
        return
    _show(found)
    if found["stuck"]:
        console().print("Start all of it again: clinrisk redrive --all")


def redrive(
    subject: Annotated[
        str | None,
        typer.Argument(metavar="[KEY|ID]", help="An inbox key, or an id that `clinrisk stuck` lists."),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Everything that stands still.")] = False,
    patience: Patience = 15,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Start again what stands still, once its cause is mended. Without arguments: list it.

    For example:

        clinrisk redrive

        clinrisk redrive heart/training/march.csv

        clinrisk redrive 0f1e2d3c4b5a69788796

        clinrisk redrive --all

    A file is read as if it had just arrived, every version of its key, and its receipt is written anew. A
    batch is scored by the model that is live now; where it has results, only their mail is sent. A question
    that nobody waits for is closed. A release that nobody can answer is stopped, and its run evaluated again.
    What is settled stays as it is.
    """
    if subject and everything:
        raise typer.BadParameter("name one thing or use --all, not both")
    if not subject and not everything:
        stuck(patience=patience, as_json=as_json, stack=stack, twin=twin)
        return
    deployed = open_stack(stack, on_twin=twin)
    key = inbox_receipts.full_key(subject) if subject and "/" in subject else None
    with working("Starting again ...", quiet=as_json):
        # Who names a thing does not mean to wait.
        patience = 0 if subject else patience
        found = reconcile(deployed, patience)
        # An event that waits in the dead-letter queue is started from there, and so taken out of it.
        wanted = [
            one for one in found["stuck"] if everything or subject == one["subject"] or key == one["name"]
        ]
        names = {one["subject"]: one["name"] for one in wanted}
        queued = _from_queue(deployed, None if everything else set(names), key)
        left = [one for one in names if one not in {event.upload_id for event, _ in queued}]
        restarted = reconcile(deployed, patience, left)["started"] if left else []
    started = [(event.key, execution) for event, execution in queued]
    started += [(names[one["subject"]], one["execution"]) for one in restarted]
    if subject and not started:
        raise CliError(
            f"{subject} does not stand still, or cannot be started now.",
            "See what does, and why: clinrisk stuck",
        )
    if as_json:
        show_json([{"name": name, "execution": execution} for name, execution in started])
        return
    rows = [(short_key(name), execution) for name, execution in started]
    show_table("Started again", ("what", "execution"), rows, "Nothing stands still.")
    if everything and found["more"]:
        console().print(f"And {found['more']:,} more: run it again.")


def reconcile(deployed: Stack, patience: int, subjects: Iterable[str] = ()) -> dict[str, Any]:
    """Ask the reconciler, and return its answer."""
    from clinrisk.aws import clients

    answer = clients.functions().invoke(
        FunctionName=deployed.output("ReconcileWorkFunction"),
        Payload=json.dumps({"subjects": list(subjects), "patience_minutes": patience}).encode(),
    )
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise CliError(
            f"The reconciler broke off: {document.get('errorMessage', 'its log says why')}",
            "Try again later.",
        )
    return document


def _from_queue(deployed: Stack, uploads: set[str] | None, key: str | None) -> list[tuple[WaitingEvent, str]]:
    """Start the events of these uploads, of a key, or all (None), that wait in the dead-letter queue."""
    started = []
    for waiting in _waiting_events(deployed):
        if uploads is None or waiting.upload_id in uploads or waiting.key == key:
            started.append((waiting, _redrive_event(deployed, waiting)))
        else:
            _return_to_queue(deployed, waiting.handle)
    return started


def _show(found: dict[str, Any]) -> None:
    rows = [
        (
            short_key(one["name"]),
            one["kind"].replace("_", " "),
            moment(one["since"]),
            one["reason"],
            one["command"] if one["startable"] else "",
        )
        for one in found["stuck"]
    ]
    show_table(
        "Stands still", ("what", "how", "since", "why", "start it again"), rows, "Nothing stands still."
    )
    if found["more"]:
        console().print(f"And {found['more']:,} more.")


def _waiting_events(stack: Stack) -> list[WaitingEvent]:
    """Return each waiting event once; whatever is in the queue that is no event of the inbox stays there."""
    url = stack.output("DeadLetterQueue")
    received: dict[str, Mapping[str, Any]] = {}
    while True:
        answer = stack.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=PER_CALL, VisibilityTimeout=HIDDEN_SECONDS
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
            found.append(WaitingEvent(event, message_id, message["ReceiptHandle"]))
    return found


def _redrive_event(stack: Stack, waiting_event: WaitingEvent) -> str:
    """Start the ingest of an event again, take it out of the queue, and return the execution's name.

    The name is made from the message: whoever redrives the same message at the same time starts it once.
    """
    from botocore.exceptions import ClientError

    name = f"redrive-{waiting_event.message_id}"
    try:
        stack.stepfunctions.start_execution(
            stateMachineArn=stack.output(MACHINES["ingest"]), name=name, input=json.dumps(waiting_event.event)
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != EXISTS:
            raise
    stack.sqs.delete_message(QueueUrl=stack.output("DeadLetterQueue"), ReceiptHandle=waiting_event.handle)
    return name


def _return_to_queue(stack: Stack, handle: str) -> None:
    """Leave a message in the queue, visible at once to the next reader."""
    url = stack.output("DeadLetterQueue")
    stack.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)


def _inbox_event(body: str) -> dict[str, Any] | None:
    try:
        event: dict[str, Any] = json.loads(body)
        return event if event["detail"]["object"]["key"] and event["source"] == "aws.s3" else None
    except (ValueError, KeyError, TypeError):
        return None
