"""`monitor`, `findings`, `acknowledge`, `assign`, `resolve`: a run on demand, and what became of findings."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import executions
from cli.bucket_objects import LAKE, newest_objects, read_json
from cli.command_errors import CliError
from cli.executions import MACHINES
from cli.inbox_receipts import short_key
from cli.options import AsJson, OneUseCase, OnTwin, StackName, UseCaseName, known_use_case, one_or_all
from cli.screen import console, moment, show_json, show_table, verdict, working
from cli.stack import open_stack
from clinrisk import use_cases
from clinrisk.core import object_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cli.stack import Stack

PATIENCE = 300.0
FindingId = Annotated[str, typer.Argument(metavar="ID", help="The finding, as clinrisk findings lists it.")]
OptionalReason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the ledger keeps it.")]


def monitor(
    use_case: UseCaseName,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it has ended and show the findings.")
    ] = False,
    patience: Annotated[float, typer.Option(help="With --wait: how many seconds to wait at most.")] = 900.0,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Run the monitoring of a use case now; its daily schedule goes on as before.

    For example:

        clinrisk monitor heart --wait

        clinrisk monitor stroke
    """
    known_use_case(use_case)
    deployed = open_stack(stack, on_twin=twin)
    started = deployed.stepfunctions.start_execution(
        stateMachineArn=deployed.output(MACHINES["monitoring"]), input=json.dumps({"use_case": use_case})
    )
    arn = started["executionArn"]
    if not wait:
        answer: dict[str, Any] = {"use_case": use_case, "execution": arn.rpartition(":")[2]}
        show_json(answer) if as_json else console().print(
            f"The monitoring of {use_case} has started. Follow it: clinrisk status --follow"
        )
        return
    with working(f"Monitoring {use_case} ...", quiet=as_json):
        ended = executions.await_end(deployed, "monitoring", arn, patience)
    if ended.status != "SUCCEEDED":
        raise CliError(
            f"The monitoring of {use_case} ended as {ended.status}: {ended.reason}",
            f"See which state failed: clinrisk status --use-case {use_case}",
        )
    found = _findings_of(deployed, use_case, ended.name)
    if as_json:
        show_json(ended.as_json(executions.now()) | {"findings": found})
    else:
        _show_findings(use_case, [{"written": ended.stopped, "findings": found}])


def findings(
    use_case: OneUseCase = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Show those that are over, too.")] = False,
    last: Annotated[
        int | None,
        typer.Option(min=1, help="Show what the last so many runs found instead, batch by batch."),
    ] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show the findings of monitoring that are open: what, since when, who looks after it, until when.

    For example:

        clinrisk findings

        clinrisk findings heart --all

        clinrisk findings stroke --last 7 --json

    OPEN: nobody has taken it up. ACKNOWLEDGED: known, until a date. ASSIGNED: somebody investigates.
    RESOLVED: a person gave a reason. CLEARED: the newest batches are in order again.
    """
    from clinrisk.aws.tables import finding_items
    from clinrisk.core.monitoring.memory.known_findings import OVER

    names = one_or_all(use_case)
    deployed = open_stack(stack, on_twin=twin)
    if last is not None:
        with working("Reading findings ...", quiet=as_json):
            runs = [run for name in names for run in newest_runs(deployed, name, limit=last)]
        show_json(runs) if as_json else _show_findings(", ".join(names), runs)
        return
    with working("Reading findings ...", quiet=as_json):
        known = [one for name in names for one in finding_items.of_use_case(name)]
    shown = [one for one in known if every or one.state not in OVER]
    if as_json:
        show_json([one.model_dump(mode="json") for one in shown])
        return
    rows = [
        (
            one.finding_id,
            verdict(one.state),
            moment(one.changes[-1].at),
            one.owner,
            "" if one.state in OVER else moment(one.due) + (", overdue" if one.overdue else ""),
            one.detail,
            f"{one.changes[-1].by}: {one.changes[-1].note}",
        )
        for one in sorted(shown, key=lambda one: one.changes[-1].at, reverse=True)
    ]
    columns = ("id", "state", "changed", "owner", "until", "what was found", "last change")
    none = "No finding is open. What the last run found, batch by batch: clinrisk findings --last 1"
    show_table("Findings", columns, rows, none)


def acknowledge(
    finding: FindingId,
    *,
    until: Annotated[str, typer.Option("--until", metavar="YYYY-MM-DD", help="Until which day.")],
    reason: OptionalReason = "",
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Acknowledge a finding until a day: no mail before then unless it is worse, and no training for it.

    For example:

        clinrisk acknowledge heart-drift --until 2027-01-31 --reason "The new scanner; calibrated in January."
    """
    given = {"change": "ACKNOWLEDGED", "until": until, "reason": reason}
    _change(open_stack(stack, on_twin=twin), finding, given, as_json=as_json)


def assign(
    finding: FindingId,
    *,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Who investigates.")],
    reason: OptionalReason = "",
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Assign a finding to somebody who investigates it.

    For example:

        clinrisk assign heart-drift --to "Dr Ada Example"
    """
    given = {"change": "ASSIGNED", "owner": to, "reason": reason}
    _change(open_stack(stack, on_twin=twin), finding, given, as_json=as_json)


def resolve(
    finding: FindingId,
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why it is over; the ledger keeps it.")
    ],
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Resolve a finding: it opens again only when another batch alerts, or when it is worse.

    For example:

        clinrisk resolve heart-drift --reason "The ward for the elderly has joined the study."
    """
    given = {"change": "RESOLVED", "reason": reason}
    _change(open_stack(stack, on_twin=twin), finding, given, as_json=as_json)


def _change(deployed: Stack, finding_id: str, given: dict[str, str], *, as_json: bool) -> None:
    """Have the monitoring workflow carry a change of a finding out, and show the finding afterwards."""
    from pydantic import ValidationError

    from clinrisk.aws.tables import finding_items
    from clinrisk.core.monitoring.memory.known_findings import after_person
    from clinrisk.messages.monitoring import ChangeFindingRequest

    known = [one for name in use_cases.names() for one in finding_items.of_use_case(name)]
    found = next((one for one in known if one.finding_id == finding_id), None)
    if found is None:
        raise CliError(f"There is no finding {finding_id}.", "See which there are: clinrisk findings --all")
    name = f"change-{finding_id[:60]}-{secrets.token_hex(4)}"
    nothing = {"until": "", "owner": "", "reason": ""}
    asked = (
        nothing | given | {"use_case": found.use_case, "finding_id": finding_id, "person": deployed.caller()}
    )
    try:
        request = ChangeFindingRequest.model_validate(asked | {"execution": name})
        refused = after_person(found, request, executions.now())
    except ValidationError as error:
        field = error.errors()[0]["loc"][0]
        refused = f"The option --{'to' if field == 'owner' else field} does not have the form that is needed."
    if isinstance(refused, str):
        raise CliError(refused, "See the findings and their state: clinrisk findings --all")
    started = deployed.stepfunctions.start_execution(
        stateMachineArn=deployed.output(MACHINES["monitoring"]), name=name, input=json.dumps(asked)
    )
    with working("Changing the finding ...", quiet=as_json):
        ended = executions.await_end(deployed, "monitoring", started["executionArn"], PATIENCE)
    if ended.status != "SUCCEEDED":
        raise CliError(f"Nothing was changed: {ended.reason}", "See the findings: clinrisk findings")
    after = finding_items.find(found.use_case, finding_id)
    assert after is not None  # noqa: S101 - the workflow found it
    if as_json:
        show_json(after.model_dump(mode="json"))
    else:
        console().print(f"{finding_id} is {after.state} now. {after.changes[-1].note}")


def newest_runs(deployed: Stack, use_case: str, *, limit: int) -> list[dict[str, Any]]:
    """Return what the newest monitoring runs found, newest first, each with its time (`written`)."""
    return [
        read_json(deployed, LAKE, one["Key"])
        | {"use_case": use_case, "written": one["LastModified"].isoformat()}
        for one in newest_objects(deployed, LAKE, object_keys.findings(use_case, "*"))[:limit]
    ]


def _findings_of(deployed: Stack, use_case: str, execution: str) -> list[dict[str, Any]]:
    """Return what one monitoring run found."""
    document = read_json(deployed, LAKE, object_keys.findings(use_case, execution))
    found: list[dict[str, Any]] = document.get("findings", [])
    return found


def _show_findings(use_case: str, runs: Sequence[Mapping[str, Any]]) -> None:
    """Print the findings of some monitoring runs, one line per check and batch."""
    rows = [
        (
            moment(run["written"]),
            str(one.get("check", "")),
            verdict(str(one.get("verdict", "?"))),
            "" if one.get("statistic") is None else f"{float(one['statistic']):.3f}",
            short_key(str(one.get("batch", ""))),
            str(one.get("detail", "")),
        )
        for run in runs
        for one in run.get("findings", [])
    ]
    columns = ("run", "check", "verdict", "statistic", "batch", "detail")
    none = f"There are no findings for {use_case} yet. Run its monitoring: clinrisk monitor {use_case}"
    show_table(f"Findings for {use_case}", columns, rows, none)
