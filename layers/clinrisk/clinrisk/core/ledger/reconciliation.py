"""Whether what is live, and what was, is what the ledger states: nothing counts that a table alone says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clinrisk.core.ledger.verification import Difference
from clinrisk.core.release.change_entries import (
    CountersignatureEntry,
    PauseEntry,
    ResumeEntry,
    signed_content,
)
from clinrisk.core.release.ledger_entries import (
    DecisionEntry,
    ReleaseEntry,
    RollbackEntry,
    enough_people,
)
from clinrisk.messages.live_changes import COUNTERSIGNED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from clinrisk.core.ledger.chain import ChainedEntry

_RELEASED = ("run_id", "package_arn", "package_version", "approval_id", "digests", "previous_version")
LIVE = {ReleaseEntry.event_name, RollbackEntry.event_name}
"""The events after which another model is live."""
_SAME = 1e-9


@dataclass(frozen=True)
class LiveState:
    """What the tables state, by use case, as it is stored."""

    live: Mapping[str, Mapping[str, Any] | None]
    """The live pointers."""
    versions: Mapping[str, Sequence[Mapping[str, Any]]]
    """Their histories."""
    paused_since: Mapping[str, str]
    """The use cases that are paused now, and since when."""


def difference(
    entries: Sequence[ChainedEntry], state: LiveState, genuine: Callable[[bytes, str], bool]
) -> Difference | None:
    """Return the first thing in which ledger and tables disagree, or None.

    `genuine` says whether the decision key made a signature of some bytes.
    """
    released, forged = releases(entries, genuine)
    if forged:
        return forged
    for use_case in {**state.live, **released}:
        of_ledger = released.get(use_case, {})
        what = _pointer(use_case, of_ledger, state.live.get(use_case)) or _history(
            use_case, of_ledger, state.versions.get(use_case, ())
        )
        if what:
            return Difference(0, what)
    return _uncountersigned(entries, genuine) or _paused(entries, state.paused_since)


def _uncountersigned(
    entries: Iterable[ChainedEntry], genuine: Callable[[bytes, str], bool]
) -> Difference | None:
    """Return the first countersignature that is not genuine, or end of a pause that none stands before."""
    countersigned: dict[str, str] = {}
    for entry in entries:
        body, what = entry.body, ""
        if entry.event == CountersignatureEntry.event_name:
            if not genuine(*_signed(body)):
                what = f"the signature of the answer about {body['change_id']} does not hold"
            elif body["answer"] == COUNTERSIGNED:
                countersigned[body["change_id"]] = body["paused_since"]
        # Before format 2 nobody was asked.
        elif entry.event == ResumeEntry.event_name and (
            body["format"] > 1 and countersigned.get(body["change_id"]) != body["paused_since"]
        ):
            what = "no approver has countersigned this end of a pause"
        if what:
            return Difference(entry.number, f"Entry {entry.number}: {what}.")
    return None


def _paused(entries: Iterable[ChainedEntry], stored: Mapping[str, str]) -> Difference | None:
    """Return the first use case whose pause the table states otherwise than the ledger."""
    lasting: dict[str, str] = {}
    for entry in entries:
        if entry.event == PauseEntry.event_name:
            lasting[entry.use_case] = entry.body["since"]
        if entry.event == ResumeEntry.event_name:
            lasting.pop(entry.use_case, None)
    for use_case in sorted(lasting.keys() | stored.keys()):
        since = lasting.get(use_case)
        if since != stored.get(use_case):
            states = [f"paused since {one}" if one else "not paused" for one in (since, stored.get(use_case))]
            return Difference(0, f"{use_case}: {states[0]} in the ledger, {states[1]} in the table.")
    return None


def releases(
    entries: Iterable[ChainedEntry], genuine: Callable[[bytes, str], bool]
) -> tuple[dict[str, dict[int, dict[str, Any]]], Difference | None]:
    """Return the releases in the ledger, by use case and version, and the first fault before which it stops.

    A decision has to be signed, and a release to follow the approval of what it releases.
    """
    approved: dict[str, dict[str, Any]] = {}
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for entry in entries:
        body = entry.body
        if entry.event == DecisionEntry.event_name:
            if not genuine(*_signed(body)):
                what = f"the signature of the decision about run {body['run_id']} does not hold"
                return found, Difference(entry.number, f"Entry {entry.number}: {what}.")
            if not enough_people(body):
                what = f"fewer people decided about run {body['run_id']} than its policy asks for"
                return found, Difference(entry.number, f"Entry {entry.number}: {what}.")
            if body["decision"] == "APPROVED":
                approved[body["approval_id"]] = body
        if entry.event in LIVE:
            decision = approved.get(body["approval_id"], {})
            if decision.get("digests") != body["digests"]:
                what = f"no approval of what was released as version {body['live_version']} stands before it"
                return found, Difference(entry.number, f"Entry {entry.number}: {what}.")
            found.setdefault(entry.use_case, {})[body["live_version"]] = body
    return found, None


def _signed(body: Mapping[str, Any]) -> tuple[bytes, str]:
    return signed_content(body), str(body.get("signature", ""))


def _pointer(
    use_case: str, released: Mapping[int, Mapping[str, Any]], pointer: Mapping[str, Any] | None
) -> str:
    newest, stated = max(released, default=0), int(pointer["live_version"]) if pointer else 0
    if newest != stated:
        return (
            f"{use_case}: the live pointer names version {stated}, the newest release in the ledger is "
            f"{newest} (0: none)."
        )
    parts = differing(released[newest], pointer) if pointer else []
    return (
        f"{use_case}: the live pointer states other facts than the ledger: {', '.join(parts)}."
        if parts
        else ""
    )


def _history(
    use_case: str, released: Mapping[int, Mapping[str, Any]], versions: Sequence[Mapping[str, Any]]
) -> str:
    stored = {int(one["live_version"]): one for one in versions}
    for version in sorted(stored.keys() ^ released.keys()):
        where = "the ledger" if version in stored else "the history"
        return f"{use_case}: version {version} is missing in {where}."
    for version, one in stored.items():
        if parts := differing(released[version], one):
            return f"{use_case}: version {version} of the history states other facts: {', '.join(parts)}."
    return ""


def differing(released: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """Return the names of what a stored live model states otherwise than the entry of its release."""
    parts = [name for name in _RELEASED if stored.get(name) != released[name]]
    parts += ["restores"] if _restored(stored) != released.get("restores") else []
    same = math.isclose(float(stored.get("threshold", 0)), released["threshold"], rel_tol=_SAME)
    return parts if same else [*parts, "threshold"]


def _restored(stored: Mapping[str, Any]) -> int | None:
    rollback = stored.get("rollback")
    return int(rollback["restores"]) if rollback else None
