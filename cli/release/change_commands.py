"""`rollback`, `pause`, `resume`: what people change of what is live."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import executions
from cli.approvers import gates
from cli.command_errors import CliError
from cli.executions import MACHINES
from cli.options import AsJson, OnTwin, StackName, UseCaseName, known_use_case
from cli.screen import console, show_json, working
from cli.stack import open_stack
from clinrisk import use_cases

if TYPE_CHECKING:
    from cli.stack import Stack
    from clinrisk.messages.live_changes import ChangeQuestion

PATIENCE = 600.0
"""Seconds that a change may take: a rollback looks at every result since."""
Reason = Annotated[
    str,
    typer.Option(
        "--reason",
        metavar="TEXT",
        help="Why, in words that others will read: it is kept in the ledger and mailed. Name no patient.",
    ),
]


def rollback(
    use_case: UseCaseName,
    *,
    to: Annotated[
        int, typer.Option("--to", min=1, metavar="VERSION", help="A live version that `history` lists.")
    ],
    reason: Reason,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Make a model live again that was live before, at once, and recall what later ones stated.

    For example:

        clinrisk rollback heart --to 3 --reason "Version 4 flags too few women."

    It gets the next number: versions only grow. Its bytes and the signature of its approval are checked
    first. Results that later versions made are recalled, and those batches are scored again. An approver is
    mailed, and has to countersign it within the hours that the use case's policy states.
    """
    known_use_case(use_case)
    now = _live_version(use_case, stack, on_twin=twin)
    given = {"change": "ROLL_BACK", "to_version": to, "from_version": now}
    _change(use_case, given, reason, stack, as_json=as_json, on_twin=twin)


def pause(
    use_case: UseCaseName,
    *,
    reason: Reason,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Let no results of a use case go out from now on; batches wait, and are scored afterwards.

    For example:

        clinrisk pause heart --reason "The laboratory has changed its units."

    What was published before stays: to recall it, `clinrisk rollback` or `clinrisk withdraw`.
    """
    known_use_case(use_case)
    external = use_cases.get(use_case).external
    if external is not None:
        raise CliError(
            f"No results of {use_case} go out from here: its score is of {external.vendor}.",
            "Decide with those who use the score whether it may be relied on, and tell the vendor.",
        )
    _change(use_case, {"change": "PAUSE"}, reason, stack, as_json=as_json, on_twin=twin)


def resume(
    use_case: UseCaseName,
    *,
    reason: Reason,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Ask an approver to end a pause; when one agrees, the batches that waited are scored.

    For example:

        clinrisk resume heart --reason "The units are as before."

    Each approver is mailed a link and answers with a code of their phone. Nothing goes out before.
    """
    known_use_case(use_case)
    deployed = open_stack(stack, on_twin=twin)
    started, asked = _start(deployed, use_case, {"change": "RESUME"}, reason)
    with working("Asking an approver ...", quiet=as_json):
        question = _question_of(deployed, use_case, started)
    able = [one["name"] for one in gates.able(gates.people()) if use_case in one["asked_about"]]
    if as_json:
        show_json(asked | {"change_id": question.change_id, "approvers": able})
        return
    names = ", ".join(able) or "nobody can answer yet; what each lacks: clinrisk approvers list"
    console().print(f"Approvers are asked, and results stay paused until one agrees: {names}", markup=False)


def _live_version(use_case: str, stack: str | None, *, on_twin: bool) -> int:
    open_stack(stack, on_twin=on_twin)
    from clinrisk.aws.tables import deployments

    now = deployments.stored_live(use_case)
    if now is None:
        raise CliError(
            f"No model of {use_case} is live.", "See what waits for a decision: clinrisk approvals"
        )
    return int(now["live_version"])


def _change(
    use_case: str, given: dict[str, Any], reason: str, stack: str | None, *, as_json: bool, on_twin: bool
) -> None:
    """Have the release workflow carry a change out, and show the mail about it."""
    known_use_case(use_case)
    deployed = open_stack(stack, on_twin=on_twin)
    started, asked = _start(deployed, use_case, given, reason)
    with working("Changing what is live ...", quiet=as_json):
        _check(executions.await_end(deployed, "release", started, PATIENCE), use_case)
    made = json.loads(deployed.stepfunctions.describe_execution(executionArn=started)["output"])
    if as_json:
        show_json(asked | made)
    else:
        console().print(made["message"].rstrip(), markup=False)


def _start(deployed: Stack, use_case: str, given: dict[str, Any], reason: str) -> tuple[str, dict[str, Any]]:
    """Start a change, and return its execution and what it was given."""
    asked = given | {"use_case": use_case, "person": deployed.caller(), "reason": reason}
    name = f"{given['change'].lower().replace('_', '-')}-{use_case}-{secrets.token_hex(4)}"
    machine = deployed.output(MACHINES["release"])
    started = deployed.stepfunctions.start_execution(
        stateMachineArn=machine, name=name, input=json.dumps(asked)
    )
    return started["executionArn"], asked


def _question_of(deployed: Stack, use_case: str, execution: str) -> ChangeQuestion:
    """Return the question that an execution asks, as soon as it is asked; raises CliError where it ends."""
    from clinrisk.aws.tables import change_questions

    deadline = time.monotonic() + PATIENCE
    while True:
        found = [one for one in change_questions.of_use_case(use_case) if one.execution == execution]
        if found:
            return found[0]
        status = deployed.stepfunctions.describe_execution(executionArn=execution)["status"]
        if status != "RUNNING" or time.monotonic() > deadline:
            _check(executions.await_end(deployed, "release", execution, 0), use_case)
        time.sleep(executions.POLL_SECONDS)


def _check(ended: executions.Execution, use_case: str) -> None:
    if ended.status != "SUCCEEDED":
        raise CliError(f"It was not completed: {ended.reason}", f"See what is live: clinrisk live {use_case}")
