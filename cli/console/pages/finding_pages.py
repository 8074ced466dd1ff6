"""Findings of monitoring: which are open, who looks after them, and what the newest run found."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template, request

from cli.console.command_runs import CommandRun, run
from cli.console.site import attempt, site
from cli.monitoring import newest_runs
from clinrisk import use_cases

blueprint = Blueprint("findings", __name__)
CHANGES = {"acknowledge": ("until", "reason"), "assign": ("to", "reason"), "resolve": ("reason",)}
"""What each command takes besides the finding."""


@blueprint.get("/findings")
def show() -> str:
    """Show the findings that are open, or all, and the newest run of each use case."""
    return _shown(None)


@blueprint.post("/findings")
def act() -> str:
    """Change a finding, or run the monitoring of a use case, by the command that does it."""
    action, subject = request.form.get("action", ""), request.form.get("subject", "")
    if action == "monitor" and subject in use_cases.names():
        return _shown(run("monitor", subject))
    if action not in CHANGES or subject not in {one.finding_id for one in _known()}:
        abort(404, "There is no such action.")
    return _shown(run(action, subject, **{name: request.form.get(name, "") for name in CHANGES[action]}))


def _shown(answer: CommandRun | None) -> str:
    from clinrisk.core.monitoring.memory.known_findings import OVER

    every = "all" in request.args
    found = attempt(_known)
    return render_template(
        "findings.html",
        findings=found
        if every or not isinstance(found, list)
        else [one for one in found if one.state not in OVER],
        every=every,
        over=OVER,
        runs=attempt(lambda: {name: newest_runs(site().stack, name, limit=1) for name in use_cases.names()}),
        answer=answer,
    )


def _known() -> list[Any]:
    from clinrisk.aws.tables import finding_items

    known = [one for name in use_cases.names() for one in finding_items.of_use_case(name)]
    return sorted(known, key=lambda one: one.changes[-1].at, reverse=True)
