"""Audit: what the ledger keeps about approvers: who they are, what was opened, which codes failed.

An entry names staff of the hospital, since a decision is theirs; it holds no code, no seed and no link.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from clinrisk.core.digests import sha256
from clinrisk.core.ledger.events import LedgerEvent


@dataclass(frozen=True, kw_only=True)
class ApproverEntry(LedgerEvent):
    """What every entry about an approver states: which one, and when."""

    first_stands: ClassVar[frozenset[str]] = frozenset({"happened_at"})

    approver_id: str
    name: str
    role: str
    """clinical or technical."""
    happened_at: str
    format: int = 1

    @property
    def identity(self) -> str:
        """The approver and what happened."""
        return f"approvers/{self.approver_id}/{self.event_name.replace(' ', '-')}"

    @property
    def moment(self) -> str:
        """When it happened."""
        return self.happened_at


@dataclass(frozen=True, kw_only=True)
class ApproverAddedEntry(ApproverEntry):
    """That somebody became an approver."""

    event_name: ClassVar[str] = "approver added"
    first_stands: ClassVar[frozenset[str]] = frozenset({"happened_at", "by"})

    mail: str
    use_cases: tuple[str, ...]
    by: str
    """Who ran the command, as AWS knows that identity; the command states it."""


@dataclass(frozen=True, kw_only=True)
class ApproverIdentifiedEntry(ApproverEntry):
    """By what AWS knows an approver from then on, when that person gives commands."""

    event_name: ClassVar[str] = "approver identified"
    first_stands: ClassVar[frozenset[str]] = frozenset({"happened_at", "by"})

    aws_identity: str
    by: str

    @property
    def identity(self) -> str:
        """The approver and what they are known by."""
        return f"{super().identity}/{sha256(self.aws_identity.encode())[:16]}"


@dataclass(frozen=True, kw_only=True)
class ApproverRemovedEntry(ApproverEntry):
    """That somebody is no approver any more."""

    event_name: ClassVar[str] = "approver removed"
    first_stands: ClassVar[frozenset[str]] = frozenset({"happened_at", "by"})

    by: str


@dataclass(frozen=True, kw_only=True)
class NumberedApproverEntry(ApproverEntry):
    """What may happen to one approver more than once."""

    number: int

    @property
    def identity(self) -> str:
        """The approver, what happened, and which time."""
        return f"{super().identity}/{self.number:06d}"


@dataclass(frozen=True, kw_only=True)
class ApproverInvitedEntry(NumberedApproverEntry):
    """That an approver was asked to enrol, the first time or again; codes made before end with it."""

    event_name: ClassVar[str] = "approver invited"
    first_stands: ClassVar[frozenset[str]] = frozenset({"happened_at", "by"})

    by: str


@dataclass(frozen=True, kw_only=True)
class ApproverAwayEntry(NumberedApproverEntry):
    """Until when an approver is asked nothing, and who is asked instead; `number` counts such changes."""

    event_name: ClassVar[str] = "approver away"
    first_stands: ClassVar[frozenset[str]] = frozenset({"happened_at", "by"})

    until: str
    deputy_id: str
    """"" where nobody is."""
    deputy_name: str
    by: str


@dataclass(frozen=True, kw_only=True)
class ApproverBackEntry(NumberedApproverEntry):
    """That an approver is asked again, before the time was over."""

    event_name: ClassVar[str] = "approver back"
    first_stands: ClassVar[frozenset[str]] = frozenset({"happened_at", "by"})

    by: str


@dataclass(frozen=True, kw_only=True)
class ApproverEnrolledEntry(NumberedApproverEntry):
    """That an approver has enrolled; `number` is the invitation's."""

    event_name: ClassVar[str] = "approver enrolled"


@dataclass(frozen=True, kw_only=True)
class WrongCodeEntry(NumberedApproverEntry):
    """That a code was wrong; `number` counts all that ever were."""

    event_name: ClassVar[str] = "wrong code"


@dataclass(frozen=True, kw_only=True)
class ApproverLockedEntry(NumberedApproverEntry):
    """That no code is taken for a while; `number` is that of the wrong code which led to it."""

    event_name: ClassVar[str] = "approver locked"


@dataclass(frozen=True, kw_only=True)
class PageOpenedEntry(ApproverEntry):
    """That an approver's link was opened first: by that person, or by whatever reads the mail."""

    event_name: ClassVar[str] = "page opened"

    use_case: str
    approval_id: str

    @property
    def identity(self) -> str:
        """The question and the approver."""
        return f"{self.use_case}/opened/{self.approval_id}/{self.approver_id}"
