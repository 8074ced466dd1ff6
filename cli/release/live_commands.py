"""`live` and `history`: which model serves each use case, and which did when."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli.bucket_objects import RESULTS, objects_under
from cli.options import (
    AsJson,
    OneUseCase,
    OnTwin,
    StackName,
    UseCaseName,
    known_use_case,
    one_or_all,
)
from cli.release.approval_commands import decided_by
from cli.screen import console, moment, show_json, show_table, working
from cli.stack import open_stack
from clinrisk import use_cases
from clinrisk.core import object_keys
from clinrisk.core.timestamps import stamp

if TYPE_CHECKING:
    from cli.stack import Stack

NEWEST = 1000
"""How many live versions of a use case are read at most."""


def live(
    use_case: OneUseCase = None,
    *,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
            metavar="TIME",
            help="What was live then, in UTC: 2026-03-01 (at the end of that day) or 2026-03-01T09:30:00.",
        ),
    ] = None,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show which model serves each use case, since when, who approved it, its card, and its digests.

    For example:

        clinrisk live

        clinrisk live heart --at 2026-03-01

        clinrisk live stroke --json

    It shows what is stored; whether that is what was approved is the question of `clinrisk audit verify`.
    """
    deployed = open_stack(stack, on_twin=twin)
    with working("Reading deployments ...", quiet=as_json):
        found = {name: live_of(deployed, name, at) for name in one_or_all(use_case)}
    if as_json:
        show_json(found)
        return
    for name, now in found.items():
        if now["live"] is None:
            console().print(f"{name}: no model {'was live then' if at else 'is live yet'}.")
        else:
            _show_live(name, now["live"])
        if now["pause"]:
            paused = now["pause"]
            console().print(
                f"{name}: its results are paused since {moment(paused['since'])} by {paused['person']}: "
                f"{paused['reason']} End it: clinrisk resume {name} --reason TEXT",
                markup=False,
            )


def history(
    use_case: UseCaseName, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Show every model that was live: from when until when, in place of which, by whose decision.

    For example:

        clinrisk history heart

    Make one of them live again: clinrisk rollback heart --to VERSION --reason TEXT
    """
    known_use_case(use_case)
    open_stack(stack, on_twin=twin)
    with working("Reading deployments ...", quiet=as_json):
        found = versions_of(use_case)
    if as_json:
        show_json(found)
        return
    rows = [
        (
            str(one["live_version"]),
            moment(one["from"]),
            moment(one["until"]) if one["until"] else "now",
            *(str(one[name] or "") for name in ("replaced", "compared_with", "restores")),
            *(str(one[name]) for name in ("run_id", "by", "reason")),
        )
        for one in found
    ]
    columns = ("version", "from", "until", "replaced", "compared with", "restores", "run", "by", "why")
    show_table(f"{use_case}: every live version", columns, rows, f"No model of {use_case} was ever live.")


def versions_of(use_case: str) -> list[dict[str, Any]]:
    """Return the versions of a use case, newest first, with what a reader needs of each."""
    from clinrisk.aws.tables import approvals as requests
    from clinrisk.aws.tables import deployments

    found, until = [], ""
    for one in deployments.stored_versions(use_case, limit=NEWEST):
        rollback = one.get("rollback") or {}
        approval = requests.stored(str(one["approval_id"])) or {}
        found.append(
            {
                "live_version": one["live_version"],
                "from": one["promoted_at"],
                "until": until,
                "replaced": one["previous_version"],
                "compared_with": int(one["digests"]["champion_version"]),
                "restores": rollback.get("restores", 0),
                "run_id": one["run_id"],
                "package_arn": one.get("package_arn", ""),
                "approval_id": one["approval_id"],
                "by": rollback.get("person") or decided_by(approval),
                "reason": rollback.get("reason") or approval.get("reason", ""),
            }
        )
        until = str(one["promoted_at"])
    return found


def live_of(deployed: Stack, use_case: str, at: datetime | None) -> dict[str, Any]:
    """Return a live model with decision and card, None where none was live, and the pause that lasts now."""
    from clinrisk.aws.tables import approvals as requests
    from clinrisk.aws.tables import change_questions, deployments, pauses

    found = _live_at(use_case, at) if at else deployments.stored_live(use_case)
    if found is not None:
        found |= {"approval": requests.stored(str(found.get("approval_id")))}
        found |= {"card": _newest_card(deployed, use_case, found)}
        mine = change_questions.rollback_id(use_case, int(found["live_version"]))
        for asked in change_questions.of_use_case(use_case):
            if asked.change_id == mine:
                found |= {"countersignature": asked.model_dump(include={"status", "decider"})}
    paused = None if at else pauses.current(use_case)
    return {"live": found, "pause": paused and paused.model_dump()}


def _live_at(use_case: str, at: datetime) -> dict[str, Any] | None:
    from clinrisk.aws.tables import deployments

    end = at if at.time() != time() else at + timedelta(days=1)
    before = stamp(end)
    listed = deployments.stored_versions(use_case, limit=NEWEST)
    return next((one for one in listed if str(one["promoted_at"]) < before), None)


def _newest_card(deployed: Stack, use_case: str, model: dict[str, Any]) -> str:
    """Return the address of the page of the newest edition: the one that was approved, or a later one."""
    if use_cases.get(use_case).external is not None:
        return "none: the vendor's"
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
            f"approved by {decided_by(approval)}, threshold {float(model.get('threshold', 0)):.4f}",
        )
    )
    if rollback := model.get("rollback"):
        text = (
            f"It restores live version {rollback['restores']}, by {rollback['person']}: {rollback['reason']}"
        )
        console().print(f"{text} {_countersigned(model.get('countersignature'))}".rstrip(), markup=False)
    digests = model.get("digests") or {}
    facts = [
        ("reference" if use_cases.get(name).external else "training run", str(model.get("run_id", ""))),
        ("package", str(model.get("package_arn", ""))),
        ("newest model card", str(model["card"])),
    ]
    show_table("", ("what", "sha256 or name"), [*facts, *((str(k), str(v)) for k, v in digests.items())], "")
    if approval.get("reason"):
        console().print(f"Reason given: {approval['reason']}")


def _countersigned(asked: dict[str, Any] | None) -> str:
    """Return in words what approvers say of a rollback; empty where they were not asked."""
    if asked is None:
        return ""
    if asked["decider"] is None:
        return "No approver has countersigned it yet."
    by = f"{asked['decider']['name']} ({asked['decider']['role']})"
    if asked["status"] == "COUNTERSIGNED":
        return f"Countersigned by {by}."
    return f"NOT countersigned: {by} refused. {asked['decider']['reason']}"
