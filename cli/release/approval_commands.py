"""`approvals`: what people were asked, what they decided, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.bucket_objects import LAKE, read_json
from cli.options import AsJson, OneUseCase, OnTwin, StackName, one_or_all
from cli.screen import moment, show_json, show_table, verdict, working
from cli.stack import open_stack
from clinrisk import use_cases
from clinrisk.core import object_keys
from clinrisk.core.release import obstacles

if TYPE_CHECKING:
    from cli.stack import Stack

NEWEST = 50
"""How many approvals of a use case are read at most."""


def approvals(
    use_case: OneUseCase = None, *, as_json: AsJson = False, stack: StackName = None, twin: OnTwin = False
) -> None:
    """Show the candidates that wait for a decision, the decisions that were made, and their outcome.

    For example:

        clinrisk approvals

        clinrisk approvals stroke --json

    Decisions are made on the page behind the personal link that each approver is mailed, with a code of their
    phone. Who may decide: clinrisk approvers list
    """
    deployed = open_stack(stack, on_twin=twin)
    with working("Reading approvals ...", quiet=as_json):
        found = [
            item | {"outcome": item["outcome"] or _of_withdrawn_files(deployed, item)}
            for name in one_or_all(use_case)
            for item in approvals_of(name)
        ]
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
        item | {"use_case": use_case, "outcome": _outcome(item | {"use_case": use_case}, version)}
        for item in requests.stored_for(use_case, limit=NEWEST)
    ]


def _outcome(item: dict[str, Any], live_version: int) -> str:
    """Return the outcome of an approval, or that what an open one was compared with is no longer live."""
    if item.get("refusal"):
        return f"Not released. {item['refusal']}"
    if item.get("live_version"):
        return f"Live version {item['live_version']}."
    compared = (item.get("digests") or {}).get("champion_version")
    if item.get("status") == "PENDING" and compared is not None:
        return obstacles.outdated(int(compared), live_version, str(item.get("run_id")), item["use_case"])
    return ""


def _of_withdrawn_files(stack: Stack, item: dict[str, Any]) -> str:
    """Return that the candidate of an open approval learned from files that no longer count."""
    from clinrisk.aws.tables import uploads

    if item.get("status") != "PENDING" or not (item.get("digests") or {}).get("manifest"):
        return ""
    use_case = str(item["use_case"])
    manifest = read_json(stack, LAKE, object_keys.manifest(use_case, str(item["run_id"])))
    external = use_cases.get(use_case).external is not None
    purposes = ("predictions", "outcomes") if external else ("training",)
    counting = {upload.upload_id for purpose in purposes for upload in uploads.used(use_case, purpose)}
    return obstacles.withdrawn(manifest["sources"], counting, use_case, external=external)


def decided_by(approval: dict[str, Any]) -> str:
    """Return the people behind a decision, or behind the first yes of two."""
    people = approval.get("deciders") or (approval.get("agreement") or {}).get("deciders") or ()
    named = " and ".join(f"{one['name']} ({one['role']})" for one in people)
    if approval.get("status") == "PENDING" and named:
        return f"first yes: {named}"
    return named or ("the holder of the mailed link" if approval.get("decided_at") else "")
