"""`status` and `queue`: what the state machines do now, how executions ended, and what waits for its turn."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli import executions
from cli.approvers import gates
from cli.options import AsJson, OnTwin, StackName  # noqa: TC001 - typer reads them from the signature
from cli.release import unanswered_changes
from cli.screen import console, duration, moment, show_json, show_json_line, show_table, verdict, working
from cli.stack import open_stack

if TYPE_CHECKING:
    from datetime import datetime

    from cli.executions import Execution
    from cli.stack import Stack
    from clinrisk.messages.operations import PoolState, Waiting

FOLLOW_SECONDS = 0.4
WAITS_FOR_A_PERSON = frozenset({"Await Approval", "Await Countersignature"})


def status(
    *,
    use_case: Annotated[str | None, typer.Option("--use-case", help="Only this use case.")] = None,
    last: Annotated[
        int, typer.Option(min=1, max=1000, help="How many executions to read per state machine.")
    ] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show each change of state as it happens, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show what is running, in which state and for how long, and why executions failed.

    For example:

        clinrisk status

        clinrisk status --follow

        clinrisk status --use-case heart --json

    With --follow --json each change is one line with one JSON object.
    """
    deployed = open_stack(stack, on_twin=twin)
    if follow:
        _follow(deployed, use_case, last, as_json=as_json)
        return
    with working("Reading the state machines ...", quiet=as_json):
        found = _only(use_case, executions.snapshot(deployed, limit=last))
    if as_json:
        now = executions.now()
        show_json([execution.as_json(now) for execution in found])
    else:
        console().print(_picture(found))
        gates.warn(gates.lacking(gates.people()))
        unanswered_changes.show(unanswered_changes.waiting(executions.now().timestamp()))


def _only(use_case: str | None, found: list[Execution]) -> list[Execution]:
    return [execution for execution in found if use_case in (None, execution.use_case)]


def _follow(deployed: Stack, use_case: str | None, last: int, *, as_json: bool) -> None:
    known: dict[str, Execution] = {}
    if as_json or not console().is_terminal:
        while True:
            for execution in reversed(
                _only(use_case, executions.snapshot(deployed, limit=last, known=known))
            ):
                if _changed(known.get(execution.arn), execution):
                    _show_change(execution, as_json=as_json)
                known[execution.arn] = execution
            time.sleep(FOLLOW_SECONDS)
    with Live(console=console(), refresh_per_second=4, transient=False) as live:
        while True:
            found = _only(use_case, executions.snapshot(deployed, limit=last, known=known))
            known |= {execution.arn: execution for execution in found}
            live.update(_picture(found))
            time.sleep(FOLLOW_SECONDS)


def _changed(before: Execution | None, after: Execution) -> bool:
    return before is None or (before.status, before.visits) != (after.status, after.visits)


def _show_change(execution: Execution, *, as_json: bool) -> None:
    now = executions.now()
    if as_json:
        show_json_line(execution.as_json(now))
        return
    states = ", ".join(visit.name for visit in execution.running_states) or execution.status
    console().print(
        f"{moment(now)}  {execution.machine:<10}  {execution.use_case:<8}  {states}  {execution.reason}",
    )


def _picture(found: list[Execution]) -> Group:
    now = executions.now()
    running = [execution for execution in found if execution.status == "RUNNING"]
    ended = [execution for execution in found if execution.status != "RUNNING"]
    parts: list[Table | Text] = []
    table = _grid("Running", "workflow", "use case", "state", "time in state", "time in all", "working on")
    for execution in running:
        for visit in execution.running_states:
            waits = " (waits for a person)" if visit.name in WAITS_FOR_A_PERSON else ""
            table.add_row(
                execution.machine,
                execution.use_case,
                visit.name + waits,
                duration(visit.seconds(now)),
                duration((now - execution.started).total_seconds()),
                execution.key or execution.name,
            )
    parts.append(table if running else Text("Nothing is running."))
    table = _grid(
        "\nEnded", "workflow", "use case", "status", "started", "duration", "reason, or what it worked on"
    )
    for execution in ended:
        seconds = ((execution.stopped or now) - execution.started).total_seconds()
        table.add_row(
            execution.machine,
            execution.use_case,
            verdict(execution.status),
            moment(execution.started),
            duration(seconds),
            Text(execution.reason or execution.key or execution.name),
        )
    return Group(*parts, *([table] if ended else []))


def _grid(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def queue(*, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False) -> None:
    """Show what runs and what waits for its turn: files to be read, jobs, training runs.

    For example:

        clinrisk queue

        clinrisk queue --json

    The stack's parameters (IngestsAtOnce, TransformJobsAtOnce ...) say how many run at once; fewer do for a
    while where AWS has refused more. Results go before models and those before a shadow, small batches before
    large ones; who has waited for half an hour moves up.
    """
    open_stack(stack, on_twin=twin)
    with working("Reading the queue ...", quiet=as_json):
        found = _pools(executions.now())
    if as_json:
        show_json(found)
        return
    none = "Nothing runs, and nothing waits."
    pools = [
        (one["pool"], str(one["limit"]), str(len(one["running"])), str(len(one["waiting"]))) for one in found
    ]
    show_table("Turns", ("what", "at once", "running", "waiting"), pools, none)
    lines = [
        (
            one["pool"],
            str(request["position"]),
            request["use_case"],
            request["execution"],
            duration(request["waited_seconds"]),
            "" if request["seconds_left"] is None else f"about {duration(request['seconds_left'])}",
        )
        for one in found
        for request in one["waiting"]
    ]
    if lines:
        console().print()
        show_table(
            "In line", ("what", "place", "use case", "execution", "has waited", "still waits"), lines, ""
        )


def _pools(now: datetime) -> list[dict[str, Any]]:
    """Return every pool with what runs in it and what waits, in line."""
    from clinrisk.aws.tables import slots
    from clinrisk.core.operations import slot_pool

    found = []
    for state in slots.pools():
        limit = slot_pool.limit_of(state, slots.limits(), now)
        line = slot_pool.in_line(slots.waiting(state.pool), now)
        found.append(
            {
                "pool": state.pool,
                "limit": limit,
                "running": [_name_of(one.execution) for one in state.holders],
                "waiting": [
                    _request(one, position, state, limit, now) for position, one in enumerate(line, start=1)
                ],
            }
        )
    return found


def _request(one: Waiting, position: int, state: PoolState, limit: int, now: datetime) -> dict[str, Any]:
    from clinrisk.core.operations import slot_pool

    return {
        "position": position,
        "use_case": one.use_case,
        "execution": _name_of(one.execution),
        "urgency": one.urgency,
        "waited_seconds": round((now - slot_pool.moment(one.asked_at)).total_seconds(), 1),
        "seconds_left": slot_pool.seconds_to_wait(position, state, limit),
    }


def _name_of(execution: str) -> str:
    return execution.rpartition(":")[2]
