"""`monitor` and `findings`: a monitoring run on demand, and what monitoring found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import executions
from cli.bucket_objects import LAKE, newest_objects, read_json
from cli.command_errors import CliError
from cli.executions import MACHINES
from cli.inbox_receipts import short_key
from cli.options import AsJson, OnTwin, StackName, UseCaseName, known_use_case
from cli.screen import console, moment, show_json, show_table, verdict, working
from cli.stack import open_stack
from clinrisk.core import object_keys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cli.stack import Stack


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
    use_case: UseCaseName,
    *,
    last: Annotated[int, typer.Option(min=1, help="How many monitoring runs to show.")] = 1,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show what monitoring found: quality, drift, performance and bias, batch by batch.

    For example:

        clinrisk findings heart

        clinrisk findings stroke --last 7 --json

    OK: within the limits. ALERT: to be investigated. NOT_EVALUATED: too few patients or no outcomes yet.
    """
    known_use_case(use_case)
    deployed = open_stack(stack, on_twin=twin)
    with working("Reading findings ...", quiet=as_json):
        runs = _newest_runs(deployed, use_case, limit=last)
    if as_json:
        show_json(runs)
    else:
        _show_findings(use_case, runs)


def _newest_runs(deployed: Stack, use_case: str, *, limit: int) -> list[dict[str, Any]]:
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
