"""What an approver has to say before anything is decided, and what is still lacking, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SHORTEST_REASON = 10
LONGEST_REASON = 1000
# The form's word for each decision, and the word that is kept.
DECISIONS = {"approve": "APPROVED", "reject": "REJECTED"}


@dataclass(frozen=True)
class Answer:
    """A complete answer."""

    decision: str
    reason: str


def objections(form: Mapping[str, str], version: int, *, shown: str, outdated: str = "") -> list[str]:
    """List what the form still lacks; empty means that it may be decided.

    `shown` is the digest of the evidence as it is now, `outdated` says why it allows no release any more.

    >>> form = {"decision": "approve", "version": "3", "reason": "Better calibrated.", "shown": "0a"}
    >>> objections(form, 3, shown="0a")
    []
    >>> objections(form, 2, shown="0a")
    ['Type the version number that this page shows: 2.']
    >>> objections(form, 3, shown="0b")
    ['The evidence has grown since you opened this page. Read it as it is now, then decide.']
    """
    found = []
    if form.get("shown", "") != shown:
        found.append("The evidence has grown since you opened this page. Read it as it is now, then decide.")
    if outdated and form.get("decision", "") == "approve":
        found.append(f"This version cannot be released. {outdated}")
    if form.get("decision", "") not in DECISIONS:
        found.append("Choose whether to approve or to reject.")
    if form.get("version", "").strip() != str(version):
        found.append(f"Type the version number that this page shows: {version}.")
    length = len(form.get("reason", "").strip())
    if length < SHORTEST_REASON:
        found.append(f"Give a reason of at least {SHORTEST_REASON} characters.")
    elif length > LONGEST_REASON:
        found.append(f"Keep the reason to {LONGEST_REASON} characters.")
    return found


def answer_of(form: Mapping[str, str]) -> Answer:
    """Give the answer of a form that nothing is objected to."""
    return Answer(DECISIONS[form["decision"]], form["reason"].strip())
