"""One change of a known finding, as the ledger keeps it and as EventBridge carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from clinrisk.core.ledger.events import LedgerEvent

if TYPE_CHECKING:
    from clinrisk.messages.monitoring import FindingChange, KnownFinding

DETAIL_TYPE = "Finding Changed"
"""What EventBridge rules select the event by; its `detail` is as docs/finding-changed.schema.json has it."""


@dataclass(frozen=True, kw_only=True)
class FindingEntry(LedgerEvent):
    """Who changed what about which finding, and why; the words hold counts and shares, no value of a row."""

    event_name: ClassVar[str] = "finding changed"

    finding_id: str
    use_case: str
    check: str
    subject: str
    change: str
    number: int
    state: str
    owner: str
    due: str
    by: str
    note: str
    changed_at: str
    execution: str
    """The workflow that carried it out: the audit trail of AWS says who started it."""
    format: int = 1

    @property
    def identity(self) -> str:
        """Finding and number of the change."""
        return f"{self.use_case}/findings/{self.finding_id}-{self.number:06d}"

    @property
    def moment(self) -> str:
        """When it was changed."""
        return self.changed_at


def entry_of(finding: KnownFinding, change: FindingChange) -> FindingEntry:
    """Return a change of a finding as the ledger keeps it."""
    return FindingEntry(
        **finding.model_dump(include={"finding_id", "use_case", "check", "subject", "state", "owner", "due"}),
        change=change.kind,
        number=change.number,
        by=change.by,
        note=change.note,
        changed_at=change.at,
        execution=change.execution,
    )


def event_of(finding: KnownFinding, change: FindingChange) -> dict[str, Any]:
    """Return the detail of the event: `change_id` is the same however often it is delivered."""
    body = entry_of(finding, change).body()
    return body | {"change_id": f"{finding.finding_id}-{change.number}", "detail": finding.detail}
