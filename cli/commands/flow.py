"""`status` and `monitor`: what the four state machines do now, and a monitoring run on demand."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli import executions, lake
from cli.commands.evidence import show_findings
from cli.errors import CliError
from cli.executions import MACHINES, Execution
from cli.options import AsJson, OnTwin, StackName, UseCaseName, known_use_case
from cli.screen import console, duration, moment, show_json, show_json_line, verdict, working
from cli.stack import Stack, open_stack

FOLLOW_SECONDS = 0.4
WAITS_FOR_A_PERSON = "Await Approval"


def status(
    *,
    use_case: Annotated[str | None, typer.Option("--use-case", help="Only this use case.")] = None,
    last: Annotated[
        int, typer.Option(min=1, max=1000, help="How many executions to read per state machine.")
    ] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", help="Stay and show each state as it happens, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show what is running, in which state and for how long, and why the last failures failed.

    For example:

        clinrisk status

        clinrisk status --follow

        clinrisk status --use-case heart --json

    With --follow --json every change is one JSON object on one line.
    """
    place = open_stack(stack, on_twin=twin)
    if follow:
        _follow(place, use_case, last, as_json=as_json)
        return
    with working("Reading the state machines ...", quiet=as_json):
        found = _of(use_case, executions.snapshot(place, limit=last))
    if as_json:
        now = executions.now()
        show_json([execution.as_json(now) for execution in found])
    else:
        console().print(_picture(found))


def _of(use_case: str | None, found: list[Execution]) -> list[Execution]:
    return [execution for execution in found if use_case in (None, execution.use_case)]


def _follow(place: Stack, use_case: str | None, last: int, *, as_json: bool) -> None:
    known: dict[str, Execution] = {}
    if as_json or not console().is_terminal:
        while True:
            for execution in reversed(_of(use_case, executions.snapshot(place, limit=last, known=known))):
                if _changed(known.get(execution.arn), execution):
                    _tell(execution, as_json=as_json)
                known[execution.arn] = execution
            time.sleep(FOLLOW_SECONDS)
    with Live(console=console(), refresh_per_second=4, transient=False) as live:
        while True:
            found = _of(use_case, executions.snapshot(place, limit=last, known=known))
            known |= {execution.arn: execution for execution in found}
            live.update(_picture(found))
            time.sleep(FOLLOW_SECONDS)


def _changed(before: Execution | None, after: Execution) -> bool:
    return before is None or (before.status, before.visits) != (after.status, after.visits)


def _tell(execution: Execution, *, as_json: bool) -> None:
    now = executions.now()
    if as_json:
        show_json_line(execution.as_json(now))
        return
    states = ", ".join(visit.name for visit in execution.running_states) or execution.status
    console().print(
        f"{moment(now)}  {execution.machine:<10}  {execution.use_case:<8}  {states}  {execution.reason}",
        markup=False,
    )


def _picture(found: list[Execution]) -> Group:
    now = executions.now()
    running = [execution for execution in found if execution.status == "RUNNING"]
    ended = [execution for execution in found if execution.status != "RUNNING"]
    parts: list[Table | Text] = []
    table = _grid("Running", "workflow", "use case", "state", "in this state", "in all", "working on")
    for execution in running:
        for visit in execution.running_states or ():
            waits = " (waits for a person)" if visit.name == WAITS_FOR_A_PERSON else ""
            table.add_row(
                execution.machine,
                execution.use_case,
                visit.name + waits,
                duration(visit.seconds(now)),
                duration((now - execution.started).total_seconds()),
                execution.key or execution.name,
            )
    parts.append(table if running else Text("Nothing is running."))
    table = _grid("\nEnded", "workflow", "use case", "how", "when", "took", "why, or what it worked on")
    for execution in ended:
        took = ((execution.stopped or now) - execution.started).total_seconds()
        told = execution.reason or execution.key or execution.name
        table.add_row(
            execution.machine,
            execution.use_case,
            verdict(execution.status),
            moment(execution.started),
            duration(took),
            Text(told),
        )
    return Group(*parts, *([table] if ended else []))


def _grid(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def monitor(
    use_case: UseCaseName,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it has ended and show the findings.")
    ] = False,
    patience: Annotated[float, typer.Option(help="With --wait: seconds to wait at most.")] = 900.0,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Run the monitoring of a use case now, beside its daily schedule.

    For example:

        clinrisk monitor heart --wait

        clinrisk monitor stroke
    """
    known_use_case(use_case)
    place = open_stack(stack, on_twin=twin)
    started = place.stepfunctions.start_execution(
        stateMachineArn=place.output(MACHINES["monitoring"]), input=json.dumps({"use_case": use_case})
    )
    arn = started["executionArn"]
    if not wait:
        answer: dict[str, Any] = {"use_case": use_case, "execution": arn.rpartition(":")[2]}
        show_json(answer) if as_json else console().print(
            f"Monitoring of {use_case} has started: clinrisk status"
        )
        return
    with working(f"Monitoring {use_case} ...", quiet=as_json):
        ended = _await_end(place, arn, patience)
    if ended.status != "SUCCEEDED":
        raise CliError(
            f"The monitoring of {use_case} ended as {ended.status}: {ended.reason}",
            "Look closer: clinrisk status",
        )
    found = lake.findings_of(place, use_case, ended.name)
    if as_json:
        show_json(ended.as_json(executions.now()) | {"findings": found})
    else:
        show_findings(use_case, [{"written": ended.stopped, "findings": found}])


def _await_end(place: Stack, arn: str, patience: float) -> Execution:
    deadline = time.monotonic() + patience
    while place.stepfunctions.describe_execution(executionArn=arn)["status"] == "RUNNING":
        if time.monotonic() > deadline:
            raise CliError(
                f"Monitoring still runs after {patience:.0f} seconds.", "Follow it: clinrisk status --follow"
            )
        time.sleep(FOLLOW_SECONDS)
    return executions.load(place, "monitoring", {"executionArn": arn, "name": arn.rpartition(":")[2]})
