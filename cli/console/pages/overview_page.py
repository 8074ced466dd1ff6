"""The first page: what is live, what waits for a person, what is wrong, and what runs now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template

from cli import executions, operations, scoring, status
from cli.alarms.alarm_commands import alarms_of
from cli.approvers import gates
from cli.console.site import ConsoleSite, attempt, site
from cli.release import approval_commands, live_commands, unanswered_changes
from clinrisk import use_cases

if TYPE_CHECKING:
    from clinrisk.messages.monitoring import KnownFinding

blueprint = Blueprint("overview", __name__)
PER_MACHINE = 25
ENDED_SHOWN = 12
NEWEST_UPLOADS = 20
STUCK_LASTS_SECONDS = 60.0
PATIENCE_MINUTES = 15
FAILED = {"FAILED", "TIMED_OUT", "ABORTED"}


@blueprint.get("/")
def show() -> str:
    """Show the overview; every part of it may fail by itself."""
    here = site()
    stuck = here.slowly(
        "stuck", lambda: operations.reconcile(here.stack, PATIENCE_MINUTES)["stuck"], STUCK_LASTS_SECONDS
    )
    return render_template(
        "overview.html",
        live=attempt(
            lambda: {name: live_commands.live_of(here.stack, name, None) for name in use_cases.names()}
        ),
        decided_by=approval_commands.decided_by,
        waits=attempt(_waits),
        gates=attempt(lambda: gates.lacking(gates.people())),
        alarms=attempt(lambda: alarms_of(here.stack.name)),
        findings=attempt(open_findings),
        stuck=stuck,
        runs=attempt(lambda: newest_executions(here)),
        waits_for_a_person=status.WAITS_FOR_A_PERSON,
        failed=FAILED,
        now=executions.now(),
    )


def _waits() -> dict[str, list[Any]]:
    """Return what waits for a person: questions about models, changes to be countersigned, held uploads."""
    names = use_cases.names()
    asked = [
        one for name in names for one in approval_commands.approvals_of(name) if one["status"] == "PENDING"
    ]
    uploads = [one for name in names for one in scoring.newest_uploads(name, NEWEST_UPLOADS)]
    return {
        "approvals": asked,
        "changes": unanswered_changes.waiting(executions.now().timestamp()),
        "held": [scoring.upload_facts(one) for one in uploads if one.disposition == "HELD"],
    }


def open_findings() -> list[KnownFinding]:
    """Return the findings that are not over, the newest change first."""
    from clinrisk.aws.tables import finding_items
    from clinrisk.core.monitoring.memory.known_findings import OVER

    known = [one for name in use_cases.names() for one in finding_items.of_use_case(name)]
    return sorted(
        (one for one in known if one.state not in OVER), key=lambda one: one.changes[-1].at, reverse=True
    )


def newest_executions(here: ConsoleSite) -> list[executions.Execution]:
    """Return what runs and what ended last; only of these the history is read, and of ended ones once."""
    listed = [
        (machine, one)
        for machine in executions.MACHINES
        for one in executions.recent(here.stack, machine, limit=PER_MACHINE)
    ]
    listed.sort(key=lambda one: one[1]["startDate"], reverse=True)
    running = [one for one in listed if one[1]["status"] == "RUNNING"]
    ended = [one for one in listed if one[1]["status"] != "RUNNING"][:ENDED_SHOWN]
    found = [
        here.known.get(one["executionArn"]) or executions.load(here.stack, machine, one)
        for machine, one in (*running, *ended)
    ]
    here.keep(one for one in found if one.status != "RUNNING")
    return found
