"""`live`: which model serves each use case, and which did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli.bucket_objects import RESULTS, objects_under
from cli.options import AsJson, OneUseCase, OnTwin, StackName, one_or_all
from cli.release.approval_commands import decided_by
from cli.screen import console, moment, show_json, show_table, working
from cli.stack import open_stack
from clinrisk.core import object_keys

if TYPE_CHECKING:
    from cli.stack import Stack

NEWEST = 50
"""How many live versions of a use case are read at most."""


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
            f"approved by {decided_by(approval)}, threshold {float(model.get('threshold', 0)):.4f}",
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
