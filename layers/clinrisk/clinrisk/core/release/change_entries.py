"""Audit: what the ledger keeps about what people change of what is live, beside a rollback itself.

A rollback is a release as well: `ledger_entries`. An entry holds digests and no patient.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from clinrisk.core.digests import canonical_json
from clinrisk.core.ledger.events import LedgerEvent

if TYPE_CHECKING:
    from collections.abc import Mapping


def _plain(moment: str) -> str:
    """Return a moment without the colons that an identity may not have."""
    return moment.replace(":", "")


@dataclass(frozen=True, kw_only=True)
class PauseEntry(LedgerEvent):
    """That somebody paused a use case: no results of it go out."""

    event_name: ClassVar[str] = "paused"

    use_case: str
    person: str
    reason: str
    since: str
    execution: str
    format: int = 1

    @property
    def identity(self) -> str:
        """Use case and moment."""
        return f"{self.use_case}/paused/{_plain(self.since)}"

    @property
    def moment(self) -> str:
        """Since when."""
        return self.since


@dataclass(frozen=True, kw_only=True)
class ResumeEntry(LedgerEvent):
    """That somebody ended a pause."""

    event_name: ClassVar[str] = "resumed"
    first_stands: ClassVar[frozenset[str]] = frozenset({"resumed_at"})

    use_case: str
    person: str
    reason: str
    paused_since: str
    resumed_at: str
    execution: str
    change_id: str
    """Under which an approver has countersigned it; entries of format 1 name none."""
    format: int = 2

    @property
    def identity(self) -> str:
        """The pause that it ended."""
        return f"{self.use_case}/resumed/{_plain(self.paused_since)}"

    @property
    def moment(self) -> str:
        """When."""
        return self.resumed_at


@dataclass(frozen=True, kw_only=True)
class ChangeQuestionEntry(LedgerEvent):
    """That approvers were asked to countersign a change of what is live."""

    event_name: ClassVar[str] = "countersignature asked"

    use_case: str
    change_id: str
    change: str
    """ROLL_BACK, which is in effect already, or RESUME, which is not before it is countersigned."""
    person: str
    reason: str
    asked_at: str
    due_at: int
    live_version: int
    replaced: int
    restores: int
    paused_since: str
    format: int = 1

    @property
    def identity(self) -> str:
        """The change."""
        return f"{self.use_case}/changes/{self.change_id}/asked"

    @property
    def moment(self) -> str:
        """When it was asked."""
        return self.asked_at


@dataclass(frozen=True, kw_only=True)
class CountersignatureEntry(ChangeQuestionEntry):
    """What an approver answered, as it is signed."""

    event_name: ClassVar[str] = "countersigned"

    answer: str
    """COUNTERSIGNED or REFUSED."""
    decider: Mapping[str, str]
    """Who, with role, time, reason and the digest of what was shown (messages.Decider)."""
    policy: str
    signature: str = ""
    """The decision key's over `signed_content`, in base64."""

    @property
    def identity(self) -> str:
        """The change: it is answered once."""
        return f"{self.use_case}/changes/{self.change_id}/answered"

    @property
    def moment(self) -> str:
        """When it was answered."""
        return self.decider["decided_at"]

    @property
    def signed_content(self) -> bytes:
        """The bytes that are signed: the entry's canonical JSON without the signature."""
        return signed_content(asdict(self))


def signed_content(body: Mapping[str, Any]) -> bytes:
    """Return what is signed of the body of an entry: its canonical JSON without the signature."""
    return canonical_json({name: value for name, value in body.items() if name != "signature"})
