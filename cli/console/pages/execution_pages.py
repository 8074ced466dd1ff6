"""Executions of the state machines: lists, and each as a picture whose states can be looked into."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request, url_for

from cli import executions, status
from cli.console import state_picture
from cli.console.site import attempt, site
from cli.executions import MACHINES
from cli.screen import duration
from clinrisk.core import failure_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

    from cli.executions import Execution

blueprint = Blueprint("executions", __name__)
PAGE = 25
LONGEST = 20_000
"""So many characters of a state's input or output are shown at most."""
_SECRET = re.compile(r"([?&](?:mac|token|X-Amz-[A-Za-z-]+)=)[^&\s\"\\]+")


@blueprint.get("/executions")
def show() -> str:
    """Show the newest executions of one state machine, or the next ones."""
    machine = request.args.get("of", "ingest")
    if machine not in MACHINES:
        abort(404, f"There is no such state machine; there are: {', '.join(MACHINES)}.")
    after = request.args.get("after", "")
    return render_template(
        "executions.html",
        machine=machine,
        machines=list(MACHINES),
        listed=attempt(lambda: _listed(machine, after)),
        after=after,
        now=executions.now(),
    )


def _listed(machine: str, after: str) -> dict[str, Any]:
    stack = site().stack
    more: Any = {"nextToken": after} if after else {}
    arn = stack.output(MACHINES[machine])
    return dict(stack.stepfunctions.list_executions(stateMachineArn=arn, maxResults=PAGE, **more))


@blueprint.get("/executions/<machine>/<name>")
def execution(machine: str, name: str) -> str:
    """Show one execution as a picture, and one of its states."""
    if machine not in MACHINES:
        abort(404, f"There is no such state machine; there are: {', '.join(MACHINES)}.")
    arn = f"{site().stack.output(MACHINES[machine]).replace(':stateMachine:', ':execution:')}:{name}"
    found = _execution(machine, arn, name)
    state = request.args.get("state", "")
    return render_template(
        "execution.html",
        run=found,
        picture=attempt(lambda: _picture(found)),
        state=state,
        stays=attempt(lambda: _stays(arn, state)) if state else [],
        waits=[one.name for one in found.running_states if one.name in status.WAITS_FOR_A_PERSON],
        now=executions.now(),
    )


def _execution(machine: str, arn: str, name: str) -> Execution:
    """Return an execution; one that has ended is read once."""
    here = site()
    found = here.known.get(arn)
    if found is None:
        found = executions.load(here.stack, machine, {"executionArn": arn, "name": name})
        if found.status != "RUNNING":
            here.keep([found])
    return found


def _picture(run: Execution) -> Markup:
    """Draw the machine as it is deployed, with the states that this execution has entered."""
    now = executions.now()
    described = site().stack.stepfunctions.describe_state_machine(
        stateMachineArn=site().stack.output(MACHINES[run.machine])
    )
    flow = state_picture.flow_of(json.loads(described["definition"]))
    seconds: dict[str, float] = defaultdict(float)
    times: dict[str, int] = defaultdict(int)
    for visit in run.visits:
        seconds[visit.name] += visit.seconds(now)
        times[visit.name] += 1
    notes = {
        name: duration(took) + (f", {times[name]} times" if times[name] > 1 else "")
        for name, took in seconds.items()
    }
    lit = dict.fromkeys(seconds, "done") | {one.name: "now" for one in run.running_states}
    if run.visits and run.status not in {"RUNNING", "SUCCEEDED"}:
        lit[run.visits[-1].name] = "failed"

    def address(state: str) -> str:
        return url_for(
            "executions.execution", machine=run.machine, name=run.name, state=state, _anchor="state"
        )

    return state_picture.draw(flow, lit, notes, address, f"The states of {run.machine}")


def _stays(arn: str, state: str) -> list[dict[str, Any]]:
    """Return every stay in a state: what came in, what went out, and what failed meanwhile, in words."""
    pages = (
        site()
        .stack.stepfunctions.get_paginator("get_execution_history")
        .paginate(executionArn=arn, includeExecutionData=True)
    )
    found: list[dict[str, Any]] = []
    inside = False
    for event in (event for page in pages for event in page["events"]):
        details: Mapping[str, Any] = next(
            (
                value
                for key, value in event.items()
                if key.endswith("EventDetails") and isinstance(value, dict)
            ),
            {},
        )
        if event["type"].endswith("StateEntered"):
            inside = details.get("name") == state
            if inside:
                found.append(
                    {"at": event["timestamp"], "input": readable(details.get("input", "")), "errors": []}
                )
        elif event["type"].endswith("StateExited") and details.get("name") == state and found:
            inside = False
            found[-1]["output"] = readable(details.get("output", ""))
        elif inside and details.get("error"):
            found[-1]["errors"].append(failure_text.explained(details["error"], details.get("cause", "")))
    return found


def readable(text: str) -> str:
    r"""Return JSON on several lines, without what opens a personal link; cut where it is long.

    >>> readable('{"link":"https://a/b?x=1&mac=abc"}')
    '{\n  "link": "https://a/b?x=1&mac=(hidden)"\n}'
    """
    try:
        value = json.loads(text)
    except ValueError:
        return text[:LONGEST]
    shown = _SECRET.sub(r"\1(hidden)", json.dumps(value, indent=2, ensure_ascii=False))
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}\n..."
