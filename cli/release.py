"""`train`, `evaluate`, `approvals`, `live`: new candidates on demand, what people decided, what serves."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli import executions
from cli.bucket_objects import RESULTS, objects_under
from cli.command_errors import CliError
from cli.executions import MACHINES
from cli.options import AsJson, OneUseCase, OnTwin, StackName, UseCaseName, known_use_case, one_or_all
from cli.screen import console, moment, show_json, show_table, verdict, working
from cli.stack import open_stack
from clinrisk.core import object_keys
from clinrisk.core.release import obstacles

if TYPE_CHECKING:
    from cli.stack import Stack

NEWEST = 50
"""How many approvals or live versions of a use case are read at most."""
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


def _of_this_minute(what: str, reason: str, digits: int) -> str:
    """Return digits for a name: the same command twice within a minute is one start."""
    asked = f"{what} {reason} {executions.now():%Y-%m-%d %H:%M}"
    return hashlib.sha256(asked.encode()).hexdigest()[:digits]


def _start(deployed: Stack, name: str, given: dict[str, str]) -> None:
    from clinrisk.aws import stepfunctions

    stepfunctions.start(deployed.output(MACHINES["training"]), name, given)


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
    listed = _approvals_of(use_case)
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


def approvals(
    use_case: OneUseCase = None, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Show the candidates that wait for a decision, the decisions that were made, and their outcome.

    For example:

        clinrisk approvals

        clinrisk approvals stroke --json

    Decisions are made on the page behind the mailed link, which shows the evidence.
    """
    open_stack(stack, on_twin=twin)
    with working("Reading approvals ...", quiet=as_json):
        found = [item for name in one_or_all(use_case) for item in _approvals_of(name)]
    if as_json:
        show_json(found)
        return
    rows = [
        (
            str(item["use_case"]),
            str(item.get("package_version", "")),
            verdict(str(item.get("status", "?"))),
            moment(item.get("created_at")),
            moment(item.get("decided_at")) or f"open until {moment(item.get('expires_at'))}",
            _decided_by(item),
            str(item.get("reason") or ""),
            str(item["outcome"]),
        )
        for item in sorted(found, key=lambda item: str(item.get("created_at")), reverse=True)
    ]
    columns = ("use case", "version", "status", "asked", "decided", "by", "reason given", "outcome")
    show_table("Approvals", columns, rows, "No candidate has needed an approval yet.")


def live(
    use_case: OneUseCase = None,
    *,
    history: Annotated[
        bool, typer.Option("--history", help="Also list every version that was live.")
    ] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show which model serves each use case, since when, who approved it, its card, and its digests.

    For example:

        clinrisk live

        clinrisk live heart --history

        clinrisk live stroke --json

    It shows what is stored; whether that is what was approved is the question of `clinrisk audit verify`.
    """
    deployed = open_stack(stack, on_twin=twin)
    with working("Reading deployments ...", quiet=as_json):
        found = {name: _live_of(deployed, name, history=history) for name in one_or_all(use_case)}
    if as_json:
        show_json(found)
        return
    for name, now in found.items():
        if now["live"] is None:
            console().print(f"{name}: no model is live yet.")
        else:
            _show_live(name, now["live"])
        if now["history"]:
            rows = [
                (str(one.get("live_version", "")), moment(one.get("promoted_at")), str(one.get("run_id", "")))
                for one in now["history"]
            ]
            show_table(f"{name}: every live version", ("version", "since", "training run"), rows, "")


def _live_of(deployed: Stack, use_case: str, *, history: bool) -> dict[str, Any]:
    """Return the live model with decision and card, or None before the first release, and those before."""
    from clinrisk.aws.tables import approvals as requests
    from clinrisk.aws.tables import deployments

    now = deployments.stored_live(use_case)
    if now is not None:
        now |= {"approval": requests.stored(str(now.get("approval_id")))}
        now |= {"card": _newest_card(deployed, use_case, now)}
    before = deployments.stored_versions(use_case, limit=NEWEST) if history else []
    return {"live": now, "history": before}


def _newest_card(deployed: Stack, use_case: str, model: dict[str, Any]) -> str:
    """Return the address of the page of the newest edition: the one that was approved, or a later one."""
    folder = object_keys.card_editions(use_case, str(model["run_id"]))
    keys = [one["Key"] for one in objects_under(deployed, RESULTS, folder)]
    evaluated = object_keys.evaluation_name(str(model["evaluation_uri"]))
    first = object_keys.model_card(use_case, evaluated)["model_card"]
    newest = [first, *(key for key in keys if key.endswith(".html"))][-1]
    return f"s3://{deployed.output(RESULTS)}/{newest}"


def _show_live(name: str, model: dict[str, Any]) -> None:
    approval = model.get("approval") or {}
    console().print(
        Text.assemble(
            (name, "bold"),
            f": version {model.get('live_version')}, since {moment(model.get('promoted_at'))}, "
            f"approved by {_decided_by(approval)}, threshold {float(model.get('threshold', 0)):.4f}",
        )
    )
    digests = model.get("digests") or {}
    facts = [
        ("training run", str(model.get("run_id", ""))),
        ("package", str(model.get("package_arn", ""))),
        ("newest model card", str(model["card"])),
    ]
    show_table("", ("what", "sha256 or name"), [*facts, *((str(k), str(v)) for k, v in digests.items())], "")
    if approval.get("reason"):
        console().print(f"Reason given: {approval['reason']}")


def _approvals_of(use_case: str) -> list[dict[str, Any]]:
    """Return the approvals of a use case, newest first, each with its outcome."""
    from clinrisk.aws.tables import approvals as requests
    from clinrisk.aws.tables import deployments

    now = deployments.stored_live(use_case)
    version = 0 if now is None else int(now["live_version"])
    return [
        item | {"use_case": use_case, "outcome": _outcome(item, version)}
        for item in requests.stored_for(use_case, limit=NEWEST)
    ]


def _outcome(item: dict[str, Any], live_version: int) -> str:
    """Return the outcome of an approval, or why one that is open can no longer release anything."""
    if item.get("refusal"):
        return f"Not released. {item['refusal']}"
    if item.get("live_version"):
        return f"Live version {item['live_version']}."
    compared = (item.get("digests") or {}).get("champion_version")
    if item.get("status") == "PENDING" and compared is not None:
        return obstacles.outdated(int(compared), live_version, str(item.get("run_id")))
    return ""


def _decided_by(approval: dict[str, Any]) -> str:
    """Return the person behind a decision, as far as the record names one."""
    for field in ("approver", "decided_by"):
        if approval.get(field):
            return str(approval[field])
    return "the holder of the mailed link" if approval.get("decided_at") else ""
