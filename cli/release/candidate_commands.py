"""`train`, `evaluate`, `reference`: new candidates on demand, and references of models that are not ours."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

import typer

from cli import executions
from cli.command_errors import CliError
from cli.executions import MACHINES
from cli.options import AsJson, OnTwin, StackName, UseCaseName, known_use_case, one_or_all
from cli.release import approval_commands
from cli.screen import console, show_json
from cli.stack import open_stack
from clinrisk import use_cases
from clinrisk.core import object_keys

if TYPE_CHECKING:
    from cli.stack import Stack

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; the run's plan keeps it.")]


def train(
    use_case: UseCaseName,
    *,
    reason: Reason,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Train a candidate of a use case now, on every training file that counts.

    For example:

        clinrisk train heart --reason "The last training was stopped."

    While another training run of the use case waits for its turn, that one does this one's work.
    """
    known_use_case(use_case)
    external = use_cases.get(use_case).external
    if external is not None:
        raise CliError(
            f"The model of {use_case} is of {external.vendor}: nothing is trained here.",
            f"To watch it against other predictions: clinrisk reference {use_case} --cohort TEXT",
        )
    deployed = open_stack(stack, on_twin=twin)
    run_id = f"{use_case}-{_of_this_minute(use_case, reason, 10)}"
    _start(deployed, run_id, {"use_case": use_case, "reason": reason})
    _show_started({"use_case": use_case, "run_id": run_id, "execution": run_id}, as_json=as_json)


def evaluate(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A training run, as mails name it.")],
    *,
    reason: Reason,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Evaluate the models of a training run again, against the model that is live now, and ask about them.

    For example:

        clinrisk evaluate heart-0123456789 --reason "Another model went live."

    Nothing is trained again. What an earlier evaluation found stays where it is.
    """
    deployed = open_stack(stack, on_twin=twin)
    use_case = _use_case_of(deployed, run)
    _check_undecided(use_case, run)
    name = f"{run}-evaluate-{_of_this_minute(run, reason, 8)}"
    _start(deployed, name, {"use_case": use_case, "run_id": run, "reason": reason})
    _show_started({"use_case": use_case, "run_id": run, "execution": name}, as_json=as_json)


def reference(
    use_case: UseCaseName,
    *,
    cohort: Annotated[
        str, typer.Option("--cohort", metavar="TEXT", help="Whom the predictions are about. Name no patient.")
    ],
    uploads: Annotated[
        list[str] | None,
        typer.Option(
            "--upload", metavar="UPLOAD", help="A file of predictions; repeat it. Default: all that count."
        ),
    ] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Evaluate predictions of a model that is not ours, and ask approvers to accept them as its reference.

    For example:

        clinrisk reference readmission --cohort "Discharges of January, all wards"

    Outcomes have to be known by then. What is accepted is what monitoring holds later predictions against.
    """
    from clinrisk.aws import stepfunctions

    known_use_case(use_case)
    if use_cases.get(use_case).external is None:
        raise CliError(
            f"The model of {use_case} is ours: its reference comes with its training.",
            f"For another candidate: clinrisk train {use_case} --reason TEXT",
        )
    deployed = open_stack(stack, on_twin=twin)
    run_id = f"{use_case}-{_of_this_minute(use_case, cohort, 10)}"
    asked = {"change": "ACCEPT_REFERENCE", "use_case": use_case, "run_id": run_id, "cohort": cohort}
    given = asked | {"uploads": uploads or [], "person": deployed.caller()}
    stepfunctions.start(deployed.output(MACHINES["release"]), run_id, given)
    _show_started({"use_case": use_case, "run_id": run_id, "execution": run_id}, as_json=as_json)


def _of_this_minute(what: str, reason: str, digits: int) -> str:
    """Return digits for a name: the same command twice within a minute is one start."""
    asked = f"{what} {reason} {executions.now():%Y-%m-%d %H:%M}"
    return hashlib.sha256(asked.encode()).hexdigest()[:digits]


def _start(deployed: Stack, name: str, given: dict[str, str]) -> None:
    """Start a training or an evaluation; it states who asked, who cannot be the only one to approve it."""
    from clinrisk.aws import stepfunctions

    asked = given | {"person": deployed.caller()}
    stepfunctions.start(deployed.output(MACHINES["training"]), name, asked)


def _show_started(started: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        show_json(started)
        return
    console().print(
        f"Run {started['run_id']} has started as {started['execution']}. "
        "Follow it: clinrisk status --follow. Whether it waits for its turn: clinrisk queue"
    )


def _use_case_of(deployed: Stack, run: str) -> str:
    """Return the use case that a training run belongs to; raises CliError when there is no such run."""
    for use_case in one_or_all(None):
        plan = object_keys.training_plan(use_case, run)
        bucket = deployed.output("LakeBucket")
        if deployed.s3.list_objects_v2(Bucket=bucket, Prefix=plan, MaxKeys=1).get("Contents"):
            return use_case
    raise CliError(f"There is no training run {run!r}.", "See which there were: clinrisk approvals")


def _check_undecided(use_case: str, run: str) -> None:
    """Raise CliError where the run's candidate is live, was decided about, or still waits for a decision."""
    listed = approval_commands.approvals_of(use_case)
    found = next((item for item in listed if item.get("run_id") == run), None)
    if found is None or (found.get("status") == "PENDING" and found["outcome"]):
        return
    if found.get("live_version"):
        raise CliError(f"Run {run} was released: {found['outcome']}", "See what is live: clinrisk live")
    if found.get("status") == "PENDING":
        raise CliError(
            f"The question about run {run} is open, and its evidence holds.",
            "Decide on the page behind the mailed link; see it in: clinrisk approvals",
        )
    if found.get("status") in {"APPROVED", "REJECTED"}:
        raise CliError(
            f"Run {run} has been decided about: {found['status']}.",
            f"For another candidate: clinrisk train {use_case} --reason TEXT",
        )
