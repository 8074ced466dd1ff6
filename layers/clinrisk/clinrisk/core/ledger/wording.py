"""What an entry of the ledger says to an auditor, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS = {
    "asked": "Approvers are asked about version {package_version} of run {run_id}.",
    "closed": "The question about version {package_version} of run {run_id} is {outcome}: {why}",
    "agreed": "The first of two people has approved version {package_version} of run {run_id}: {by}.",
    "decided": "{decision} by {by}, version {package_version} of run {run_id}: {reason}",
    "released": "Version {package_version} of run {run_id} is live as {live_version}, after "
    "{previous_version}: {reason}",
    "rolled back": "Version {package_version} of run {run_id} is live again as {live_version}, in place of "
    "{previous_version}, by {person}: {reason}",
    "paused": "Results are paused by {person}: {reason}",
    "resumed": "Results go out again, by {person}: {reason}",
    "countersignature asked": "{change} by {person} waits for an approver: {reason}",
    "countersigned": "{answer} by {by}, {change} of {person}: {reason}",
    "not released": "Version {package_version} of run {run_id}: {refusal}",
    "approver added": "{name} ({role}), {mail}, for {use_cases}, by {by}",
    "approver identified": "{name} ({role}) gives commands as {aws_identity}, by {by}",
    "approver invited": "{name} ({role}), invitation {number}, by {by}",
    "approver enrolled": "{name} ({role}), invitation {number}",
    "approver removed": "{name} ({role}), by {by}",
    "wrong code": "Wrong code {number} under a link of {name} ({role}).",
    "approver locked": "No code of {name} ({role}) is taken for a while, after wrong code {number}.",
    "page opened": "The link of {name} ({role}) was opened.",
    "upload decided": "{decision} by {person}, upload {upload_id}, {before} to {after}: {reason}",
    "replayed": "{outcome}: results of upload {upload_id} by live version {live_version}, made again for "
    "{person}. {difference}",
    "erased": "{patients} patients of {use_case} are erased for {asked_by}, confirmed by {confirmed_by}; a "
    "search of {searched_objects} objects found nothing of them.",
    "legal hold changed": "Legal hold {hold_id} on {patients} patients {change} by {person}: {reason}",
    "alerted": "{response} after run {run}: {checks}",
    "finding changed": "{change} by {by}, {finding_id}: {note}",
    "deployed": "{change}, job code {code_sha256}, {layer}",
}


def in_words(event: str, body: Mapping[str, Any]) -> str:
    """Return who did what, or why; empty for an event that this version does not know.

    >>> in_words("not released", {"package_version": 3, "run_id": "heart-1", "refusal": "It has changed."})
    'Version 3 of run heart-1: It has changed.'
    """
    listed = {
        name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in body.items()
    }
    people = body.get("deciders") or [one for one in (body.get("decider"),) if one]
    named = " and ".join(f"{one['name']} ({one['role']})" for one in people)
    listed = {"by": named or "the holder of the mailed link"} | listed
    text = _WORDS.get(event, "").format_map(listed)
    return "".join(character if character.isprintable() else "?" for character in text)
