"""What may be decided about a settled upload, and what the ledger keeps of it. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from clinrisk.core.ledger.events import LedgerEvent
from clinrisk.messages.ingest import Disposition

Decision = Literal["HELD", "LET_THROUGH", "WITHDRAW"]
_WITHDRAWABLE = (Disposition.ACCEPTED, Disposition.PARTIAL, Disposition.HELD)


def outcome(decision: Decision, disposition: Disposition, *, rows_quarantined: int) -> Disposition | str:
    """Return the disposition that a decision leads to, or in words why it is refused.

    >>> outcome("LET_THROUGH", Disposition.HELD, rows_quarantined=0)
    <Disposition.ACCEPTED: 'ACCEPTED'>
    >>> outcome("WITHDRAW", Disposition.REJECTED, rows_quarantined=0)
    'The upload is REJECTED: none of its rows counts anywhere, so there is nothing to withdraw.'
    """
    if decision == "LET_THROUGH":
        if disposition != Disposition.HELD:
            return f"The upload is {disposition}, not HELD: there is nothing to let through."
        return Disposition.PARTIAL if rows_quarantined else Disposition.ACCEPTED
    if decision == "HELD":
        return Disposition.HELD
    if disposition == Disposition.WITHDRAWN:
        return "The upload has been withdrawn before: none of its rows counts any more."
    if disposition not in _WITHDRAWABLE:
        return (
            f"The upload is {disposition}: none of its rows counts anywhere, so there is nothing to withdraw."
        )
    return Disposition.WITHDRAWN


@dataclass(frozen=True)
class UploadDecisionEntry(LedgerEvent):
    """What a person decided about an upload, or that the door held it, as the ledger keeps it."""

    event_name: ClassVar[str] = "upload decided"

    use_case: str
    purpose: str
    upload_id: str
    object_key: str
    version_id: str
    sha256: str
    decision: Decision
    person: str
    reason: str
    decided_at: str
    execution: str
    """The workflow that carried it out: the audit trail of AWS says who started it."""
    before: str
    after: str
    """The dispositions."""
    format: int = 1

    @property
    def identity(self) -> str:
        """Upload, time and decision."""
        moment = "".join(character for character in self.decided_at if character.isalnum())
        return f"{self.use_case}/uploads/{self.upload_id}-{moment}-{self.decision.lower()}"

    @property
    def moment(self) -> str:
        """When it was decided."""
        return self.decided_at
