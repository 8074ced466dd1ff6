"""`approvals` and `live`: what waits for a person, what people decided, and what serves patients now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import tables
from cli.options import AsJson, OnTwin, StackName, known_use_case
from cli.screen import console, moment, show_json, show_table, verdict, working
from cli.stack import open_stack

if TYPE_CHECKING:
    from cli.stack import Stack

OneUseCase = Annotated[str | None, typer.Argument(metavar="[USE_CASE]", help="Only this use case.")]


def _chosen(use_case: str | None) -> tuple[str, ...]:
    from clinrisk import use_cases

    return (known_use_case(use_case),) if use_case else use_cases.names()


def approvals(
    use_case: OneUseCase = None, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Show the candidates that wait for a decision, the decisions that were made, and what came of them.

    For example:

        clinrisk approvals

        clinrisk approvals stroke --json

    Deciding happens only on the page behind the mailed link: there the evidence is beside the button.
    """
    place = open_stack(stack, on_twin=twin)
    with working("Reading approvals ...", quiet=as_json):
        found = [item for name in _chosen(use_case) for item in _asked(place, name)]
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
            _who(item),
            str(item.get("reason") or ""),
            str(item["outcome"]),
        )
        for item in sorted(found, key=lambda item: str(item.get("created_at")), reverse=True)
    ]
    columns = ("use case", "version", "status", "asked", "decided", "by", "reason given", "what came of it")
    show_table("Approvals", columns, rows, "No candidate has asked for approval yet.")


def live(
    use_case: OneUseCase = None,
    *,
    history: Annotated[bool, typer.Option("--history", help="Every version that was ever live.")] = False,
    as_json: AsJson = False,
    stack: StackName = None,
    twin: OnTwin = False,
) -> None:
    """Show which model serves each use case, since when, who approved it, and the digests it is made of.

    For example:

        clinrisk live

        clinrisk live heart --history

        clinrisk live stroke --json
    """
    place = open_stack(stack, on_twin=twin)
    with working("Reading deployments ...", quiet=as_json):
        found = {
            name: (tables.live_model(place, name), tables.versions(place, name) if history else [])
            for name in _chosen(use_case)
        }
    if as_json:
        show_json({name: {"live": now, "history": before} for name, (now, before) in found.items()})
        return
    for name, (now, before) in found.items():
        if now is None:
            console().print(f"{name}: nothing is live yet.")
        else:
            _show_live(name, now)
        if before:
            rows = [
                (str(one.get("live_version", "")), moment(one.get("promoted_at")), str(one.get("run_id", "")))
                for one in before
            ]
            show_table(f"{name}: every live version", ("version", "since", "training run"), rows, "")


def _show_live(name: str, model: dict[str, Any]) -> None:
    approval = model.get("approval") or {}
    console().print(
        f"[bold]{name}[/]: version {model.get('live_version')}, since {moment(model.get('promoted_at'))}, "
        f"approved by {_who(approval)}, threshold {float(model.get('threshold', 0)):.4f}"
    )
    digests = model.get("digests") or {}
    facts = [("training run", str(model.get("run_id", ""))), ("package", str(model.get("package_arn", "")))]
    show_table("", ("what", "sha256 or name"), [*facts, *((str(k), str(v)) for k, v in digests.items())], "")
    if approval.get("reason"):
        console().print(f"reason given: {approval['reason']}", markup=False)


def _asked(place: Stack, use_case: str) -> list[dict[str, Any]]:
    """Return the approvals of a use case, each with what came of it."""
    live = tables.live_version(place, use_case)
    return [
        item | {"use_case": use_case, "outcome": _outcome(item, live)}
        for item in tables.approvals(place, use_case)
    ]


def _outcome(item: dict[str, Any], live_version: int) -> str:
    """Say what came of an approval, or why one that waits can release nothing any more."""
    from clinrisk.core.training import promotion

    if item.get("refusal"):
        return f"Not released. {item['refusal']}"
    if item.get("live_version"):
        return f"Live version {item['live_version']}."
    compared = (item.get("digests") or {}).get("champion_version")
    if item.get("status") == "PENDING" and compared is not None:
        return promotion.outdated(int(compared), live_version)
    return ""


def _who(approval: dict[str, Any]) -> str:
    """Return the person behind a decision, as far as the record names one."""
    for field in ("approver", "decided_by"):
        if approval.get(field):
            return str(approval[field])
    return "the holder of the mailed link" if approval.get("decided_at") else ""
