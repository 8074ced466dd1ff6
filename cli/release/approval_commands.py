"""`approvals`: what people were asked, what they decided, and what became of it."""

from __future__ import annotations

from typing import Any

from cli.options import AsJson, OneUseCase, OnTwin, StackName, one_or_all
from cli.screen import moment, show_json, show_table, verdict, working
from cli.stack import open_stack
from clinrisk.core.release import obstacles

NEWEST = 50
"""How many approvals of a use case are read at most."""


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
        found = [item for name in one_or_all(use_case) for item in approvals_of(name)]
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
            decided_by(item),
            str(item.get("reason") or ""),
            str(item["outcome"]),
        )
        for item in sorted(found, key=lambda item: str(item.get("created_at")), reverse=True)
    ]
    columns = ("use case", "version", "status", "asked", "decided", "by", "reason given", "outcome")
    show_table("Approvals", columns, rows, "No candidate has needed an approval yet.")


def approvals_of(use_case: str) -> list[dict[str, Any]]:
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


def decided_by(approval: dict[str, Any]) -> str:
    """Return the person behind a decision, as far as the record names one."""
    for field in ("approver", "decided_by"):
        if approval.get(field):
            return str(approval[field])
    return "the holder of the mailed link" if approval.get("decided_at") else ""
