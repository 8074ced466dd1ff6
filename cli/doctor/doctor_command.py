"""`doctor`: whether a deployed stack is fit for work, with the command that mends what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cli.command_errors import explain
from cli.options import AsJson, OnTwin, StackName  # noqa: TC001 - typer reads them from the signature
from cli.screen import console, show_json, show_table, verdict, working
from cli.stack import open_stack

if TYPE_CHECKING:
    from cli.doctor.probes import DeployedParts, Probe

OK, WRONG, UNKNOWN = "OK", "WRONG", "UNKNOWN"


def doctor(*, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False) -> None:
    """Look at a deployed stack part by part: whether it is fit for work, and what mends it if not.

    For example:

        clinrisk doctor

        clinrisk doctor --json

    The last deploy, keys, functions, schedules and rules, whom mail reaches and whether enough people can
    approve, quotas for jobs, events that were not delivered, and alarms. Nothing is changed. What AWS did not
    answer is UNKNOWN. Exit code 1 where something is wrong. What stands still: clinrisk stuck.
    """
    from cli.doctor.probes import PROBES, QUOTAS, DeployedParts

    deployed = open_stack(stack, on_twin=twin)
    parts = DeployedParts(deployed)
    found: list[dict[str, str]] = []
    for name, probe in PROBES.items():
        if twin and name == QUOTAS:  # the twin's own: twin quota
            continue
        with working(f"Looking at {name} ...", quiet=as_json):
            found += _examined(name, probe, parts)
    if as_json:
        show_json(found)
    else:
        rows = [(one["part"], verdict(one["verdict"]), one["what"], one["remedy"]) for one in found]
        show_table(f"The stack {deployed.name}", ("part", "verdict", "what is wrong", "what to do"), rows, "")
        if all(one["verdict"] == OK for one in found):
            console().print("Everything is as it should be. What stands still: clinrisk stuck")
    if any(one["verdict"] == WRONG for one in found):
        raise typer.Exit(1)


def _examined(part: str, probe: Probe, parts: DeployedParts) -> list[dict[str, str]]:
    """Return what a probe found, as lines; of what AWS refuses to say, that it is unknown."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        faults = list(probe(parts))
    except (BotoCoreError, ClientError) as error:
        known = explain(error)
        return [{"part": part, "verdict": UNKNOWN, "what": str(known), "remedy": known.remedy}]
    if not faults:
        return [{"part": part, "verdict": OK, "what": "", "remedy": ""}]
    return [{"part": part, "verdict": WRONG, "what": one.what, "remedy": one.remedy} for one in faults]
