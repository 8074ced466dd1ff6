"""`alarms`: which alarms of the stack are on, since when, what each means, and what to do."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, OnTwin, StackName  # noqa: TC001 - typer reads them from the signature
from cli.screen import console, moment, show_json, show_table, verdict, working
from cli.stack import open_stack

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNBOOK = "docs/runbook.md"
_DESCRIPTION = re.compile(r"(?P<meaning>.*?) Do: (?P<remedy>.*) Runbook: (?P<section>\w+)\.", re.DOTALL)
_ORDER = ("ALARM", "INSUFFICIENT_DATA", "OK")


@dataclass(frozen=True)
class Alarm:
    """One alarm as it is now."""

    name: str
    """Its name in template.yaml."""
    state: str
    """ALARM, OK, or INSUFFICIENT_DATA while CloudWatch has not looked yet."""
    since: str
    reason: str
    """What CloudWatch saw."""
    meaning: str
    remedy: str
    runbook: str
    """The section that says more; empty where a stack of an earlier version names none."""


def alarms(
    *,
    every: Annotated[bool, typer.Option("--all", help="Show those that are off, too.")] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show the alarms that are on: since when, what each means, what to do, and the runbook's section.

    For example:

        clinrisk alarms

        clinrisk alarms --all --json

    An alarm goes off by itself once what it watches is in order for as long as it looks back: five minutes,
    an hour, or a day or two for what happens daily.
    """
    deployed = open_stack(stack, on_twin=twin)
    with working("Reading the alarms ...", quiet=as_json):
        known = alarms_of(deployed.name)
    shown = [one for one in known if every or one.state == "ALARM"]
    if as_json:
        show_json([asdict(one) for one in shown])
        return
    rows = [
        (one.name, verdict(one.state), moment(one.since), one.meaning, one.remedy, one.runbook)
        for one in shown
    ]
    columns = ("alarm", "state", "since", "what is wrong", "what to do", "runbook")
    blind = sum(one.state == "INSUFFICIENT_DATA" for one in known)
    unknown = f", {blind} of them without data to tell from" if blind else ""
    show_table("Alarms", columns, rows, f"No alarm is on; {len(known)} are watched{unknown}.")
    if shown and len(shown) < len(known):
        console().print(f"{len(known) - len(shown)} more are not on{unknown}: clinrisk alarms --all")


def alarms_of(stack: str) -> list[Alarm]:
    """Return the alarms that CloudFormation has named after a stack, those that are on first."""
    from clinrisk.aws import clients

    # Of a stack whose name begins like ours, the rest of the name has another hyphen.
    own = re.compile(rf"{re.escape(stack)}-(\w+)-\w+")
    pages = (
        clients.cloudwatch()
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{stack}-")
        .search("MetricAlarms")
    )
    found = [_alarm(named[1], one) for one in pages if (named := own.fullmatch(one["AlarmName"]))]
    return sorted(found, key=lambda one: (_ORDER.index(one.state), one.name))


def _alarm(name: str, found: Mapping[str, Any]) -> Alarm:
    described = found.get("AlarmDescription", "")
    parts = _DESCRIPTION.fullmatch(described)
    since = found.get("StateTransitionedTimestamp") or found["StateUpdatedTimestamp"]
    return Alarm(
        name=name,
        state=found["StateValue"],
        since=since.isoformat(),
        reason=found.get("StateReason", ""),
        meaning=parts["meaning"] if parts else described,
        remedy=parts["remedy"] if parts else "",
        runbook=f"{RUNBOOK}#{parts['section'].lower()}" if parts else "",
    )
