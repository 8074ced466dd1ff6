"""The approval policy of a use case, read from approval_policies.toml: how many people have to agree.

A test compares each policy's digest with the pages in docs/decisions: it cannot change without a recorded
decision, and every decision of a person states the digest of the policy that it was taken under. Standard
library only.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROLES = ("clinical", "technical")
AUDIENCES = ("operator", "data_manager")
"""Whose addresses the deployment states."""


@dataclass(frozen=True)
class ApprovalPolicy:
    """What it takes to approve; a rejection takes one person."""

    quorum: int
    """How many different people, each of another role, have to approve."""
    countersign_hours: int = 24
    """Within so many hours a rollback, which is in effect at once, has to be countersigned."""
    escalation: str = "operator"
    """Who is mailed, beside a reminder to the approvers, when half the time has passed without an answer."""

    def __post_init__(self) -> None:
        """Refuse what nobody could satisfy; raises ValueError."""
        if self.quorum not in range(1, len(ROLES) + 1):
            message = f"A quorum is from 1 to {len(ROLES)}: there are so many roles."
            raise ValueError(message)
        if self.countersign_hours < 1:
            message = "It takes an hour at least to countersign."
            raise ValueError(message)
        if self.escalation not in AUDIENCES:
            message = f"No mail reaches {self.escalation!r}: it is one of {', '.join(AUDIENCES)}."
            raise ValueError(message)

    @property
    def digest(self) -> str:
        """The sha256 of the policy's canonical JSON, as decisions state it."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def lacking(self, people: Sequence[tuple[str, str]], asked_by: Iterable[str] = ()) -> str:
        """Return in words what people lack to approve together; empty when they can.

        Each is a role and the identity that AWS knows the person by, or "". `asked_by` are the identities of
        those who asked for what is open: nobody is the only one who approves what they asked for.

        >>> ann, bo = ("clinical", "arn:ann"), ("technical", "")
        >>> ApprovalPolicy(2).lacking([ann, ann])
        'It takes 2 approvers of different roles; there are: clinical 2, technical 0.'
        >>> ApprovalPolicy(2).lacking([ann, bo], ["arn:ann"]), ApprovalPolicy(1).lacking([bo])
        ('', '')
        >>> ApprovalPolicy(1).lacking([ann], ["arn:ann"])
        'arn:ann asked for what waits, and cannot be the only one who approves it.'
        """
        found = Counter(role for role, _ in people)
        if len(found) < self.quorum:
            there = ", ".join(f"{role} {found[role]}" for role in ROLES)
            wanted = "1 approver" if self.quorum == 1 else f"{self.quorum} approvers of different roles"
            return f"It takes {wanted}; there are: {there}."
        alone = [one for one in sorted(asked_by) if one and all(identity == one for _, identity in people)]
        return (
            f"{alone[0]} asked for what waits, and cannot be the only one who approves it." if alone else ""
        )


@cache
def policy_of(use_case: str) -> ApprovalPolicy:
    """Return the policy of a use case; raises TypeError where the file states anything else about it."""
    found: dict[str, dict[str, Any]] = tomllib.loads(policies_text())
    return ApprovalPolicy(**found.get(use_case, found["default"]))


def policies_text() -> str:
    """Return the text of the file."""
    return files("clinrisk.use_cases").joinpath("approval_policies.toml").read_text(encoding="utf-8")
