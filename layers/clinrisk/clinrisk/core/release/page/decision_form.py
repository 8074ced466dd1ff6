"""The answer of an approver: what it must hold before anything is decided, and what it still lacks."""

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
class FormAnswer:
    """A complete answer."""

    decision: str
    reason: str


def objections(form: Mapping[str, str], version: int, *, shown: str, outdated: str = "") -> list[str]:
    """List what the form still lacks; empty means that it may be decided.

    `shown` is the digest of the evidence as it is now, `outdated` is the reason why it allows no release.

    >>> form = {"decision": "approve", "version": "3", "reason": "Better calibrated.", "shown": "0a"}
    >>> objections(form, 3, shown="0a")
    []
    >>> objections(form, 2, shown="0a")
    ['Type the version number shown on this page: 2.']
    >>> objections(form, 3, shown="0b")
    ['There is new evidence since you opened this page. Please read it, then decide.']
    """
    found = []
    if form.get("shown", "") != shown:
        found.append("There is new evidence since you opened this page. Please read it, then decide.")
    if outdated and form.get("decision", "") == "approve":
        found.append(f"This version cannot be released. {outdated}")
    if form.get("decision", "") not in DECISIONS:
        found.append("Choose whether to approve or to reject.")
    if form.get("version", "").strip() != str(version):
        found.append(f"Type the version number shown on this page: {version}.")
    length = len(form.get("reason", "").strip())
    if length < SHORTEST_REASON:
        found.append(f"Give a reason of at least {SHORTEST_REASON} characters.")
    elif length > LONGEST_REASON:
        found.append(f"Give a reason of at most {LONGEST_REASON} characters.")
    return found


def answer_of(form: Mapping[str, str]) -> FormAnswer:
    """Return the answer of a form that nothing is objected to."""
    return FormAnswer(DECISIONS[form["decision"]], form["reason"].strip())
