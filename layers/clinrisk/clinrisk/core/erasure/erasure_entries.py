"""What the ledger keeps of erasures and legal holds: counts, digests and who asked, and no id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from clinrisk.core.ledger.events import LedgerEvent

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class ErasureEntry(LedgerEvent):
    """That patients were erased, and that a search of everything found nothing of them afterwards."""

    event_name: ClassVar[str] = "erased"

    use_case: str
    request_id: str
    patients: int
    locations: Mapping[str, Mapping[str, int]]
    """Where something was found -> objects and rows."""
    uploads: int
    """Of so many uploads, rows that were accepted are gone."""
    learned_by: tuple[str, ...]
    """The evaluations whose models learned from one of the patients: they are kept."""
    searched_objects: int
    """In the search that proves it: of all their versions, none has a row of the patients."""
    searched_bytes: int
    report_sha256: str
    """Of the list of objects with their digests before and after, under `erased/` in the Lake."""
    asked_by: str
    confirmed_by: str
    asked_at: str
    erased_at: str
    format: int = 1

    @property
    def identity(self) -> str:
        """Use case and request."""
        return f"{self.use_case}/erasures/{self.request_id}"

    @property
    def moment(self) -> str:
        """When the search had found nothing more."""
        return self.erased_at


@dataclass(frozen=True, kw_only=True)
class LegalHoldEntry(LedgerEvent):
    """That patients may not be erased from now on, or may be again."""

    event_name: ClassVar[str] = "legal hold changed"

    use_case: str
    hold_id: str
    change: str
    """placed or released."""
    patients: int
    person: str
    reason: str
    changed_at: str
    format: int = 1

    @property
    def identity(self) -> str:
        """Use case, hold and change."""
        return f"{self.use_case}/legal-holds/{self.hold_id}/{self.change}"

    @property
    def moment(self) -> str:
        """When it changed."""
        return self.changed_at
