"""Whether enough people can decide about each use case: who may, who has enrolled, whom mail reaches."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cli.screen import console
from clinrisk import use_cases
from clinrisk.use_cases.approval_policy import policy_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def people() -> list[dict[str, Any]]:
    """Return every approver as people may see them, whether mail reaches them, what they are asked about."""
    from clinrisk.aws.notifications import subscriptions
    from clinrisk.aws.tables import approvers

    reached, now = subscriptions.confirmed(), datetime.now(UTC)
    asked = {name: approvers.of_use_case(name, now) for name in use_cases.names()}
    return [
        approvers.shown(one, now)
        | {
            "confirmed": one.subscription in reached,
            "asked_about": [name for name, people in asked.items() if one in people],
        }
        for one in approvers.listed()
    ]


def able(found: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return those who can answer: they have enrolled, and mail reaches them."""
    return [one for one in found if one["state"] == "ENROLLED" and one["confirmed"]]


def lacking(found: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return in words, by use case, why nobody could approve now; without those where enough people can.

    Whoever asked for what is open counts: nobody is the only one who approves what they asked for.
    """
    from clinrisk.aws.tables import open_requests

    there, reasons, now = able(found), {}, datetime.now(UTC)
    for name in use_cases.names():
        people = [(one["role"], one["identity"]) for one in there if name in one["asked_about"]]
        reasons[name] = policy_of(name).lacking(people, open_requests.askers(name, now))
    return {name: reason for name, reason in reasons.items() if reason}


def warn(reasons: Mapping[str, str]) -> None:
    """Print where nobody could approve, with the command that mends it."""
    for name, reason in reasons.items():
        console().print(
            f"{name}: nobody can approve a release. {reason} (enrolled, and mail arrives)", style="red"
        )
    if reasons:
        console().print("Who may decide, and what each still lacks: clinrisk approvers list")
